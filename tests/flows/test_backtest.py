"""A backtest says what a replay of the same days really sends, message for message."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.clock import VirtualClock
from campaigns.config import Workspace, scaffold
from campaigns.decisions.simulate import SimulatedDecision
from campaigns.delivery import maildir_url, mailer_from_url
from campaigns.demo.catalog import catalog
from campaigns.demo.days import day
from campaigns.demo.shop import DemoShop
from campaigns.demo.shoppers import profiles
from campaigns.pipeline.backtest import happenings
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, World, open_engine
from campaigns.pipeline.importing import import_catalog, import_events
from campaigns.pipeline.replay import replay
from campaigns.storage.database import statement, transaction
from campaigns.storage.files import open_events
from campaigns.storage.suppressions import suppress
from triggers.events import Event, EventName

pytestmark = pytest.mark.servers

_TICK = timedelta(microseconds=1)
_DECIDED = statement(
    "SELECT d.profile_id::text, d.campaign_id, n.key, d.step, d.decided_at, d.outcome, d.reason FROM decisions d"
    " JOIN enrollments n USING (enrollment_id)"
)
_SENT = statement(
    "SELECT m.profile_id::text, m.campaign_id, n.key, m.step, m.created_at FROM messages m"
    " JOIN enrollments n USING (enrollment_id) WHERE m.status = 'sent'"
)


def backtested(engine: Engine, since: datetime, until: datetime) -> Counter[tuple]:
    with transaction(engine.database) as connection:
        campaigns = engine.campaigns.read(connection).current
        found = happenings(engine, connection, campaigns, since=since, until=until - _TICK, as_received=True)
        return Counter(
            (
                *(one.profile_id, one.campaign_id, one.key, one.step + 1, one.decided_at),
                *(one.decision.outcome, str(one.decision.reason)),
            )
            for one in found
            if isinstance(one, SimulatedDecision)
        )


def replayed(engine: Engine) -> tuple[Counter[tuple], Counter[tuple]]:
    """(every decision that was written, every message that was sent)."""
    with transaction(engine.database) as connection:
        decisions = Counter(tuple(row) for row in connection.execute(_DECIDED))
        messages = Counter(tuple(row) for row in connection.execute(_SENT))
    return decisions, messages


def play(engine: Engine, events: list[Event], folder: Path, until: datetime) -> None:
    apply_files(engine, read_campaign_files(engine.workspace.campaigns, engine.templates), by="test")
    mailer = mailer_from_url(maildir_url(folder), clock=engine.clock)
    replay(engine, events, mailer, until=until)
    mailer.close()


def agree(engine: Engine, since: datetime, until: datetime) -> Counter[tuple]:
    """Asserts that the backtest says what was decided and sent; returns outcomes and reasons, counted."""
    decided, sent = replayed(engine)
    expected = backtested(engine, since, until)
    assert (expected - decided, decided - expected) == (Counter(), Counter())
    assert Counter(key[:5] for key in expected.elements() if key[5] == "send") == sent
    return Counter(key[5:] for key in decided.elements())


def test_a_busy_day_of_generated_shoppers(workspace: Workspace, environ: dict[str, str], tmp_path: Path) -> None:
    shop = DemoShop(shopper_count=500)
    midnight = datetime.combine(shop.day, datetime.min.time(), UTC)
    end = midnight + timedelta(days=1)
    clock = VirtualClock(midnight)
    with open_engine(workspace.root, world=World.REPLAY, fresh=True, clock=clock, environ=environ) as engine:
        import_catalog(engine, [list(catalog(shop))], on_progress=lambda count: None)
        import_events(engine, [known(shop, midnight)], on_progress=lambda count: None)
        with transaction(engine.database) as connection:
            for profile in profiles(shop):
                if profile.suppression:
                    suppress(connection, profile.email, reason=profile.suppression, now=profile.created_at)
        play(engine, day(shop), tmp_path / "mail", end)
        outcomes = agree(engine, midnight - timedelta(days=4000), end)
    assert outcomes["send", "passed"] > 100
    assert {"holdout", "quiet_hours", "no_address", "no_consent", "suppressed", "frequency_cap"} <= {
        r for _, r in outcomes
    }


def known(shop: DemoShop, at: datetime) -> list[Event]:
    """The shop's accounts, as an import tells of them."""
    return [
        Event(
            source="accounts",
            message_id=f"{profile.user_id}-{number}",
            name=EventName.IDENTIFIED,
            occurred_at=profile.created_at,
            received_at=at,
            anonymous_id=anonymous_id,
            user_id=profile.user_id,
            email=profile.email,
            traits={"marketing_consent": profile.consent, **({"timezone": profile.zone} if profile.zone else {})},
        )
        for profile in profiles(shop)
        for number, anonymous_id in enumerate(profile.anonymous_ids or (None,))
    ]


@pytest.mark.shared
def test_three_days_of_a_real_shop(shared: Path, environ: dict[str, str], tmp_path: Path) -> None:
    workspace = scaffold(
        tmp_path / "shop", shop_id="taobao", shop_name="Taobao", shop_url="https://shop.example"
    ).workspace
    source = open_events(
        shared / "data" / "taobao_userbehavior.csv.gz", rejects=tmp_path / "rejects.csv", currency="CNY"
    )
    start, end = datetime(2017, 11, 24, 16, tzinfo=UTC), datetime(2017, 11, 27, 16, tzinfo=UTC)
    events = [event for event in source.read_all() if event.received_at < end]
    with open_engine(
        workspace.root, world=World.REPLAY, fresh=True, clock=VirtualClock(start), environ=environ
    ) as engine:
        play(engine, events, tmp_path / "mail", end)
        outcomes = agree(engine, datetime(2017, 1, 1, tzinfo=UTC), end)
    assert outcomes["send", "passed"] > 300
    assert outcomes["ghost", "holdout"] > 10


def test_the_command_shows_figures_compares_and_draws(tmp_path: Path, rekindle, environ: dict[str, str]) -> None:
    workspace = scaffold(tmp_path / "shop", shop_id="fern", shop_name="Fern", shop_url="https://shop.example").workspace
    tried = workspace.campaigns / "abandoned_cart.yaml"
    change(tried, "holdout: shop", "holdout: off")
    history = tmp_path / "events.jsonl"
    history.write_text("\n".join(json.dumps(message) for message in messages()), encoding="utf-8")
    assert rekindle("-w", workspace.root, "import", "events", history, **environ).returncode == 0
    unapplied = rekindle("-w", workspace.root, "--json", "backtest", "abandoned_cart", **environ)
    assert unapplied.returncode == 0, unapplied.stderr
    figures = json.loads(unapplied.stdout)
    assert (figures["mails_by_step"]["0"], figures["profiles"], figures["ordered_within_wait"]) == (20, 20, 10)
    assert "in_force" not in figures

    assert rekindle("-w", workspace.root, "campaigns", "apply", **environ).returncode == 0
    change(tried, "after: 1h", "after: 20m")
    picture = tmp_path / "mails.png"
    changed = rekindle("-w", workspace.root, "--json", "backtest", "abandoned_cart", "--picture", picture, **environ)
    figures = json.loads(changed.stdout)
    assert (figures["in_force"]["mails_by_step"]["0"], figures["mails_by_step"]["0"]) == (20, 30)
    assert picture.read_bytes().startswith(b"\x89PNG")
    shown = rekindle("-w", workspace.root, "backtest", "abandoned_cart", "--since", "7d", **environ)
    assert "ordered anyway within the wait" in shown.stdout and "as tried" in shown.stdout
    refused = rekindle("-w", workspace.root, "backtest", "abandoned_basket", **environ)
    assert refused.returncode == 2 and "there is abandoned_cart" in refused.stderr


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def messages() -> list[dict]:
    """Thirty carts at noon in a row of days; ten of the shoppers order half an hour later. All events came long ago."""
    found = []
    for number in range(30):
        noon = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=number % 5)
        user = {"userId": f"u{number}", "context": {"traits": {"email": f"u{number}@shoppers.example"}}}
        product = {"product_id": "p1", "price": 12.5, "quantity": 1}
        events = [(noon, "Product Added", product)]
        if number >= 20:
            order = {"order_id": f"o{number}", "total": 12.5, "products": [product]}
            events.append((noon + timedelta(minutes=30), "Order Completed", order))
        for at, name, properties in events:
            found.append(
                {
                    **{"type": "track", "event": name, "messageId": f"{name}-{number}", "timestamp": at.isoformat()},
                    **{"properties": properties, **user},
                }
            )
    end = {"type": "track", "event": "Product Viewed", "userId": "u0", "messageId": "last"}
    return [*found, {**end, "timestamp": "2026-03-06T00:00:00Z", "properties": {"product_id": "p1"}}]
