"""Price drops in the past: replay and backtest see them as the live engine did, and a campaign can be tried before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.config.scaffold import library_drafts
from campaigns.domain.campaign_file import parse_campaign
from campaigns.domain.product import Product
from campaigns.pipeline.backtest import backtest
from campaigns.pipeline.engine import World, open_engine
from campaigns.pipeline.tell import tell_all
from campaigns.storage.database import transaction
from campaigns.storage.products import save_products
from tests.flows.test_backtest import agree, play
from tests.pipeline.small_shop import Shop, identify, open_shop, ordered, track
from tests.pipeline.test_catalog_changes import LAMP, looked, sell, sold_cheaper, use_drafts
from triggers.catalog_events import BACK_IN_STOCK, PRICE_DROPPED, catalog_event
from triggers.events import Event, EventName, Line

pytestmark = pytest.mark.servers
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def viewed(who: str, product: str, at: datetime) -> Event:
    ids = {"user_id": who, "email": f"{who}@shoppers.example"}
    line = Line(product, price_minor=5000)
    return Event("shop", f"{who}-{product}-{at}", EventName.PRODUCT_VIEWED, at, at, lines=(line,), **ids)


def told(who: str, name: str, product: str, at: datetime, price: int = 3000) -> Event:
    was = 5000 if name == PRICE_DROPPED else None
    return catalog_event(
        *(name, product), profile_ref=who, at=at, price_minor=price, was_minor=was, user_id=who, interested_at=at - HOUR
    )


def history() -> list[Event]:
    events: list[Event] = []
    for number in range(12):
        who = f"u{number}"
        events += [viewed(who, "p1", MONDAY), viewed(who, "p2", MONDAY + HOUR)]
        events.append(told(who, PRICE_DROPPED, "p1", MONDAY + 5 * HOUR, price=4900 if number == 3 else 3000))
        if number % 2:
            events.append(told(who, BACK_IN_STOCK, "p2", MONDAY + 6 * HOUR))
        if number % 3 == 0:
            at = MONDAY + 5 * HOUR + timedelta(minutes=5)
            events.append(
                Event("shop", f"o{number}", EventName.ORDER_COMPLETED, at, at, user_id=who, lines=(Line("p1"),))
            )
    return sorted(events, key=lambda event: event.received_at)


def test_replay_and_backtest_decide_about_told_changes_alike(
    workspace: Workspace, environ: dict[str, str], tmp_path: Path
) -> None:
    for name in ("price_drop", "back_in_stock"):
        (workspace.campaigns / f"{name}.yaml").write_text(library_drafts()[f"{name}.yaml"], encoding="utf-8")
    end = MONDAY + timedelta(days=3)
    clock = VirtualClock(MONDAY - HOUR)
    with open_engine(workspace.root, world=World.REPLAY, fresh=True, clock=clock, environ=environ) as engine:
        goods = [Product(one, one.title(), f"https://s.example/{one}", price_minor=3000) for one in ("p1", "p2")]
        with transaction(engine.database) as connection:
            save_products(connection, goods, MONDAY - HOUR)
        play(engine, history(), tmp_path / "mail", end)
        outcomes = agree(engine, MONDAY - timedelta(days=9), end)
    assert outcomes["send", "passed"] >= 5


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]):
    with open_shop(tmp_path / "shop", environ) as found:
        yield found


def test_a_campaign_is_tried_on_changes_nobody_listened_to(shop: Shop) -> None:
    sell(shop, LAMP)
    looked(shop, "mia")
    looked(shop, "ida")
    looked(shop, "long-ago", hours=24 * 40)
    shop.send(track("Product Viewed", "anon-nobody", shop.ago(5), product_id="lamp"))
    shop.send(track("Product Viewed", "anon-eve", shop.ago(4), product_id="lamp"))
    shop.send(identify("eve", shop.ago(3), anonymous_id="anon-eve"))
    looked(shop, "buyer")
    shop.send(ordered("buyer", shop.ago(3)))
    sold_cheaper(shop)
    shop.send(identify("late", shop.ago(0.1)), track("Product Viewed", "late", shop.ago(0.1), product_id="lamp"))
    candidate = parse_campaign(library_drafts()["price_drop.yaml"], file="price_drop")
    with transaction(shop.engine.database) as connection:
        companions = shop.engine.campaigns.read(connection).current
    until = shop.now + timedelta(hours=2)
    found = backtest(shop.engine, "price_drop", candidate, companions=companions, until=until)
    figures = found.after.figures("price_drop")
    assert (figures.mails, len(figures.profiles)) == (3, 3)
    assert shop.rows("SELECT heard, told FROM catalog_changes") == [(False, 0)]

    use_drafts(shop, "price_drop")
    shop.run("UPDATE catalog_changes SET finished_at = NULL")
    assert tell_all(shop.engine).told == 4  # the buyer hears of it, and is not written to
    armed = "SELECT profile_id::text FROM enrollments WHERE campaign_id = 'price_drop' AND status = 'armed'"
    assert {row[0] for row in shop.rows(armed)} == figures.profiles
    again = backtest(shop.engine, "price_drop", None, companions={**companions, "price_drop": candidate}, until=until)
    assert again.after.figures("price_drop").profiles == figures.profiles
