"""A shop with more interactions than the full model learns from gets the full model all the same, from the latest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from click.testing import CliRunner

from campaigns.cli.main import cli
from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.precompute import model_of, shelf_of
from campaigns.pipeline.recs_champion import challenge
from campaigns.pipeline.recs_drift import compare_populations
from campaigns.pipeline.recs_features import features_of, last_touch, touches_of_state, within
from campaigns.pipeline.refresh import refresh
from campaigns.pipeline.train import read_champion, read_history
from campaigns.storage.database import transaction
from campaigns.storage.profiles import find_profile_ids, read_profiles
from recsys import keys
from recsys.packing import unpack
from tests.recs.recs_shop import START, event
from triggers.events import EventName
from triggers.instants import micros
from triggers.state import ProfileState

pytestmark = pytest.mark.servers
MOST = 700
"""Of some 1,300 interactions, those of the last six days or so."""


@pytest.fixture
def large(engine: Engine, workspace: Workspace, environ: dict[str, str]) -> Iterator[Engine]:
    """The shop of these tests, as large as it can be for this limit. It has a model in force: in a first training a
    full model that does no better than the plain recipe would give way to it, also where it is forced."""
    environ["REKINDLE_RECS_BLEND_MOST"] = str(MOST)
    with open_engine(workspace.root, clock=VirtualClock(START), environ=environ) as host:
        challenge(host)
        yield host


def spoken(engine: Engine) -> dict[str, object]:
    """What the records of products and the bestseller lists in the cache say."""
    version = str(read_champion(engine)["version"])
    records = {k: v for k, v in shelf_of(engine).records(version) if not k.startswith("s:") and k != keys.MIX}
    return {key: unpack(record).lists for key, record in records.items()}


def test_the_full_model_learns_from_the_latest_and_the_rest_from_all(engine: Engine, large: Engine) -> None:
    assert challenge(engine, force=True).ranking == "blend"
    everything, all_rows = spoken(engine), read_champion(engine)
    found = challenge(large, force=True)
    assert found.published is not None and found.ranking == "blend"
    report, champion = found.published, read_champion(large)
    assert report.interactions == all_rows["interactions"] > MOST
    assert report.blend_interactions is not None and 0.9 * MOST < report.blend_interactions <= MOST
    assert all_rows["blend_interactions"] is None
    assert champion["blend_interactions"] == report.blend_interactions
    assert spoken(large) == everything
    model = model_of(large, report.version)
    assert model is not None and len(model.log) == report.blend_interactions
    large.models.clear()
    loaded = model_of(large, report.version)
    assert loaded is not None and loaded.days == model.days == champion["blend_days"]


def test_a_cut_history_is_no_mishap_and_is_compared_like_any_other(engine: Engine, large: Engine) -> None:
    challenge(engine, force=True)
    later = [
        event(EventName.PRODUCT_VIEWED, f"user-{n % 60}", START - timedelta(minutes=n % 50), f"P{n % 48}")
        for n in range(300)
    ]
    ingest_events(large, later)
    found = challenge(large)
    assert "fell from" not in found.reason
    assert found.contest.verdict is not None


def test_the_commands_say_from_how_many_the_full_model_learned(
    large: Engine, workspace: Workspace, environ: dict[str, str]
) -> None:
    run, base = CliRunner(env=environ), ["-w", str(workspace.root), "recs"]
    trained = run.invoke(cli, [*base, "train", "--force"], catch_exceptions=False).output
    count = read_champion(large)["blend_interactions"]
    said = f"(the full model from the latest {count:,}, of "
    assert said in trained
    assert said in run.invoke(cli, [*base, "status"], catch_exceptions=False).output
    document = json.loads(run.invoke(cli, ["--json", *base, "status"], catch_exceptions=False).stdout)
    assert document["champion"]["blend_interactions"] == count


def test_refreshes_go_on_and_nobody_loses_a_slate(large: Engine) -> None:
    challenge(large, force=True)
    ingest_events(large, [event(EventName.PRODUCT_VIEWED, "user-1", START - timedelta(minutes=1), "P40")])
    report = refresh(large)
    assert report is not None and report.interactions > MOST
    wanted = [keys.profile(one) for one in read_history(large).profiles]
    assert large.cache.find_missing(wanted) == []


def test_the_trained_and_the_served_are_looked_at_over_the_same_days(large: Engine) -> None:
    challenge(large, force=True)
    champion = read_champion(large)
    population = shelf_of(large).manifest(champion["version"])["population"]
    assert population["days"] == champion["blend_days"]
    with transaction(large.database) as connection:
        found = compare_populations(connection, population, START)
        [profile_id] = find_profile_ids(connection, "user-2")
        state = ProfileState.from_json(read_profiles(connection, [profile_id])[profile_id].state)
    assert found.skews[0].trained > 30
    days, at = population["days"], last_touch(touches_of_state(state, micros(START)))
    online = features_of(within(touches_of_state(state, at), at, days), at)
    assert population["features"][population["profiles"].index(str(profile_id))] == online
    assert online != features_of(touches_of_state(state, at), at)


def test_split_up_among_workers_it_is_the_same_model(
    large: Engine, workspace: Workspace, environ: dict[str, str]
) -> None:
    alone = challenge(large, force=True).published
    offered: list[str] = []

    def offer(job: str, log: str, parts: Sequence[str]) -> None:
        offered.extend(parts)

    split = environ | {"REKINDLE_RECS_SPLIT_ABOVE": "1"}
    with open_engine(workspace.root, clock=VirtualClock(START), environ=split) as host:
        found = challenge(host, force=True, hand_out=offer).published
    assert offered and alone is not None and found is not None
    assert (found.version, found.blend_interactions) == (alone.version, alone.blend_interactions)
