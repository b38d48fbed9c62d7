"""Strangers, new shops and lost caches: a slot is filled from the ladder, and says from which rung."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.delivery import mailer_from_url
from campaigns.demo.catalog import catalog
from campaigns.demo.shop import DemoShop
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.importing import import_catalog
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.refresh import train_and_publish
from campaigns.pipeline.replay import replay
from campaigns.storage.database import statement, transaction
from triggers.events import Event, EventName, Line

pytestmark = pytest.mark.servers
START = datetime(2026, 3, 12, 9, tzinfo=UTC)


@pytest.fixture
def engine(workspace: Workspace, environ: dict[str, str]) -> Iterator[Engine]:
    """A new shop with a catalog and nothing else."""
    settings = workspace.config_file.read_text(encoding="utf-8").replace("holdout_share = 0.10", "holdout_share = 0.0")
    workspace.config_file.write_text(settings, encoding="utf-8")
    with open_engine(workspace.root, clock=VirtualClock(START), environ=environ) as engine:
        engine.cache.clear()
        import_catalog(engine, [list(catalog(DemoShop()))], on_progress=lambda count: None)
        apply_files(engine, read_campaign_files(workspace.campaigns, engine.templates), by="test")
        yield engine


def visit(product_ids: list[str], *, seconds: int = 60) -> list[Event]:
    """Somebody nobody knows looks around, puts the last product into the cart and leaves an address."""
    events = []
    for number, product_id in enumerate(product_ids):
        last = number == len(product_ids) - 1
        name = EventName.PRODUCT_ADDED if last else EventName.PRODUCT_VIEWED
        at = START + timedelta(seconds=seconds * number)
        events.append(Event("shop", f"e{number}", name, at, at, "stranger", lines=(Line(product_id),)))
    at = START + timedelta(seconds=seconds * len(product_ids))
    events.append(Event("shop", "id", EventName.IDENTIFIED, at, at, "stranger", email="new@shopper.example"))
    return events


def yesterday(days: int) -> list[Event]:
    """What twenty others looked at: something of every category, each at its own time."""
    products = [product.product_id for product in catalog(DemoShop())][::7]
    at = START - timedelta(days=days)
    return [
        Event("shop", f"{days}-{number}", EventName.PRODUCT_VIEWED, at, at, f"other-{number % 20}", lines=(Line(one),))
        for number, one in enumerate(products)
    ]


def slate_of(engine: Engine) -> list[dict[str, str]]:
    """The slate of the one mail that was decided."""
    query = statement("SELECT outcome, slates FROM decisions WHERE campaign_id = 'abandoned_cart'")
    with transaction(engine.database) as connection:
        [(outcome, slates)] = connection.execute(query).all()
    assert outcome == "send"
    return list(slates["recommendations"]["items"])


def play(engine: Engine, product_ids: list[str]) -> None:
    mailer = mailer_from_url("catcher:", workspace=engine.workspace.root)
    replay(engine, visit(product_ids), mailer, until=START + timedelta(hours=3), trained_at=START)


def test_a_shop_that_never_trained_still_fills_the_slot(engine: Engine) -> None:
    play(engine, ["FK-1000", "FK-1001", "FK-1002"])
    items = slate_of(engine)
    assert len(items) == 4
    assert {item["rung"] for item in items} == {"global"}
    assert all(item["reason"] for item in items)
    assert "FK-1002" not in {item["product_id"] for item in items}  # it is in the cart


def test_a_strangers_session_comes_before_bestsellers(engine: Engine) -> None:
    ingest_events(engine, [event for day in range(1, 8) for event in yesterday(day)])
    train_and_publish(engine)
    seen = [product.product_id for product in catalog(DemoShop()) if product.category == "Garden"][:3]
    play(engine, seen)
    items = slate_of(engine)
    assert len(items) == 4
    assert items[0]["rung"] != "global"
    assert not {item["product_id"] for item in items} & {seen[-1]}


def test_a_cache_flushed_after_training_fails_no_mail(engine: Engine) -> None:
    train_and_publish(engine)
    engine.cache.clear()
    play(engine, ["FK-1000", "FK-1001", "FK-1002"])
    assert len(slate_of(engine)) == 4
