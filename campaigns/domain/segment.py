"""Segment and RudderStack messages become events. Pure and total: any JSON value gives an `Event` or a `Reject`.

The message shapes are those of the Segment HTTP Tracking API and its e-commerce specification (version 2, and the
older names still in use); docs/event-api.md says how each field is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import orjson

from campaigns.domain.segment_codec import event_details, event_from_payload, event_to_payload
from campaigns.domain.segment_lines import ARRAY_KEYS, LINE_KEYS, lines_of
from campaigns.domain.segment_names import GROUPED, ORDER_EVENTS, PRODUCT_EVENTS, canonical_name
from campaigns.domain.segment_values import (
    EARLIEST,
    currency_code,
    email_address,
    identifier,
    is_given,
    minor_units,
    moment,
    scrub,
    snake,
    text,
)
from campaigns.domain.segment_visit import visit_of
from triggers.events import Event, EventName

__all__ = [
    "Reject",
    "RejectReason",
    "event_details",
    "event_from_payload",
    "event_to_payload",
    "find_fault",
    "made_up_id",
    "message_id_of",
    "normalise",
]


class RejectReason(StrEnum):
    """Why a message can never become an event, however often it is sent."""

    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_TYPE = "unknown_type"
    NO_EVENT_NAME = "no_event_name"
    NO_IDENTITY = "no_identity"
    NO_PREVIOUS_ID = "no_previous_id"
    UNREADABLE_TIME = "unreadable_time"
    TOO_LARGE = "too_large"
    UNREADABLE_BODY = "unreadable_body"


@dataclass(frozen=True, slots=True)
class Reject:
    """A message that was refused. `detail` is a sentence for the person who looks after the integration."""

    reason: RejectReason
    message_id: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Envelope:
    """The outer part of a message that passed: `root` holds its fields by snake_case name."""

    root: Mapping[str, Any]
    kind: str
    name: str
    message_id: str | None
    anonymous_id: str | None
    user_id: str | None
    email: str | None
    occurred_at: datetime


_EMPTY: Final[Mapping[str, Any]] = {}
_FIXED_NAMES: Final = {
    "identify": EventName.IDENTIFIED,
    "page": EventName.PAGE_VIEWED,
    "screen": EventName.PAGE_VIEWED,
    "alias": EventName.ALIASED,
    "group": GROUPED,
}
_EMAIL_KEYS: Final = ("email", "Email", "email_address", "emailAddress")
_TAKEN: Final = frozenset({"cart_id", "checkout_id", "order_id", "currency", "total", "session_id"})
_NO_TIME: Final = timedelta(0)


def normalise(
    message: object,
    *,
    source: str,
    received_at: datetime,
    sent_at: datetime | None = None,
    currency: str | None = None,
) -> Event | Reject:
    """The event a message means.

    `sent_at` is the batch's own time of sending, used where the message has none; `currency` is the shop's, used
    where the message has none. The same arguments always give the same event, so a batch may be read again.
    """
    envelope = _open(message, received_at, sent_at)
    if isinstance(envelope, Reject):
        return envelope
    return _event(envelope, message, source, received_at, currency)


def find_fault(message: object, *, received_at: datetime, sent_at: datetime | None = None) -> Reject | None:
    """Why `normalise` would refuse the message, at a fraction of its cost; None where it gives an event."""
    envelope = _open(message, received_at, sent_at)
    return envelope if isinstance(envelope, Reject) else None


def message_id_of(message: Mapping[str, Any]) -> str | None:
    """The id a message came with, None where it has none that can be told apart."""
    return _message_id({snake(key): value for key, value in message.items() if value is not None})


def made_up_id(message: object, received_at: datetime, position: int = 0) -> str:
    """An id for a message that came without one: the same for the same message sent again.

    A message that names its own time is told by its content; one without any time also by when and at which place
    of its batch it came, for the same product may well be added twice.
    """
    content = orjson.dumps(scrub(message), option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(content)
    fields = {snake(key) for key in message} if isinstance(message, dict) else set()
    if not fields & {"timestamp", "original_timestamp"}:
        digest.update(f"{received_at.isoformat()} {position}".encode())
    return f"made-{digest.hexdigest()[:32]}"


def _open(message: object, received_at: datetime, sent_at: datetime | None) -> _Envelope | Reject:
    if not isinstance(message, dict):
        return Reject(RejectReason.NOT_AN_OBJECT, None, "an event is a JSON object")
    root = {snake(key): value for key, value in message.items() if value is not None}
    message_id = _message_id(root)
    kind = str(root.get("type", "")).strip().lower()
    name = _name(kind, root)
    if name is None:
        return _nameless(kind, message_id)
    anonymous_id, user_id = identifier(root.get("anonymous_id")), identifier(root.get("user_id"))
    email = _email(root) or email_address(user_id)
    if anonymous_id is None and user_id is None and email is None:
        return Reject(RejectReason.NO_IDENTITY, message_id, "userId, anonymousId or an email is needed")
    if kind == "alias" and (user_id is None or identifier(root.get("previous_id")) is None):
        return Reject(RejectReason.NO_PREVIOUS_ID, message_id, "an alias needs userId and previousId")
    occurred_at = _occurred_at(root, received_at, sent_at)
    if occurred_at is None:
        return Reject(RejectReason.UNREADABLE_TIME, message_id, "timestamp must be ISO 8601 and after 2000")
    return _Envelope(root, kind, name, message_id, anonymous_id, user_id, email, occurred_at)


def _message_id(root: Mapping[str, Any]) -> str | None:
    given = root.get("message_id")
    found = identifier(given)
    if found is None and isinstance(given, str) and len(given) > 255:
        return "long-" + hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:32]
    return found


def _name(kind: str, root: Mapping[str, Any]) -> str | None:
    if kind != "track":
        return _FIXED_NAMES.get(kind)
    event = root.get("event")
    return canonical_name(event[:512]) if isinstance(event, str) else None


def _nameless(kind: str, message_id: str | None) -> Reject:
    if kind == "track":
        return Reject(RejectReason.NO_EVENT_NAME, message_id, "a track call needs an event name")
    return Reject(RejectReason.UNKNOWN_TYPE, message_id, "type is track, identify, page, screen, alias or group")


def _part(root: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = root.get(key)
    return part if isinstance(part, dict) else _EMPTY


def _email(root: Mapping[str, Any]) -> str | None:
    group_traits = root.get("type") == "group"
    context_traits = _part(_part(root, "context"), "traits")
    for part in (_EMPTY if group_traits else _part(root, "traits"), context_traits, _part(root, "properties"), root):
        for key in _EMAIL_KEYS:
            if key in part and (found := email_address(part[key])):
                return found
    return None


def _occurred_at(root: Mapping[str, Any], received_at: datetime, sent_at: datetime | None) -> datetime | None:
    original, stamp = root.get("original_timestamp"), root.get("timestamp")
    if original is None and stamp is None:
        return received_at
    given = [value for value in (original, stamp) if is_given(value)]
    if not given:
        return received_at
    times = [found for value in given if (found := moment(value)) is not None]
    if not times:
        return None
    if len(times) == 2 and times[0] != times[1]:
        return _within(times[1], received_at)  # both given: an earlier hop has put the clock right already
    sent = moment(root.get("sent_at")) or sent_at
    if sent is None:
        return _within(times[0], received_at)
    try:
        return _within(received_at - max(sent - times[0], _NO_TIME), received_at)
    except OverflowError:
        return None


def _within(found: datetime, received_at: datetime) -> datetime | None:
    return min(found, received_at) if found >= EARLIEST else None


def _event(
    envelope: _Envelope, message: object, source: str, received_at: datetime, shop_currency: str | None
) -> Event:
    root, name = envelope.root, envelope.name
    context, properties = _part(root, "context"), _properties(envelope)
    known = {snake(key): value for key, value in properties.items() if value is not None}
    currency = currency_code(known.get("currency")) or shop_currency
    lines = lines_of(name, known, currency)
    total = minor_units(_first(known, "total", "revenue", "value"), currency)
    return Event(
        source=source,
        message_id=envelope.message_id or made_up_id(message, received_at),
        name=name,
        occurred_at=envelope.occurred_at,
        received_at=received_at,
        anonymous_id=envelope.anonymous_id,
        user_id=envelope.user_id,
        previous_id=identifier(root.get("previous_id")) if envelope.kind == "alias" else None,
        email=envelope.email,
        lines=lines,
        cart_id=identifier(_first(known, "cart_id", "cart_token")),
        checkout_id=identifier(_first(known, "checkout_id", "checkout_token")),
        order_id=identifier(_order_id(name, known)),
        total_minor=total,
        currency=currency if lines or total is not None else None,
        session_id=identifier(known.get("session_id", context.get("sessionId"))),
        visit=visit_of(context, known if name == EventName.PAGE_VIEWED else _EMPTY),
        traits=_traits(envelope.kind, root, context),
        properties=_rest(properties, name, has_lines=bool(lines)),
    )


def _properties(envelope: _Envelope) -> Mapping[str, Any]:
    root, found = envelope.root, _part(envelope.root, "properties")
    if envelope.kind == "group":
        return {"group_id": root.get("group_id"), **_part(root, "traits")}
    if envelope.kind in ("page", "screen") and "name" in root:
        return {"name": text(root["name"], 255), **found}
    return found


def _first(known: Mapping[str, Any], *keys: str) -> Any:
    return next((known[key] for key in keys if key in known), None)


def _order_id(name: str, known: Mapping[str, Any]) -> Any:
    keys = ("order_id", "order_number", "transaction_id", "id") if name in ORDER_EVENTS else ("order_id",)
    return _first(known, *keys)


def _traits(kind: str, root: Mapping[str, Any], context: Mapping[str, Any]) -> Mapping[str, Any]:
    carried = context.get("traits")
    merged = dict(carried) if isinstance(carried, dict) else {}
    if kind == "identify":
        merged.update(_part(root, "traits"))
    return scrub(merged) if merged else {}


def _rest(properties: Mapping[str, Any], name: str, has_lines: bool) -> Mapping[str, Any]:
    if not properties:
        return {}
    taken = _TAKEN
    if has_lines:
        taken = taken | LINE_KEYS if name in PRODUCT_EVENTS else taken | frozenset(ARRAY_KEYS)
    return scrub({key: value for key, value in properties.items() if snake(key) not in taken})  # type: ignore[no-any-return]
