"""Every handoff from event to mail is watched: what is stale alarms by its name, what is fresh is quiet."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.domain.errors import UnusableEnvironment
from campaigns.pipeline import train as training
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.recs_champion import challenge
from campaigns.pipeline.recs_status import read_status
from campaigns.pipeline.refresh import refresh, train_and_publish
from campaigns.storage.database import statement, transaction
from tests.recs.recs_shop import START, event
from triggers.events import EventName

pytestmark = pytest.mark.servers


@pytest.fixture
def fresh(engine: Engine) -> Engine:
    """A shop that was refreshed a minute ago, whose newest event is of now, and where a shopper was decided about."""
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", START, "P1")])
    assert train_and_publish(engine).records
    assert stale(engine) == []
    return engine


def stale(engine: Engine) -> list[str]:
    return [one.name for one in read_status(engine).handoffs if one.alarms]


def execute(engine: Engine, text: str, **values: object) -> None:
    with transaction(engine.database) as connection:
        connection.execute(statement(text), values)


def later(engine: Engine, **span: float) -> None:
    assert isinstance(engine.clock, VirtualClock)
    engine.clock.move_to(engine.clock.now() + timedelta(**span))


def test_a_silent_shop_alarms(fresh: Engine) -> None:
    later(fresh, hours=25)
    assert stale(fresh) == ["shop to event"]


def test_events_that_are_not_applied_alarm(fresh: Engine) -> None:
    execute(
        fresh,
        "INSERT INTO inbox (source, received_at, event_count, body) VALUES ('x', :at, 1, '')",
        at=START - timedelta(minutes=6),
    )
    assert stale(fresh) == ["event to state"]


def test_events_that_no_refresh_saw_alarm(fresh: Engine) -> None:
    later(fresh, hours=2)
    assert stale(fresh) == []  # nothing happened: what was learned is as good as new
    ingest_events(fresh, [event(EventName.PRODUCT_VIEWED, "user-2", START + timedelta(hours=2), "P1")])
    assert stale(fresh) == ["state to slate"]
    assert refresh(fresh) is not None
    assert stale(fresh) == []


def test_a_full_model_that_nobody_renews_alarms(fresh: Engine) -> None:
    training.note_champion(fresh, {"version": "v", "ranking": "blend", "made_at": START.isoformat()})
    assert stale(fresh) == []
    training.note_champion(
        fresh, {"version": "v", "ranking": "blend", "made_at": (START - timedelta(hours=51)).isoformat()}
    )
    assert stale(fresh) == ["full model"]


@pytest.mark.parametrize(("hours", "alarms"), [(1, []), (30, ["slate to mail"])])
def test_old_slates_in_mails_alarm(fresh: Engine, hours: int, alarms: list[str]) -> None:
    slates = {"grid": {"made_at": (START - timedelta(hours=hours)).isoformat(), "items": []}}
    execute(
        fresh,
        "INSERT INTO decisions (enrollment_id, step, campaign_id, campaign_version, profile_id, due_at, decided_at,"
        " outcome, reason, facts, slates)"
        " VALUES (1, 1, 'c', 1, 1, :at, :at, 'send', 'sent', '{}', CAST(:slates AS jsonb))",
        at=START,
        slates=json.dumps(slates),
    )
    assert stale(fresh) == alarms


@pytest.mark.parametrize("status", ["queued", "sent"])
def test_mail_that_waits_alarms_whether_it_left_late_or_not_at_all(fresh: Engine, status: str) -> None:
    execute(
        fresh,
        "INSERT INTO messages (message_ref, enrollment_id, step, campaign_id, profile_id, address, status, subject,"
        " content, created_at, sent_at) VALUES ('m', 1, 1, 'c', 1, 'a@example.org', :status, '', '', :made, :sent)",
        status=status,
        made=START - timedelta(minutes=16),
        sent=START if status == "sent" else None,
    )
    assert stale(fresh) == ["decision to mail"]


def test_a_shop_that_was_given_anothers_artifacts_is_told(
    engine: Engine, workspace: Workspace, environ: dict[str, str], tmp_path: Path
) -> None:
    shared = environ | {"REKINDLE_RECS_ARTIFACTS_URL": f"file://{tmp_path}/shared"}
    with open_engine(workspace.root, clock=VirtualClock(START), environ=shared) as ours:
        assert refresh(ours) is not None
        assert not [one for one in read_status(ours).alarms if "artifacts" in one]
    kept = sorted(path.name for path in (tmp_path / "shared").rglob("*"))
    other = shared | {"REKINDLE_SHOP_ID": "teapots"}
    with open_engine(workspace.root, clock=VirtualClock(START), environ=other) as theirs:
        assert refresh(theirs) is not None  # from everything: nothing is kept, and the cache is written
        assert refresh(theirs) is None
        with pytest.raises(UnusableEnvironment, match="and this is 'teapots'; give each shop a place of its own"):
            challenge(theirs)
        assert [one for one in read_status(theirs).alarms if "and this is 'teapots'" in one]
    assert sorted(path.name for path in (tmp_path / "shared").rglob("*")) == kept
