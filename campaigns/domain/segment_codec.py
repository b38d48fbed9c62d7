"""The stored form of an event: a compact JSON object with readable keys; what is empty is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from triggers.events import Event, Line, Visit

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PLAIN: Final = (
    *("anonymous_id", "user_id", "previous_id", "email", "cart_id", "checkout_id", "order_id"),
    *("total_minor", "currency", "session_id"),
)
_LINE: Final = ("price_minor", "variant", "title", "category", "brand", "url", "image_url")
_VISIT: Final = ("referrer", "source", "medium", "campaign", "landing_url", "device")


def event_to_payload(event: Event) -> dict[str, Any]:
    """`event` as plain JSON values. Times are whole microseconds since 1970 (UTC), so nothing is lost on the way."""
    payload: dict[str, Any] = {
        "source": event.source,
        "message_id": event.message_id,
        "name": event.name,
        "occurred_at": (event.occurred_at - _EPOCH) // _MICROSECOND,
        "received_at": (event.received_at - _EPOCH) // _MICROSECOND,
    }
    return payload | event_details(event)


def event_details(event: Event) -> dict[str, Any]:
    """The same without source, message id, name and times, for where these have columns of their own."""
    payload: dict[str, Any] = {}
    for key in _PLAIN:
        value = getattr(event, key)
        if value is not None:
            payload[key] = value
    if event.lines:
        payload["lines"] = [_line_to_payload(line) for line in event.lines]
    if event.visit is not None:
        payload["visit"] = {key: value for key in _VISIT if (value := getattr(event.visit, key)) is not None}
    if event.traits:
        payload["traits"] = dict(event.traits)
    if event.properties:
        payload["properties"] = dict(event.properties)
    return payload


def _line_to_payload(line: Line) -> dict[str, Any]:
    payload: dict[str, Any] = {"product_id": line.product_id, "quantity": line.quantity}
    for key in _LINE:
        value = getattr(line, key)
        if value is not None:
            payload[key] = value
    return payload


def event_from_payload(payload: Mapping[str, Any]) -> Event:
    """The event `event_to_payload` was given. A KeyError or TypeError means the payload is not one of its results."""
    get = payload.get
    visit = get("visit")
    return Event(
        payload["source"],
        payload["message_id"],
        payload["name"],
        _EPOCH + timedelta(microseconds=payload["occurred_at"]),
        _EPOCH + timedelta(microseconds=payload["received_at"]),
        get("anonymous_id"),
        get("user_id"),
        get("previous_id"),
        get("email"),
        tuple([Line(**line) for line in payload["lines"]]) if "lines" in payload else (),
        get("cart_id"),
        get("checkout_id"),
        get("order_id"),
        get("total_minor"),
        get("currency"),
        get("session_id"),
        Visit(**visit) if visit is not None else None,
        get("traits") or {},
        get("properties") or {},
    )
