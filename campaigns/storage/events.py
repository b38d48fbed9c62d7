"""Applied events: deduplicated on (source, message_id), kept by month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from campaigns.storage.database import copy_rows, json_text, statement, transaction

_CLAIM_KEYS = statement(
    "INSERT INTO event_keys (source, message_id, received_at)"
    " SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:message_ids AS text[]),"
    " CAST(:received_ats AS timestamptz[])) ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING source, message_id"
)
_FORGET_KEYS = statement("DELETE FROM event_keys WHERE received_at < :before")
_REPOINT = statement(
    "UPDATE events e SET profile_id = m.winner"
    " FROM unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[])) AS m(loser, winner)"
    " WHERE e.profile_id = m.loser"
)
_OF_PROFILE = statement(
    "SELECT name, occurred_at, payload FROM events WHERE profile_id = :profile_id ORDER BY occurred_at, event_id"
)
_COUNT = statement("SELECT count(*), min(occurred_at), max(occurred_at) FROM events")
_PARTITIONS = statement("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass")

Key = tuple[str, str]


def claim_event_keys(connection: Connection, keys: Mapping[Key, datetime]) -> set[Key]:
    """Marks `(source, message_id)` pairs as seen (value: received_at) and returns those that are new."""
    values = {
        "sources": [source for source, _ in keys],
        "message_ids": [message_id for _, message_id in keys],
        "received_ats": list(keys.values()),
    }
    return {(row[0], row[1]) for row in connection.execute(_CLAIM_KEYS, values)}


def forget_event_keys(connection: Connection, before: datetime) -> int:
    """Drops deduplication keys received before `before`; returns how many."""
    return connection.execute(_FORGET_KEYS, {"before": before}).rowcount


EventRow = tuple[datetime, datetime, int, str, str, str, Mapping[str, Any]]
"""occurred_at, received_at, profile_id, source, message_id, name, payload"""


def copy_events(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Writes events with COPY. Their months must exist: see `Partitions`."""
    if rows:
        into = "events (occurred_at, received_at, profile_id, source, message_id, name, payload)"
        copy_rows(connection, into, [(*row[:6], json_text(row[6])) for row in rows])


def repoint_events(connection: Connection, merges: Mapping[int, int]) -> None:
    """Gives the events of merged profiles to the ones they became."""
    if merges:
        connection.execute(_REPOINT, {"losers": list(merges), "winners": list(merges.values())})


def list_profile_events(connection: Connection, profile_id: int) -> list[tuple[str, datetime, Mapping[str, Any]]]:
    """(name, occurred_at, payload) of one profile, oldest first."""
    return [tuple(row) for row in connection.execute(_OF_PROFILE, {"profile_id": profile_id})]


def count_events(connection: Connection) -> tuple[int, datetime | None, datetime | None]:
    """(how many, first occurred_at, last occurred_at)."""
    total, first, last = connection.execute(_COUNT).one()
    return int(total), first, last


class Partitions:
    """Makes the monthly partitions of `events` before rows need them, each once a process."""

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._made: set[tuple[int, int]] = set()

    def ensure(self, times: Sequence[datetime]) -> None:
        """Creates the months that `times` fall in, where they are missing."""
        missing = {(at.year, at.month) for at in times} - self._made
        if not missing:
            return
        with transaction(self._database) as connection:
            there = {row[0] for row in connection.execute(_PARTITIONS)}
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7253002)")
            for year, month in sorted(missing):
                if _partition_name(year, month) not in there:
                    connection.exec_driver_sql(_create_partition(year, month))
        self._made |= missing


def _partition_name(year: int, month: int) -> str:
    return f"events_{year:04d}_{month:02d}"


def _create_partition(year: int, month: int) -> str:
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    name = _partition_name(year, month)
    return f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF events FOR VALUES FROM ('{start}') TO ('{end}')"
