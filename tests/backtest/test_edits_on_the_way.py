"""Campaigns are changed while shoppers are on their way through them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.config import Workspace
from campaigns.domain.enrollment import EnrollmentMark
from campaigns.pipeline.campaign_files import InvalidCampaigns, apply_files, read_campaign_files
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.moving import move_mark
from campaigns.pipeline.plan import Fate, plan
from campaigns.storage.campaigns import list_campaign_changes, set_campaign_status
from campaigns.storage.database import statement, transaction
from campaigns.storage.enrollments import list_profile_enrollments
from triggers.enrollments import EnrollmentStatus
from triggers.events import Event, EventName, Line

pytestmark = pytest.mark.servers

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CART = """
id: cart
name: Cart
trigger: {{type: abandoned_cart}}
steps:
  - {{name: first, after: {first}, template: abandoned_cart}}
  - {{name: last, after: {last}, template: abandoned_cart_last_call}}
policy: {{quiet_hours: off, holdout: off, frequency_cap: off, max_late: {late}}}
"""


@pytest.fixture
def engine(workspace: Workspace, environ: dict[str, str]) -> Iterator[Engine]:
    for file in workspace.campaigns.glob("*.yaml"):
        file.unlink()
    with open_engine(workspace.root, environ=environ) as opened:
        yield opened


def put_in_force(engine: Engine, *, move: bool = False, text: str = CART, **values: str) -> Any:
    settings = {"first": "30m", "last": "24h", "late": "24h", **values}
    (engine.workspace.campaigns / "cart.yaml").write_text(text.format(**settings), encoding="utf-8")
    return apply_files(engine, read_campaign_files(engine.workspace.campaigns, engine.templates), by="ada", move=move)


def leave_a_cart(engine: Engine, ago: timedelta, user: str = "u1") -> None:
    with transaction(engine.database) as connection:
        now = engine.now(connection)
    event = Event(
        *("shop", f"{user}-{ago}", EventName.PRODUCT_ADDED, now - ago, now),
        user_id=user,
        email=f"{user}@shoppers.example",
        lines=(Line("p1", price_minor=900, title="Lamp"),),
    )
    ingest_events(engine, [event])


def enrollment(engine: Engine) -> Any:
    with transaction(engine.database) as connection:
        profile_id = connection.execute(statement("SELECT max(profile_id) FROM enrollments")).scalar_one()
        return list_profile_enrollments(connection, profile_id)[-1]


def set_status(engine: Engine, status: str) -> None:
    with transaction(engine.database) as connection:
        assert set_campaign_status(connection, "cart", status, by="bob", now=engine.now(connection))


def test_who_is_on_the_way_finishes_on_the_version_they_started_on(engine: Engine) -> None:
    put_in_force(engine)
    leave_a_cart(engine, 20 * MINUTE)
    before = enrollment(engine)
    assert put_in_force(engine, first="45m").changed == ("cart",)
    after = enrollment(engine)
    assert (after.campaign_version, after.due_at) == (1, before.due_at)
    leave_a_cart(engine, MINUTE, user="u2")
    newcomer = enrollment(engine)
    assert (newcomer.campaign_version, newcomer.due_at - newcomer.last_activity_at) == (2, 45 * MINUTE)


def test_who_is_on_the_way_moves_by_an_explicit_choice(engine: Engine) -> None:
    put_in_force(engine)
    leave_a_cart(engine, 20 * MINUTE)
    put_in_force(engine, first="45m", move=True)
    moved = enrollment(engine)
    assert (moved.campaign_version, moved.due_at - moved.last_activity_at) == (2, 45 * MINUTE)
    with transaction(engine.database) as connection:
        changes = [(c.version, c.what, c.changed_by, c.moved) for c in list_campaign_changes(connection, "cart")]
    assert changes == [(1, "applied", "ada", 0), (2, "applied", "ada", 1)]


def test_a_shorter_wait_takes_effect_for_those_who_move(engine: Engine) -> None:
    put_in_force(engine, first="5h")
    leave_a_cart(engine, 50 * MINUTE)
    assert decide_due(engine).claimed == 0
    put_in_force(engine, move=True)
    assert decide_due(engine).claimed == 1


def test_nobody_gets_a_step_twice_by_moving(engine: Engine) -> None:
    put_in_force(engine)
    leave_a_cart(engine, 50 * MINUTE)
    assert decide_due(engine).decisions["cart", "send", "passed"] == 1
    put_in_force(engine, first="35m", move=True)
    moved = enrollment(engine)
    assert (moved.step, moved.campaign_version, moved.status) == (1, 2, "active")
    assert decide_due(engine).claimed == 0


def test_steps_are_found_by_name_and_shorter_campaigns_are_done(engine: Engine) -> None:
    versions = {}
    for number, steps in enumerate((("first", "last"), ("first", "middle", "last"), ("first",)), start=1):
        text = "id: cart\nname: Cart\ntrigger: {type: abandoned_cart}\nsteps:\n"
        text += "".join(
            f"  - {{name: {name}, after: {n + 1}h, template: abandoned_cart}}\n" for n, name in enumerate(steps)
        )
        (engine.workspace.campaigns / "cart.yaml").write_text(text, encoding="utf-8")
        [file] = read_campaign_files(engine.workspace.campaigns, engine.templates).values()
        versions["cart", number] = file.campaign
    at = datetime.fromisoformat("2026-03-02T10:00:00+00:00")

    def moved(to: int) -> EnrollmentMark:
        mark = EnrollmentMark("cart", "cart", EnrollmentStatus.ACTIVE, 1, at, at, at, version=1, anchor_at=at)
        move_mark(mark, versions, versions["cart", to])
        return mark

    assert (moved(2).step, moved(2).due_at) == (2, at + 3 * HOUR)
    assert (moved(3).status, moved(3).due_at) == (EnrollmentStatus.COMPLETED, None)


def test_pause_holds_timers_and_nothing_new_starts(engine: Engine) -> None:
    put_in_force(engine)
    leave_a_cart(engine, 50 * MINUTE)
    set_status(engine, "paused")
    assert decide_due(engine).claimed == 0
    leave_a_cart(engine, MINUTE, user="u2")
    with transaction(engine.database) as connection:
        assert connection.execute(statement("SELECT count(*) FROM enrollments")).scalar_one() == 1
        assert connection.execute(statement("SELECT reason FROM start_refusals")).scalars().all() == ["campaign_paused"]
    set_status(engine, "active")
    assert decide_due(engine).decisions["cart", "send", "passed"] == 1


def test_what_became_too_late_during_a_pause_is_skipped_with_a_reason(engine: Engine) -> None:
    put_in_force(engine, late="10m")
    leave_a_cart(engine, 50 * MINUTE)
    set_status(engine, "paused")
    set_status(engine, "active")
    assert decide_due(engine).decisions["cart", "skip", "too_late"] == 1
    with transaction(engine.database) as connection:
        changes = [(c.what, c.changed_by) for c in list_campaign_changes(connection)]
    assert changes == [("applied", "ada"), ("paused", "bob"), ("resumed", "bob")]


def test_apply_is_all_or_nothing_and_a_campaign_keeps_its_kind(engine: Engine) -> None:
    put_in_force(engine)
    other = "id: other\nname: Other\ntrigger: {type: post_purchase}\nsteps: [{after: 1h, template: abandoned_cart}]\n"
    (engine.workspace.campaigns / "other.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(InvalidCampaigns, match="cannot turn from abandoned_cart"):
        put_in_force(engine, text=CART.replace("type: abandoned_cart", "type: post_purchase"))
    with transaction(engine.database) as connection:
        assert list(engine.campaigns.read(connection).current) == ["cart"]
        assert len(list_campaign_changes(connection)) == 1


def test_the_plan_says_in_words_what_would_change_and_what_that_does(engine: Engine) -> None:
    put_in_force(engine)
    leave_a_cart(engine, 50 * MINUTE)
    text = CART.format(first="5h", last="24h", late="24h")
    (engine.workspace.campaigns / "cart.yaml").write_text(text, encoding="utf-8")
    [planned] = plan(engine, read_campaign_files(engine.workspace.campaigns, engine.templates))
    assert (planned.fate, planned.version, planned.running) == (Fate.CHANGED, 2, 1)
    assert [str(change) for change in planned.changes] == ["steps.first.after: 30m -> 5h"]
    assert planned.backtest is not None and planned.backtest.before is not None
