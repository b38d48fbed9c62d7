"""Messages as the common clients really send them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from campaigns.domain.segment_batch import events_in, pack_messages, read_batch, sift
from triggers.events import Event, EventName, Line

NOW = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)


def events_of(body: dict[str, Any], call: str = "batch") -> list[Event]:
    """Through the whole way: a request's body, an inbox row's body, events."""
    batch = read_batch(json.dumps(body).encode(), call)
    kept, refused = sift(batch, NOW)
    assert refused == []
    row = pack_messages(kept, batch.sent_at)
    return [event for event in events_in(row, source="web", received_at=NOW) if isinstance(event, Event)]


def test_rudderstack_in_a_browser():
    context = {
        "app": {"name": "RudderLabs JavaScript SDK", "version": "3.7.0"},
        "traits": {"email": "ann@mail.example", "firstName": "Ann"},
        "library": {"name": "RudderLabs JavaScript SDK"},
        "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
        "page": {
            "path": "/p/1",
            "referrer": "$direct",
            "url": "https://shop.example/p/1",
            "initial_referrer": "https://www.google.com/",
        },
        "campaign": {"source": "newsletter", "name": "spring"},
        "sessionId": 1772366400000,
        "sessionStart": True,
    }
    message = {
        "channel": "web",
        "context": context,
        "type": "track",
        "messageId": "c0ffee00-1111-4222-8333-444455556666",
        "originalTimestamp": "2026-03-01T12:00:00.000Z",
        "sentAt": "2026-03-01T12:00:02.000Z",
        "anonymousId": "anon-1",
        "userId": "",
        "event": "Product Added",
        "properties": {"product_id": "p1", "price": "49.90", "quantity": "2", "currency": "EUR"},
        "integrations": {"All": True},
    }
    (event,) = events_of({"batch": [message], "sentAt": "2026-03-01T12:00:02.000Z"})
    assert (event.name, event.anonymous_id, event.user_id) == (EventName.PRODUCT_ADDED, "anon-1", None)
    assert (event.email, event.session_id) == ("ann@mail.example", "1772366400000")
    assert event.occurred_at == datetime(2026, 3, 1, 12, 0, 8, tzinfo=UTC)
    assert event.lines == (Line("p1", 2, 4990),)
    assert event.visit is not None
    assert (event.visit.referrer, event.visit.source, event.visit.device) == (None, "newsletter", "desktop")


def test_segments_javascript_client():
    message = {
        "timestamp": "2026-03-01T12:00:00.000Z",
        "integrations": {},
        "anonymousId": "2d1c",
        "userId": "C20001",
        "event": "Checkout Started",
        "type": "track",
        "properties": {
            "checkout_id": "k9",
            "value": 20.5,
            "currency": "EUR",
            "products": [
                {"product_id": "a", "price": 10.25, "quantity": 2, "name": "Cup", "url": "https://s.example/a"}
            ],
        },
        "context": {"page": {"url": "https://shop.example/checkout", "referrer": "https://shop.example/cart"}},
        "messageId": "ajs-next-1772366400000-abc",
        "writeKey": "k",
        "sentAt": "2026-03-01T12:00:00.100Z",
        "_metadata": {"bundled": ["Segment.io"], "unbundled": []},
    }
    (event,) = events_of(message, "track")
    assert (event.name, event.checkout_id, event.total_minor) == (EventName.CHECKOUT_STARTED, "k9", 2050)
    assert event.lines == (Line("a", 2, 1025, title="Cup", url="https://s.example/a"),)
    assert event.message_id == "ajs-next-1772366400000-abc"


def test_a_shops_server_with_the_python_client():
    identify = {
        "type": "identify",
        "userId": 20001,
        "anonymousId": None,
        "traits": {"email": "ann@mail.example", "first_name": "Ann", "timezone": "Europe/Dublin"},
        "timestamp": "2026-03-01T11:59:58.123456+00:00",
        "context": {"library": {"name": "analytics-python", "version": "2.3.2"}},
        "messageId": "6f1c",
    }
    order = {
        "type": "track",
        "userId": 20001,
        "event": "Order Completed",
        "properties": {
            "order_id": 1001,
            "total": 30,
            "currency": "JPY",
            "products": [{"sku": "a", "price": 15, "quantity": 2}],
        },
        "timestamp": "2026-03-01T11:59:59.123456+00:00",
        "messageId": "6f1d",
    }
    body = {"batch": [identify, order], "sentAt": "2026-03-01T12:00:00+00:00", "writeKey": "k"}
    known, ordered = events_of(body)
    assert (known.user_id, known.traits["timezone"]) == ("20001", "Europe/Dublin")
    assert (ordered.order_id, ordered.total_minor, ordered.lines) == ("1001", 30, (Line("a", 2, 15),))


def test_an_older_phone_client_with_only_its_own_time():
    message = {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "device-1",
        "context": {"traits": {"email": "ann@mail.example"}, "device": {"type": "ios"}, "timezone": "Europe/Dublin"},
        "originalTimestamp": "2026-03-01T10:00:00+0000",
        "messageId": "ios-1",
        "integrations": {},
    }
    (event,) = events_of({"batch": [message], "sentAt": "2026-03-01T10:00:05+0000"})
    assert (event.email, event.occurred_at) == ("ann@mail.example", datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
    assert event.visit is not None
    assert event.visit.device == "phone"
