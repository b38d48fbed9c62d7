"""A report over a database whose answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.config import Workspace
from campaigns.measurement.lift import Lift, NotEnoughData
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.report import report
from campaigns.storage.database import statement, transaction
from campaigns.storage.decisions import DecisionRow, add_decisions
from campaigns.storage.events import copy_events
from campaigns.storage.profiles import ProfileRow, insert_profiles

pytestmark = pytest.mark.servers

DAY = timedelta(days=1)
_MAIL = statement(
    "INSERT INTO messages (message_ref, enrollment_id, step, campaign_id, profile_id, address, status, subject,"
    " content, created_at, sent_at) VALUES (:ref, :n, 1, :campaign_id, 1, 'a@b.example', 'sent', 's', '', :at, :at)"
)
_CLICK = statement(
    "INSERT INTO feedback (message_ref, kind, occurred_at, machine) VALUES (:ref, 'clicked', :at, :machine)"
)


@pytest.fixture
def engine(workspace: Workspace, environ: dict[str, str]) -> Iterator[Engine]:
    with open_engine(workspace.root, environ=environ) as opened:
        apply_files(opened, read_campaign_files(workspace.campaigns, opened.templates), by="test")
        yield opened


def decision(
    profile_id: int, at: datetime, outcome: str, campaign_id: str = "abandoned_cart", step: int = 1
) -> DecisionRow:
    reason = "holdout" if outcome == "ghost" else "passed"
    return DecisionRow(
        *(0, profile_id * 10 + step, step, campaign_id, 1, profile_id, at, at, outcome, reason, None, None, {}, None)
    )


def order(profile_id: int, at: datetime, order_id: str, total: int | None = 1000, name: str = "Order Completed") -> Any:
    payload: dict[str, Any] = {"order_id": order_id, "lines": [{"product_id": "p", "quantity": 2, "price_minor": 500}]}
    if total is not None:
        payload["total_minor"] = total
    return at, at, profile_id, "shop", f"{name}-{order_id}-{at}", name, payload


def write(engine: Engine, profiles: int, decisions: list[DecisionRow], events: list[Any]) -> None:
    engine.partitions.ensure([event[0] for event in events])
    with transaction(engine.database) as connection:
        now = engine.now(connection)
        insert_profiles(connection, [ProfileRow(i, traits={}) for i in range(1, profiles + 1)], now)
        add_decisions(connection, decisions)
        copy_events(connection, events)


def now_of(engine: Engine) -> datetime:
    with transaction(engine.database) as connection:
        return engine.now(connection)


def test_each_shopper_counts_once_in_the_group_of_the_first_decision(engine: Engine) -> None:
    at = now_of(engine) - 10 * DAY
    decisions = [decision(i, at, "ghost" if i <= 200 else "send") for i in range(1, 1001)]
    decisions += [decision(i, at + DAY, "ghost" if i <= 200 else "send", step=2) for i in range(1, 1001)]
    events = [order(i, at + DAY / 2, f"o{i}") for i in range(1, 121)]
    events += [order(i, at + DAY / 2, f"o{i}", None) for i in range(201, 801)]
    events += [order(i, at + DAY / 2, f"o{i}") for i in range(201, 251)]  # told twice: one order
    events += [order(i, at + 6 * DAY, f"late{i}") for i in range(121, 201)]  # after the window
    events += [order(i, at - DAY, f"before{i}") for i in range(801, 1001)]
    events += [order(801, at + DAY / 2, "gone"), order(801, at + DAY, "gone", name="Order Cancelled")]
    write(engine, 1000, decisions, events)
    found = report(engine, "abandoned_cart", length=30 * DAY)
    assert (found.ghosts.profiles, found.ghosts.buyers, found.ghosts.orders) == (200, 120, 120)
    assert (found.mailed.profiles, found.mailed.buyers, found.mailed.orders) == (800, 600, 600)
    assert (found.mailed.revenue, found.ghosts.revenue) == (600_000.0, 120_000.0)
    assert isinstance(found.conversion, Lift) and isinstance(found.revenue, Lift)
    assert found.conversion.relative == pytest.approx(0.25)
    assert found.conversion.is_clear
    assert found.incremental_minor == pytest.approx(800 * 150)
    assert found.ratio is not None and not found.ratio.is_fine  # 20 % held out where 10 % were to be


def test_little_data_gives_no_number(engine: Engine) -> None:
    at = now_of(engine) - DAY
    write(engine, 20, [decision(i, at, "ghost" if i <= 2 else "send") for i in range(1, 21)], [order(3, at, "o")])
    found = report(engine, "abandoned_cart", length=30 * DAY)
    assert isinstance(found.conversion, NotEnoughData) and isinstance(found.revenue, NotEnoughData)
    assert found.incremental_minor is None
    assert found.as_json()["lift"]["conversion"]["enough"] is False


def test_steps_that_hold_nobody_out_do_not_count(engine: Engine) -> None:
    at = now_of(engine) - 20 * DAY
    thanks = [decision(i, at, "send", "post_purchase") for i in range(1, 11)]
    later = [decision(i, at + 10 * DAY, "ghost" if i == 1 else "send", "post_purchase", 2) for i in range(1, 6)]
    write(engine, 10, thanks + later, [order(1, at + 11 * DAY, "o")])
    found = report(engine, "post_purchase", length=30 * DAY)
    assert (found.mailed.profiles, found.ghosts.profiles, found.ghosts.buyers) == (4, 1, 1)


def test_shoppers_joined_from_both_groups_are_left_out(engine: Engine) -> None:
    at = now_of(engine) - DAY
    write(engine, 3, [decision(i, at, "send") for i in range(1, 4)], [order(1, at, "o")])
    with transaction(engine.database) as connection:
        connection.execute(statement("UPDATE profiles SET merged_arms = true WHERE profile_id = 2"))
    assert report(engine, "abandoned_cart", length=30 * DAY).mailed.profiles == 2


def test_an_order_is_attributed_to_the_mail_clicked_last(engine: Engine) -> None:
    at = now_of(engine) - 3 * DAY
    write(engine, 2, [decision(1, at, "send")], [order(1, at + DAY, "o1", 2500), order(2, at + DAY, "o2")])
    with transaction(engine.database) as connection:
        for number, (campaign_id, machine, hours) in enumerate(
            (("abandoned_cart", False, 2), ("browse_abandonment", False, 1), ("post_purchase", True, 3))
        ):
            mail = {"ref": f"r{number}", "n": number, "campaign_id": campaign_id, "at": at}
            connection.execute(_MAIL, mail)
            click = {"ref": f"r{number}", "at": at + timedelta(hours=hours), "machine": machine}
            connection.execute(_CLICK, click)
    found = report(engine, "abandoned_cart", length=30 * DAY)
    assert (found.attributed_orders, found.attributed_minor) == (1, 2500)
    assert report(engine, "browse_abandonment", length=30 * DAY).attributed_orders == 0
    assert [(step.sent, step.clicked) for step in found.funnel] == [(1, 1)]
