"""Whatever clients send, normalising ends in a safe event or a reason, and nothing is lost in the stored form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.domain.segment import Reject, event_from_payload, event_to_payload, find_fault, normalise
from campaigns.domain.segment_batch import Batch, UnreadableBody, events_in, pack_messages, read_batch, sift
from triggers.events import Event

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
KEYS = ["product_id", "productId", "sku", "price", "quantity", "currency", "products", "items", "cart_id", "order_id"]
KEYS += ["total", "value", "email", "name", "url", "image", "session_id", "variant", "id", "referrer"]
properties = st.dictionaries(st.sampled_from(KEYS), anything | st.text("0123456789.,-", max_size=12), max_size=8)
lines = st.lists(properties | anything, max_size=4)
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "page", "screen", "alias", "group", "?"]) | anything},
    optional={
        "event": st.sampled_from(["Product Added", "Order Completed", "cart updated", "Other"]) | anything,
        "messageId": anything,
        "userId": anything,
        "anonymousId": st.just("a") | anything,
        "previousId": anything,
        "timestamp": st.datetimes().map(str) | anything,
        "originalTimestamp": st.datetimes().map(str) | anything,
        "sentAt": st.datetimes().map(str) | anything,
        "properties": properties | st.builds(lambda found: {"products": found}, lines) | anything,
        "traits": anything,
        "context": st.dictionaries(st.sampled_from(["page", "campaign", "traits", "userAgent", "device"]), anything)
        | anything,
    },
)


@settings(max_examples=300, deadline=None)
@given(messages | anything)
def test_any_json_value_is_an_event_or_a_reject(message: Any):
    found = normalise(message, source="web", received_at=NOW)
    assert (find_fault(message, received_at=NOW) is None) == isinstance(found, Event)
    if isinstance(found, Event):
        assert found.occurred_at <= found.received_at
        assert found.message_id
        assert found == normalise(message, source="web", received_at=NOW)
        stored = orjson.dumps(event_to_payload(found))
        assert b"\\u0000" not in stored
        assert event_from_payload(orjson.loads(stored)) == found


@settings(max_examples=200, deadline=None)
@given(st.lists(messages | anything, max_size=4), anything)
def test_what_was_accepted_never_fails_later(sent: list[Any], sent_at: Any):
    kept, rejects = sift(Batch(sent, sent_at), NOW)
    assert len(kept) + len(rejects) == len(sent)
    events = list(events_in(pack_messages(kept, sent_at), source="web", received_at=NOW))
    assert len(events) == len(kept)
    assert not [event for event in events if isinstance(event, Reject)]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | anything.map(lambda value: repr(value).encode("utf-8", "replace")))
def test_any_bytes_are_messages_or_unreadable(body: bytes):
    for call in ("batch", "track"):
        try:
            batch = read_batch(body, call)
        except UnreadableBody:
            continue
        sift(batch, NOW)
