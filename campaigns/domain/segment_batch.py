"""A request's body and an inbox row's body: bytes to messages and back.

An inbox row holds `{"sent_at": <text or null>, "messages": [...]}`: plain JSON, every message with its `type` and
`messageId`, nothing in it that could fail later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from campaigns.domain.segment import Reject, RejectReason, find_fault, made_up_id, message_id_of, normalise
from campaigns.domain.segment_values import identifier, moment, scrub
from triggers.events import Event

MAX_EVENT_BYTES: Final = 32_768
MAX_NESTING: Final = 64
MAX_EXCERPT: Final = 2_000


class UnreadableBody(ValueError):
    """The body is no JSON, or JSON of another shape than the call takes; the text says which."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a request's body says: its messages in order, each still as it was sent."""

    messages: Sequence[Any]
    sent_at: object = None
    write_key: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that was not taken: why, and how it began as JSON text, for the person who looks after the sender."""

    reject: Reject
    raw: str


def read_batch(body: bytes, call: str) -> Batch:
    """The messages in the body of a `call` ("batch", "import", "track"...). Raises UnreadableBody."""
    document = parse_json(body)
    if call in ("batch", "import"):
        return _of_batch(document)
    if not isinstance(document, Mapping):
        raise UnreadableBody(f"/v1/{call} takes one JSON object")
    if isinstance(document.get("batch"), list):
        return _of_batch(document)
    message = {key: value for key, value in document.items() if key != "writeKey"}
    return Batch(({**message, "type": call},), document.get("sentAt"), _key(document))


def _of_batch(document: object) -> Batch:
    if isinstance(document, list):
        return Batch(document)
    if not isinstance(document, Mapping) or not isinstance(document.get("batch"), list):
        raise UnreadableBody('a batch is {"batch": [event, ...]}')
    messages = document["batch"]
    shared = document.get("context")
    if isinstance(shared, Mapping) and shared:
        messages = [_with_context(message, shared) for message in messages]
    return Batch(messages, document.get("sentAt"), _key(document))


def _key(document: Mapping[str, Any]) -> str | None:
    key = document.get("writeKey")
    return key if isinstance(key, str) else None


def _with_context(message: Any, shared: Mapping[str, Any]) -> Any:
    if not isinstance(message, dict):
        return message
    own = message.get("context")
    return {**message, "context": {**shared, **own} if isinstance(own, Mapping) else shared}


def parse_json(body: bytes) -> Any:
    """The JSON value in `body`. NaN and infinities, which some clients send, read as null; raises UnreadableBody."""
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return scrub(json.loads(body.decode("utf-8-sig", "replace"), parse_constant=lambda _: None), MAX_NESTING)
    except (ValueError, RecursionError) as error:
        raise UnreadableBody("the body is not JSON") from error


def sift(
    batch: Batch, received_at: datetime, max_event_bytes: int = MAX_EVENT_BYTES
) -> tuple[list[dict[str, Any]], list[Refused]]:
    """The messages that can become events, each with a `messageId`, and why the others cannot."""
    kept: list[dict[str, Any]] = []
    refused: list[Refused] = []
    sent_at = moment(batch.sent_at)
    for position, message in enumerate(batch.messages):
        fault = find_fault(message, received_at=received_at, sent_at=sent_at) or _oversize(message, max_event_bytes)
        if fault is not None:
            refused.append(Refused(fault, _excerpt(message)))
        elif identifier(message.get("messageId")) is None and message_id_of(message) is None:
            kept.append({**message, "messageId": made_up_id(message, received_at, position)})
        else:
            kept.append(message)
    return kept, refused


def _excerpt(message: object) -> str:
    return _dumped(message)[:MAX_EXCERPT].decode("utf-8", "ignore")


def _oversize(message: Mapping[str, Any], limit: int) -> Reject | None:
    size = len(_dumped(message))
    if size <= limit:
        return None
    return Reject(RejectReason.TOO_LARGE, message_id_of(message), f"{size} bytes; an event has at most {limit}")


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError):
        return orjson.dumps(scrub(value, MAX_NESTING))


def pack_messages(messages: Sequence[Mapping[str, Any]], sent_at: object) -> bytes:
    """The body of an inbox row."""
    found = moment(sent_at)
    return _dumped({"sent_at": found.isoformat() if found else None, "messages": messages})


def events_in(
    body: bytes, *, source: str, received_at: datetime, currency: str | None = None
) -> Iterator[Event | Reject]:
    """The events of an inbox row, in the order they were sent. Always the same for the same row."""
    row = orjson.loads(body)
    sent_at = moment(row["sent_at"])
    for message in row["messages"]:
        yield normalise(message, source=source, received_at=received_at, sent_at=sent_at, currency=currency)
