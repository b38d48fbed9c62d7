"""A model's life in a shop: trained, compared, put in force, taken back, looked at - on real servers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from campaigns.cli.main import cli
from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.config.settings import RecsSettings
from campaigns.domain.campaign import Slot
from campaigns.domain.errors import InvalidInput, WrongUsage
from campaigns.pipeline import precompute
from campaigns.pipeline import train as training
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.precompute import make_slice, shelf_of
from campaigns.pipeline.recommend import recommend_batch, request_for, slot_spec
from campaigns.pipeline.recs_arena import arena_of, as_strangers
from campaigns.pipeline.recs_champion import challenge, nightly, roll_back
from campaigns.pipeline.recs_contest import hold_contest
from campaigns.pipeline.recs_features import (
    FEATURES,
    features_by_profile,
    features_of,
    recent_products,
    touches_of_rows,
    touches_of_state,
)
from campaigns.pipeline.recs_status import read_status
from campaigns.pipeline.refresh import refresh, train_and_publish
from campaigns.pipeline.subject import Subject
from campaigns.pipeline.train import read_champion, read_history
from campaigns.storage.database import statement, transaction
from campaigns.storage.profiles import find_profile_ids, read_profiles
from campaigns.storage.recs import training_turn
from recsys import keys
from recsys.columns import Columns
from recsys.packing import unpack
from recsys.request import Rules
from tests.recs.recs_shop import PER_SHELF, START, event, visits
from triggers.events import EventName
from triggers.instants import micros
from triggers.state import ProfileState

pytestmark = pytest.mark.servers


def state_of(engine: Engine, who: str) -> tuple[int, ProfileState]:
    with transaction(engine.database) as connection:
        [profile_id] = find_profile_ids(connection, who)
        return profile_id, ProfileState.from_json(read_profiles(connection, [profile_id])[profile_id].state)


def subject_of(engine: Engine, who: str, context: dict[str, str] | None = None) -> Subject:
    profile_id, state = state_of(engine, who)
    with transaction(engine.database) as connection:
        row = read_profiles(connection, [profile_id])[profile_id]
        campaign = engine.campaigns.read(connection).current["abandoned_cart"]
    return Subject(row, state, campaign, campaign.steps[0], 1, None, "m-1-1", START, context or {})


def test_a_full_training_goes_live_and_one_step_leads_back(engine: Engine) -> None:
    first = challenge(engine, force=True)
    assert first.published is not None
    assert first.contest.asked >= 100
    assert {report.model for report in first.contest.reports} >= {"own history", "bestsellers"}
    later = [event(EventName.PRODUCT_VIEWED, f"user-{n}", START - timedelta(minutes=n), "P7") for n in range(20)]
    ingest_events(engine, later)
    second = challenge(engine, force=True)
    assert second.published is not None
    assert second.published.version != first.published.version
    assert roll_back(engine) == (second.published.version, first.published.version)
    assert read_champion(engine)["version"] == first.published.version
    stored = dict(shelf_of(engine).records(first.published.version))
    assert engine.cache.read(list(stored)) == stored
    assert refresh(engine) is None  # what a person took back stays back
    assert nightly(engine) is None
    with pytest.raises(WrongUsage, match="no former model version"):
        roll_back(engine)


def test_a_history_that_lost_its_half_does_not_replace_the_champion(engine: Engine) -> None:
    before = challenge(engine, force=True).published
    with transaction(engine.database) as connection:
        connection.execute(statement("DELETE FROM products WHERE product_id > 'P2'"))
    found = challenge(engine)
    assert found.published is None
    assert "products fell from" in found.reason
    assert before is not None
    assert read_champion(engine)["version"] == before.version


def test_a_young_shop_gets_the_plain_recipe(workspace: Workspace, environ: dict[str, str]) -> None:
    with open_engine(workspace.root, clock=VirtualClock(START), environ=environ) as engine:
        with pytest.raises(WrongUsage, match="no history"):
            challenge(engine)
        ingest_events(engine, visits(shoppers=3))
        found = challenge(engine)
        assert found.published is not None
        assert found.ranking == "neighbours"
        assert "needed to judge" in found.reason


def test_a_planted_leak_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from recsys.evaluation import report

    def leaky(log, share):
        _, later = split(log, share)
        return log, later

    split = report.split_log
    monkeypatch.setattr(report, "split_log", leaky)
    with pytest.raises(InvalidInput, match="know the future"):
        hold_contest(read_history(engine), "neighbours")


def test_strangers_are_measured_by_their_live_session_alone(engine: Engine) -> None:
    history = read_history(engine)
    arena = arena_of(history)
    unknown, names = as_strangers(arena), arena.catalog.products.external
    starts, items = arena.queries.prefix_start, arena.queries.prefix
    assert sum(len(one.signals) for one in unknown.requests) < sum(len(one.signals) for one in arena.requests)
    for n, request in enumerate(unknown.requests):
        session = {names[p] for p in items[starts[n] : starts[n + 1]]}
        assert {one.product_id for one in request.signals} <= session
    reports = {one.model: one for one in hold_contest(history, "neighbours").reports}
    assert reports["strangers"].asked == reports["no slates"].asked > 0
    assert reports["strangers"].questions["ndcg"].tolist() != reports["no slates"].questions["ndcg"].tolist()


def test_workers_refresh_one_at_a_time_and_only_when_something_happened(engine: Engine) -> None:
    with training_turn(engine.database) as is_ours:
        assert is_ours
        assert refresh(engine) is None
    assert refresh(engine) is not None
    assert refresh(engine) is None
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", START, "P1")])
    assert refresh(engine) is not None
    engine.cache.clear()
    assert refresh(engine) is not None


def test_refreshes_go_on_while_a_full_training_runs(engine: Engine) -> None:
    with training_turn(engine.database, is_full=True) as is_ours:
        assert is_ours
        assert refresh(engine) is not None
        assert nightly(engine) is None
        with pytest.raises(WrongUsage, match="another training is running"):
            challenge(engine)


def test_slates_are_made_for_the_active_and_the_armed_only(engine: Engine) -> None:
    at = START - timedelta(days=30)
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "gone", at, "P1")])
    ids = {who: state_of(engine, who)[0] for who in ("gone", "user-1")}
    report = train_and_publish(engine)
    assert report.profiles > 30
    missing = engine.cache.find_missing([keys.profile(str(one)) for one in ids.values()])
    assert missing == [keys.profile(str(ids["gone"]))]
    assert engine.cache.sizes()["products"] > 0


def test_large_shops_look_back_over_fewer_days(engine: Engine) -> None:
    train_and_publish(engine)
    everything = read_history(engine)
    most = len(everything.interactions) // 12
    short = read_history(engine, most=most)
    assert short.days < everything.days / 10


def test_batch_and_online_features_are_equal(engine: Engine) -> None:
    """The same shopper out of PostgreSQL's events and out of the folded state: value by value."""
    frame = read_history(engine).interactions
    assert len(frame) > 1000
    now = micros(START)
    checked = 0
    for shopper in range(60):
        profile_id, state = state_of(engine, f"user-{shopper}")
        rows = frame[frame[Columns.PROFILE] == str(profile_id)]
        moments = [now, *(micros(at) for at in rows[Columns.OCCURRED_AT].iloc[[3, 9]])]
        for moment in moments[:1] if len(state.views) >= 60 else moments:
            online, batch = touches_of_state(state, moment), touches_of_rows(rows, moment)
            assert dict(zip(FEATURES, features_of(online, moment), strict=True)) == dict(
                zip(FEATURES, features_by_profile(rows, {str(profile_id): moment})[str(profile_id)], strict=True)
            )
            assert recent_products(online) == recent_products(batch)
            checked += 1
    assert checked > 100


def test_what_serving_starts_from_is_what_training_saw(engine: Engine) -> None:
    frame = read_history(engine).interactions
    subject = subject_of(engine, "user-5")
    rows = frame[frame[Columns.PROFILE] == str(subject.row.profile_id)]
    request = request_for(subject, Slot("x", "next_best"), {})
    viewed = [signal.product_id for signal in request.signals if signal.event == EventName.PRODUCT_VIEWED]
    assert viewed[:12] == recent_products(touches_of_rows(rows, micros(START)))
    bought = rows[rows[Columns.EVENT] == EventName.ORDER_COMPLETED]
    assert set(request.bought) == set(bought[Columns.PRODUCT])


def test_what_was_sent_back_or_cancelled_was_not_bought(engine: Engine) -> None:
    at = START - timedelta(days=2)
    for number, reversal in enumerate((EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED), start=10):
        order = replace(event(EventName.ORDER_COMPLETED, "picky", at, f"P{number}"), order_id=f"o{number}")
        back = replace(event(reversal, "picky", at + timedelta(hours=5)), order_id=f"o{number}")
        ingest_events(engine, [order, back])
    request = request_for(subject_of(engine, "picky"), Slot("x", "next_best"), {})
    assert dict(request.bought) == {}
    assert list(request.returned) == ["P10"]  # the cancelled one may be wanted after all
    assert list(request.last_order) == []


def test_a_mail_about_one_product_shows_it_once(engine: Engine) -> None:
    train_and_publish(engine)
    subject = subject_of(engine, "user-1", {"product": "P8"})
    with transaction(engine.database) as connection:
        [found] = recommend_batch(engine, connection, [subject])
    assert found.slates["products"].product_ids == ["P8"]
    others = [one for name, slate in found.slates.items() if name != "products" for one in slate.product_ids]
    assert others
    assert "P8" not in others


def test_a_product_that_is_gone_is_not_what_a_mail_is_about(engine: Engine) -> None:
    subject = subject_of(engine, "user-1", {"product": "no such product"})
    with transaction(engine.database) as connection:
        [found] = recommend_batch(engine, connection, [subject])
    assert found.slates["products"].product_ids == []
    assert found.slates["products"].dropped[0].rule == "not in the catalog"


def test_rules_of_a_slot_reach_the_recommender(engine: Engine) -> None:
    options = {"pinned": ["P40"], "hidden": ["P1"], "max_per_brand": 1, "no_such_rule": 3}
    request = request_for(subject_of(engine, "user-1"), Slot("x", "next_best", options=options), {})
    assert request.slot.rules == Rules(pinned=("P40",), hidden=frozenset({"P1"}), max_per_brand=1)


def test_rules_of_the_shop_hold_in_every_slot_and_a_slot_may_differ() -> None:
    shop = RecsSettings(hidden=("P1",), max_per_brand=2, new_share=0.0).rules
    plain = slot_spec(Slot("x", "next_best"), shop).rules
    assert plain == Rules(hidden=frozenset({"P1"}), max_per_brand=2, new_share=0.0)
    own = slot_spec(Slot("x", "next_best", options={"hidden": ["P2"], "max_per_brand": 4}), shop).rules
    assert own == Rules(hidden=frozenset({"P1", "P2"}), max_per_brand=4, new_share=0.0)


def test_rules_in_the_workspace_change_what_is_mailed(
    engine: Engine, workspace: Workspace, environ: dict[str, str]
) -> None:
    train_and_publish(engine)
    subject = subject_of(engine, "user-1")

    def shown(engine: Engine) -> list[str]:
        with transaction(engine.database) as connection:
            [found] = recommend_batch(engine, connection, [subject])
        return [one for slate in found.slates.values() for one in slate.product_ids]

    before = shown(engine)
    strict = environ | {"REKINDLE_RECS_HIDDEN": f"{before[0]}, P40", "REKINDLE_RECS_MAX_PER_CATEGORY": "1"}
    with open_engine(workspace.root, clock=VirtualClock(START), environ=strict) as other:
        after = shown(other)
    assert after
    assert before[0] not in after
    assert len({int(one[1:]) // PER_SHELF for one in after}) == len(after)


def test_price_and_stock_are_read_again_at_the_decision(engine: Engine) -> None:
    train_and_publish(engine)
    subject = subject_of(engine, "user-1")
    with transaction(engine.database) as connection:
        [before] = recommend_batch(engine, connection, [subject])
        name, slate = next((n, s) for n, s in before.slates.items() if s.items)
        first = slate.product_ids[0]
        connection.execute(statement("UPDATE products SET stock = 0 WHERE product_id = :one"), {"one": first})
        connection.execute(statement("UPDATE products SET price_minor = 77 WHERE product_id <> :one"), {"one": first})
        [after] = recommend_batch(engine, connection, [subject])
    assert first not in after.slates[name].product_ids
    assert {after.facts[one].price_minor for one in after.slates[name].product_ids} == {77}


def test_two_hosts_share_artifacts_and_make_slices(
    engine: Engine, workspace: Workspace, environ: dict[str, str], tmp_path: Path
) -> None:
    shared = environ | {"REKINDLE_RECS_ARTIFACTS_URL": f"file://{tmp_path}/shared"}
    handed: list[tuple[str, list[str], bool]] = []

    def spread(version: str, slices: Sequence[Sequence[str]], are_kept: bool) -> None:
        handed.extend((version, list(ids), are_kept) for ids in slices)

    with open_engine(workspace.root, clock=VirtualClock(START), environ=shared) as one:
        monkey = pytest.MonkeyPatch()
        monkey.setattr(training, "SLICE", 20)  # else it takes thousands of shoppers to have two slices
        monkey.setattr(precompute, "SLICE", 20)
        published = challenge(one, force=True, spread=spread).published
        monkey.undo()
    assert published is not None
    assert len(handed) >= 3
    wanted = [keys.profile(profile) for _, ids, _ in handed for profile in ids]
    assert engine.cache.find_missing(wanted) == wanted
    with open_engine(workspace.root, clock=VirtualClock(START), environ=shared) as other:
        for number, (version, ids, _) in enumerate(handed):
            assert make_slice(other, version, ids, f"slice-{number}") == len(ids)
        assert other.cache.find_missing(wanted) == []
        stored = dict(shelf_of(other).records(published.version))
    assert {key: stored[key] for key in wanted} == engine.cache.read(wanted)


def test_who_came_back_gets_a_slate_that_knows_the_visit(engine: Engine) -> None:
    challenge(engine, force=True)
    profile_id = state_of(engine, "user-1")[0]
    name = keys.profile(str(profile_id))
    others = [keys.profile(str(state_of(engine, f"user-{n}")[0])) for n in range(2, 9)]
    before, untouched = engine.cache.read([name])[name], engine.cache.read(others)
    ingest_events(
        engine, [event(EventName.PRODUCT_VIEWED, "user-1", START - timedelta(minutes=n), "P40") for n in (1, 2)]
    )
    assert refresh(engine) is not None
    after = engine.cache.read([name])[name]
    assert after != before
    assert "P40" in unpack(after).lists["blend"][0]
    assert engine.cache.read(others) == untouched


def test_reasons_speak_the_readers_language(engine: Engine) -> None:
    train_and_publish(engine)
    subject = subject_of(engine, "user-1")
    german = replace(subject, row=replace(subject.row, locale="de-AT"))
    with transaction(engine.database) as connection:
        plain, translated = recommend_batch(engine, connection, [subject, german])
    said = {item.reason for slate in plain.slates.values() for item in slate.items}
    auf_deutsch = {item.reason for slate in translated.slates.values() for item in slate.items}
    assert said
    assert not said & auf_deutsch


def test_status_alarms_before_and_is_quiet_after(engine: Engine) -> None:
    assert any("nothing was trained" in alarm for alarm in read_status(engine).alarms)
    challenge(engine, force=True)
    found = read_status(engine)
    assert found.sizes["lists"] > 0
    assert found.champion["version"] in found.versions
    assert [h.name for h in found.handoffs if h.alarms] == ["shop to event"]  # the shop is silent since yesterday
    engine.cache.clear()
    assert any("no lists" in alarm for alarm in read_status(engine).alarms)


def test_a_damaged_version_says_so(engine: Engine) -> None:
    report = challenge(engine, force=True).published
    assert report is not None
    shelf = shelf_of(engine)
    (engine.workspace.artifacts / "recs" / "live" / report.version / "records.bin").write_bytes(b"\x05\x00")
    with pytest.raises(WrongUsage, match="damaged"):
        dict(shelf.records(report.version))


def test_a_model_with_other_sources_serves_its_records_until_the_next_training(engine: Engine) -> None:
    report = challenge(engine, force=True).published
    assert report is not None
    model = precompute.model_of(engine, report.version)
    assert model is not None
    scores = engine.workspace.artifacts / "recs" / "live" / report.version / "model" / "scores"
    facts = json.loads((scores / "blend.json").read_text())
    (scores / "blend.json").write_text(json.dumps({**facts, "sources": [*facts["sources"], "retired"]}))
    engine.models.clear()
    assert precompute.model_of(engine, report.version) is None
    assert train_and_publish(engine).profiles > 0
    assert challenge(engine).published is not None


def test_the_commands(workspace: Workspace, environ: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    run = CliRunner(env=environ)
    base = ["-w", str(workspace.root), "--json", "recs"]
    picture = tmp_path / "models.png"
    for arguments in (["train", "--force"], ["status"], ["show", "user-1"], ["evaluate", "--picture", str(picture)]):
        result = run.invoke(cli, [*base, *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        json.loads(result.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = run.invoke(cli, ["-w", str(workspace.root), "recs", "show", "user-1"], catch_exceptions=False)
    assert "Candidates" in text.output
    assert training.HEARTBEAT == "train"  # `doctor` and the console know it by this name
