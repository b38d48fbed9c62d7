"""The built-in shop: believable, and the same every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from campaigns.demo.catalog import DEPARTMENTS, catalog
from campaigns.demo.days import day, history
from campaigns.demo.shop import DemoShop
from campaigns.demo.shoppers import profiles, shoppers
from triggers.events import Event, EventName

pytestmark = pytest.mark.slow

SHOP = DemoShop()
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def played() -> list[Event]:
    return day(SHOP)


@pytest.fixture(scope="module")
def past() -> list[Event]:
    return list(history(SHOP))


def test_catalog_has_about_five_hundred_products_with_names_of_their_own() -> None:
    products = catalog(SHOP)
    assert 480 <= len(products) <= 540
    assert len({product.title for product in products}) == len(products)
    assert len({product.product_id for product in products}) == len(products)
    assert len({product.url for product in products}) == len(products)
    assert len(Counter(product.category for product in products)) == len(DEPARTMENTS) == 10


def test_catalog_holds_the_awkward_products_every_shop_has() -> None:
    products = catalog(SHOP)
    midnight = datetime(2026, 3, 12, tzinfo=UTC)
    reduced = [product for product in products if product.list_price_minor is not None]
    assert 40 < len(reduced) < 130
    assert all((product.price_minor or 0) < (product.list_price_minor or 0) for product in reduced)
    assert 10 < sum(not product.in_stock for product in products) < 60
    assert any(product.hidden for product in products)
    new = [product for product in products if product.published_at and midnight - product.published_at < timedelta(7)]
    assert 10 < len(new) < 50


def test_prices_end_as_prices_do() -> None:
    endings = {(product.price_minor or 0) % 100 for product in catalog(SHOP)}
    assert endings <= {0, 50, 90, 95}
    assert all(200 <= (product.price_minor or 0) <= 50_000 for product in catalog(SHOP))


def test_pairs_name_drawings_that_exist() -> None:
    kinds = [kind for department in DEPARTMENTS for kind in department.kinds]
    shapes = {kind.shape for kind in kinds}
    assert len(shapes) == len(kinds)
    assert {pair for kind in kinds for pair in kind.pairs} <= shapes


def test_half_the_shoppers_are_known_and_addresses_are_plain() -> None:
    everybody = shoppers(SHOP)
    assert len(everybody) == 1500
    assert 0.45 < sum(shopper.known for shopper in everybody) / 1500 < 0.55
    assert len({shopper.email for shopper in everybody}) == 1500
    assert all(shopper.email.isascii() and shopper.email.endswith("@shoppers.example") for shopper in everybody)


def test_profiles_hold_consent_suppressions_and_missing_zones() -> None:
    on_file = profiles(SHOP)
    assert all((profile.consent_at is not None) == profile.consent for profile in on_file)
    assert 0.88 < sum(profile.consent for profile in on_file) / len(on_file) < 0.98
    assert any(profile.suppression for profile in on_file)
    assert any(profile.zone is None for profile in on_file)


def test_day_is_busy_and_in_order_of_arrival(played: list[Event]) -> None:
    assert 20_000 <= len(played) <= 30_000
    assert all(before.received_at <= after.received_at for before, after in pairwise(played))
    midnight = datetime(2026, 3, 12, tzinfo=UTC)
    assert all(midnight <= event.occurred_at <= event.received_at < midnight + timedelta(days=1) for event in played)


def test_day_repeats_delays_and_mixes_as_networks_do(played: list[Event]) -> None:
    told = Counter((event.source, event.message_id) for event in played)
    assert 50 < sum(count > 1 for count in told.values()) < 500
    delays = [event.received_at - event.occurred_at for event in played]
    assert any(delay > timedelta(hours=1) for delay in delays)
    assert sum(delay < timedelta(seconds=5) for delay in delays) > 0.97 * len(delays)
    assert any(a.occurred_at > b.occurred_at for a, b in pairwise(played))


def test_day_tells_whole_stories(played: list[Event]) -> None:
    names = Counter(event.name for event in played)
    assert names[EventName.PRODUCT_VIEWED] > names[EventName.PRODUCT_ADDED] > names[EventName.ORDER_COMPLETED] > 150
    assert names[EventName.ORDER_CANCELLED] and names[EventName.IDENTIFIED] and names[EventName.PRODUCT_REMOVED]
    ordered = {event.cart_id for event in played if event.name == EventName.ORDER_COMPLETED}
    carts = {event.cart_id for event in played if event.name == EventName.PRODUCT_ADDED}
    assert ordered <= carts
    assert len(carts - ordered) > 100


def test_orders_add_up_and_carry_an_address(played: list[Event]) -> None:
    for event in (event for event in played if event.name == EventName.ORDER_COMPLETED):
        goods = sum((line.price_minor or 0) * line.quantity for line in event.lines)
        assert event.total_minor == goods + event.properties["shipping_minor"]
        assert event.lines and event.user_id and event.email and event.order_id and event.cart_id


def test_basket_holds_what_was_added_and_not_removed(played: list[Event]) -> None:
    first = {(event.source, event.message_id): event for event in reversed(played)}
    baskets: dict[str | None, dict[str, int]] = {}
    for event in sorted(first.values(), key=lambda event: event.occurred_at):
        basket = baskets.setdefault(event.cart_id, {})
        if event.name == EventName.PRODUCT_ADDED:
            basket.update({line.product_id: line.quantity for line in event.lines})
        elif event.name == EventName.PRODUCT_REMOVED:
            basket.pop(event.lines[0].product_id)
        elif event.name == EventName.ORDER_COMPLETED:
            assert basket == {line.product_id: line.quantity for line in event.lines}


def test_strangers_become_known_on_the_way(played: list[Event]) -> None:
    by_session: dict[str | None, list[Event]] = {}
    for event in sorted(played, key=lambda event: event.occurred_at):
        by_session.setdefault(event.session_id, []).append(event)
    linked = [events for events in by_session.values() if events[0].user_id is None and events[-1].user_id is not None]
    assert len(linked) > 50
    assert all(any(event.name == EventName.IDENTIFIED for event in events) for events in linked)


def test_shoppers_sleep_at_night(played: list[Event]) -> None:
    hours = Counter(event.occurred_at.hour for event in played)
    assert hours[20] > 8 * hours[3]


def test_history_is_thirty_quiet_days_before(past: list[Event]) -> None:
    assert 60_000 <= len(past) <= 100_000
    assert {event.occurred_at.date() for event in past} == {date(2026, 3, 12) - timedelta(days=n) for n in range(1, 31)}
    assert all(event.received_at == event.occurred_at for event in past)
    assert len({event.message_id for event in past}) == len(past)


def test_nobody_sees_a_product_before_it_is_published(past: list[Event]) -> None:
    published = {product.product_id: product.published_at for product in catalog(SHOP)}
    hidden = {product.product_id for product in catalog(SHOP) if product.hidden}
    for event in past:
        for line in event.lines:
            assert line.product_id not in hidden
            at = published[line.product_id]
            assert at is not None and at <= event.occurred_at + timedelta(minutes=1)


def test_things_that_belong_together_are_bought_together(past: list[Event]) -> None:
    """Pairs of the assortment are found in one order far more often than chance would put them there."""
    shape = {product.product_id: str(product.attributes["shape"]) for product in catalog(SHOP)}
    pairs = {frozenset((kind.shape, other)) for dep in DEPARTMENTS for kind in dep.kinds for other in kind.pairs}
    found = possible = 0
    for event in past:
        if event.name == EventName.ORDER_COMPLETED:
            kinds = sorted({shape[line.product_id] for line in event.lines})
            both = [frozenset((a, b)) for place, a in enumerate(kinds) for b in kinds[place + 1 :]]
            possible += len(both)
            found += sum(pair in pairs for pair in both)
    by_chance = len(pairs) / (65 * 64 / 2)
    assert found / possible > 5 * by_chance


def test_another_seed_makes_another_shop_and_another_day_other_events() -> None:
    other = catalog(DemoShop(seed=2))
    assert [product.price_minor for product in other] != [product.price_minor for product in catalog(SHOP)]
    assert {event.message_id for event in day(SHOP, date(2026, 3, 13))}.isdisjoint(
        event.message_id for event in day(SHOP)
    )


def test_a_second_process_makes_the_same_shop(played: list[Event]) -> None:
    """Python salts its own hash per process; nothing here may hang on it."""
    program = (
        "import hashlib; from campaigns.demo.days import day; from campaigns.demo.shop import DemoShop;"
        "print(hashlib.sha256(repr(day(DemoShop())).encode()).hexdigest())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == hashlib.sha256(repr(played).encode()).hexdigest()
