"""NDJSON of Segment messages, as warehouses and customer data platforms export them: read as the event API would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from campaigns.domain.segment import Reject, normalise
from campaigns.domain.segment import RejectReason as Refusal
from campaigns.domain.segment_values import moment
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.tables import Chunk, ObjectsChunk
from triggers.events import Event

_TYPES = frozenset({"track", "identify", "page", "screen", "alias", "group"})
_TIMES = ("receivedAt", "received_at", "sentAt", "sent_at", "timestamp", "originalTimestamp", "original_timestamp")
_FAULTS = {
    Refusal.NO_EVENT_NAME: RowFault.MISSING_VALUE,
    Refusal.NO_IDENTITY: RowFault.NO_IDENTITY,
    Refusal.NO_PREVIOUS_ID: RowFault.NO_IDENTITY,
    Refusal.UNKNOWN_TYPE: RowFault.UNKNOWN_BEHAVIOUR,
    Refusal.UNREADABLE_TIME: RowFault.UNREADABLE_TIME,
}


def looks_like_segment(message: Mapping[str, Any]) -> bool:
    """Whether the first object of a file is a Segment message."""
    return message.get("type") in _TYPES and not message.keys().isdisjoint(_TIMES)


class SegmentRows:
    """Turns chunks of Segment messages into events; `currency` is that of amounts without one."""

    def __init__(self, *, source: str, currency: str | None) -> None:
        self._source, self._currency = source, currency

    def read(self, chunk: Chunk, rejects: Rejects, received_at: datetime | None) -> list[Event]:
        """The events of a chunk in order. Without `received_at` an event was received when it occurred."""
        assert isinstance(chunk, ObjectsChunk)
        events = []
        for place, message in enumerate(chunk.rows):
            found = self._one(message)
            if isinstance(found, Reject):
                fault = _FAULTS.get(found.reason, RowFault.BAD_VALUE)
                rejects.add(chunk.lines[place], fault, found.detail or found.reason.value, chunk.raw(place))
            else:
                events.append(replace(found, received_at=received_at or found.occurred_at))
        return events

    def _one(self, message: Mapping[str, Any]) -> Event | Reject:
        times = (moment(message[name]) for name in _TIMES if message.get(name))
        arrived = next((found for found in times if found is not None), None)
        if arrived is None:
            return Reject(Refusal.UNREADABLE_TIME, None, "no readable time")
        return normalise(message, source=self._source, received_at=arrived, currency=self._currency)
