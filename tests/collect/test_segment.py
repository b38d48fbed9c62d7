"""What the messages of Segment and RudderStack clients mean as events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.domain.segment import Reject, RejectReason, find_fault, normalise
from triggers.cart import Cart
from triggers.events import Event, EventName, Line

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def track(event: str = "Product Viewed", **message: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "messageId": "m1", "userId": "u1", **message}


def event_of(message: dict[str, Any], **options: Any) -> Event:
    found = normalise(message, source="web", received_at=NOW, **options)
    assert isinstance(found, Event), found
    return found


def reason_of(message: Any) -> RejectReason:
    found = normalise(message, source="web", received_at=NOW)
    assert isinstance(found, Reject), found
    assert find_fault(message, received_at=NOW) == found
    return found.reason


def test_a_product_added_carries_its_product_as_a_line():
    properties = {
        "product_id": "p1",
        "name": "Shoe",
        "price": 19.99,
        "currency": "eur",
        "quantity": 2,
        "variant": "42",
        "category": "Shoes",
        "brand": "Acme",
        "url": "https://s.example/p1",
        "image_url": "https://s.example/p1.jpg",
        "cart_id": "c1",
        "coupon": "SPRING",
    }
    event = event_of(track("Product Added", properties=properties))
    line = Line("p1", 2, 1999, "42", "Shoe", "Shoes", "Acme", "https://s.example/p1", "https://s.example/p1.jpg")
    assert event.lines == (line,)
    assert (event.cart_id, event.currency, event.properties) == ("c1", "EUR", {"coupon": "SPRING"})


def test_an_order_carries_its_products_array_and_total():
    products = [{"product_id": 7, "price": "5.00", "quantity": "3"}, {"productId": "b", "price": 1}, {"price": 1}, "c"]
    properties = {"orderId": 991, "total": "16.00", "revenue": 12, "currency": "USD", "products": products}
    event = event_of(track("Order Completed", properties=properties))
    assert event.lines == (Line("7", 3, 500), Line("b", 1, 100), Line("c"))
    assert (event.order_id, event.total_minor) == ("991", 1600)


def test_the_spellings_of_other_tools_mean_the_same():
    items = [{"item_id": "a", "item_name": "Cup", "item_brand": "Acme", "price": 2, "quantity": 2}]
    assert event_of(track("purchase", properties={"items": items})).lines == (
        Line("a", 2, 200, title="Cup", brand="Acme"),
    )
    line_items = [{"product_id": 1, "variant_id": 2, "title": "Cup", "price": "2.00"}]
    event = event_of(track("Order Created", properties={"Order ID": 5, "line_items": line_items}))
    assert (event.order_id, event.lines) == ("5", (Line("1", 1, 200, "2", "Cup"),))
    assert event_of(track("Cart Viewed", properties={"cartid": "c"})).cart_id == "c"


def test_a_cart_snapshot_leaves_out_lines_of_quantity_zero():
    products = [{"product_id": "a", "quantity": 0}, {"product_id": "b", "quantity": 1}]
    assert event_of(track("Cart Updated", properties={"products": products})).lines == (Line("b"),)


def test_a_removal_that_does_not_say_how_many_takes_the_whole_line():
    cart = Cart()
    for at, (name, quantity) in enumerate([("Product Added", 3), ("Product Removed", None)], start=1):
        cart.fold(event_of(track(name, properties={"product_id": "a", "quantity": quantity})), at, 0, 0)
    assert cart.is_empty
    assert event_of(track("Product Removed", properties={"product_id": "a", "quantity": 2})).lines == (Line("a", 2),)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("product added", EventName.PRODUCT_ADDED),
        ("Added Product", EventName.PRODUCT_ADDED),
        ("add_to_cart", EventName.PRODUCT_ADDED),
        ("Added to Cart", EventName.PRODUCT_ADDED),
        ("Viewed Product", EventName.PRODUCT_VIEWED),
        ("Completed Order", EventName.ORDER_COMPLETED),
        ("purchase", EventName.ORDER_COMPLETED),
        ("Order Canceled", EventName.ORDER_CANCELLED),
        ("Started Checkout", EventName.CHECKOUT_STARTED),
        ("Loyalty Joined", "Loyalty Joined"),
    ],
)
def test_every_spelling_of_an_event_has_one_name(name: str, meaning: str):
    assert event_of(track(name)).name == meaning


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        (19.99, "EUR", 1999),
        ("19.99", "EUR", 1999),
        (1.005, "EUR", 101),
        (0.29, "EUR", 29),
        ("$1,299.00", "USD", 129_900),
        ("1.299,00 €", "EUR", 129_900),
        ("12,5", "EUR", 1250),
        ("1,299", "USD", 129_900),
        (1980, "JPY", 1980),
        ("1980.4", "JPY", 1980),
        (1.2345, "KWD", 1235),
        (0, "EUR", 0),
        (-5, "EUR", None),
        ("free", "EUR", None),
        (float("nan"), "EUR", None),
        (1e300, "EUR", None),
        ("1e999999", "EUR", None),
        (True, "EUR", None),
        ([1], "EUR", None),
    ],
)
def test_prices_become_minor_units(price: object, currency: str, minor: int | None):
    event = event_of(track(properties={"product_id": "p", "price": price, "currency": currency}))
    assert event.lines[0].price_minor == minor


def test_the_shops_currency_is_used_where_the_event_has_none():
    event = event_of(track(properties={"product_id": "p", "price": 100}), currency="JPY")
    assert (event.lines[0].price_minor, event.currency) == (100, "JPY")


def test_a_wrong_device_clock_is_corrected():
    wrong = datetime(2021, 1, 1, tzinfo=UTC)
    message = track(originalTimestamp=wrong.isoformat(), sentAt=(wrong + timedelta(seconds=90)).isoformat())
    assert event_of(message).occurred_at == NOW - timedelta(seconds=90)


def test_the_batchs_sent_at_corrects_messages_without_their_own():
    sent = NOW + timedelta(hours=1)
    message = track(timestamp=(sent - timedelta(minutes=5)).isoformat())
    assert event_of(message, sent_at=sent).occurred_at == NOW - timedelta(minutes=5)


def test_an_event_never_lies_in_the_future():
    assert event_of(track(timestamp="2031-01-01T00:00:00Z")).occurred_at == NOW
    assert event_of(track(timestamp="2031-01-01T00:00:00Z", sentAt="2030-01-01T00:00:00Z")).occurred_at == NOW


def test_both_times_given_means_the_clock_was_corrected_before():
    message = track(timestamp="2026-02-28T10:00:00Z", originalTimestamp="2020-01-01T00:00:00Z", sentAt=NOW.isoformat())
    assert event_of(message).occurred_at == datetime(2026, 2, 28, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-02-01T10:00:00Z",
        "2026-02-01T11:00:00+01:00",
        "2026-02-01 10:00:00",
        1769940000,
        1769940000000,
        "1769940000",
    ],
)
def test_times_are_read_in_every_shape(stamp: object):
    assert event_of(track(timestamp=stamp)).occurred_at == datetime(2026, 2, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["yesterday", "1969-12-31T00:00:00Z", -5, "0001-01-01T00:00:00+14:00", {"a": 1}])
def test_a_time_that_cannot_be_read_is_refused_for_it_would_fire_now(stamp: object):
    assert reason_of(track(timestamp=stamp)) is RejectReason.UNREADABLE_TIME


@pytest.mark.parametrize("stamp", [None, "", float("nan")])
def test_no_time_means_now(stamp: object):
    assert event_of(track(timestamp=stamp)).occurred_at == NOW


def test_numeric_ids_are_text():
    event = event_of({"type": "track", "event": "x", "messageId": 5, "userId": 42, "anonymousId": 7.0})
    assert (event.message_id, event.user_id, event.anonymous_id) == ("5", "42", "7")


@pytest.mark.parametrize(
    "nobody", [None, "", " ", "null", "undefined", "NaN", float("nan"), 0, "guest", [], {}, "x" * 256]
)
def test_an_id_that_names_nobody_never_joins_strangers(nobody: object):
    assert event_of(track(userId=nobody, anonymousId="a")).user_id is None
    assert reason_of(track(userId=nobody)) is RejectReason.NO_IDENTITY


def test_an_address_alone_is_identity_enough():
    event = event_of(track("Order Completed", userId=None, properties={"email": " Ann@Shop.Example "}))
    assert (event.user_id, event.email) == (None, "ann@shop.example")
    assert event_of(track(userId="Ann@Shop.example")).email == "ann@shop.example"


def test_traits_may_sit_in_the_context():
    message = {
        "type": "identify",
        "userId": "u",
        "context": {"traits": {"email": "a@b.example", "plan": "x", "vip": 1}},
    }
    event = event_of({**message, "traits": {"plan": "y"}})
    assert (event.name, event.email) == (EventName.IDENTIFIED, "a@b.example")
    assert event.traits == {"email": "a@b.example", "plan": "y", "vip": 1}


def test_an_alias_names_both_sides():
    event = event_of({"type": "alias", "userId": "u", "previousId": "a"})
    assert (event.name, event.user_id, event.previous_id) == (EventName.ALIASED, "u", "a")
    assert reason_of({"type": "alias", "userId": "u"}) is RejectReason.NO_PREVIOUS_ID


def test_pages_and_screens_are_page_views():
    properties = {"url": "https://shop.example/?utm_source=news&utm_campaign=may", "referrer": "https://google.com/"}
    event = event_of({"type": "page", "anonymousId": "a", "name": "Home", "properties": properties})
    assert event.name == EventName.PAGE_VIEWED
    assert event.properties["name"] == "Home"
    assert event.visit is not None
    assert (event.visit.source, event.visit.campaign) == ("news", "may")
    assert event.visit.referrer == "https://google.com/"
    assert event_of({"type": "screen", "anonymousId": "a", "name": "Cart"}).name == EventName.PAGE_VIEWED


@pytest.mark.parametrize("referrer", ["https://shop.example/a", "$direct", "", None, 7])
def test_a_referrer_of_the_shops_own_is_no_source(referrer: object):
    page = {"url": "https://www.shop.example/b", "referrer": referrer}
    event = event_of(track(context={"page": page}))
    assert event.visit is not None
    assert event.visit.referrer is None


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148", "phone"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X200) Chrome/120 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X)", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120", "desktop"),
    ],
)
def test_the_device_is_told_from_the_user_agent(agent: str, device: str):
    visit = event_of(track(context={"userAgent": agent})).visit
    assert visit is not None
    assert visit.device == device


def test_control_characters_never_get_in():
    properties = {"product_id": "p\x00\x1b1", "name": "a\ud800b", "note": {"deep\x00": ["\x07x"]}}
    event = event_of(track(properties=properties))
    assert (event.lines[0].product_id, event.lines[0].title) == ("p1", "ab")
    assert event.properties == {"note": {"deep": ["x"]}}


def test_what_lies_too_deep_is_cut_and_not_finite_numbers_are_null():
    deep: Any = "end"
    for _ in range(500):
        deep = [deep]
    event = event_of(track(properties={"deep": deep, "odd": float("inf"), "wide": 2**80}))
    assert event.properties["odd"] is None
    assert event.properties["wide"] == str(2**80)
    assert str(event.properties["deep"]).count("[") <= 16


def test_messages_without_an_id_get_one_that_a_retry_repeats():
    timed = {"type": "page", "anonymousId": "a", "timestamp": NOW.isoformat()}
    later = NOW + timedelta(seconds=10)
    again = normalise(timed, source="web", received_at=later)
    assert isinstance(again, Event)
    assert event_of(timed).message_id == again.message_id
    untimed = {"type": "page", "anonymousId": "a"}
    second = normalise(untimed, source="web", received_at=later)
    assert isinstance(second, Event)
    assert event_of(untimed).message_id != second.message_id


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (None, RejectReason.NOT_AN_OBJECT),
        ([1], RejectReason.NOT_AN_OBJECT),
        ({"userId": "u"}, RejectReason.UNKNOWN_TYPE),
        ({"type": "dance", "userId": "u"}, RejectReason.UNKNOWN_TYPE),
        ({"type": "track", "userId": "u"}, RejectReason.NO_EVENT_NAME),
        ({"type": "track", "userId": "u", "event": " \x00"}, RejectReason.NO_EVENT_NAME),
        ({"type": "track", "event": "x"}, RejectReason.NO_IDENTITY),
    ],
)
def test_refusals_say_why(message: object, reason: RejectReason):
    assert reason_of(message) is reason
