"""What the recommender asks of the database beside its training data: whom to precompute for, and how fresh all is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from campaigns.storage.database import statement, transaction

_LOCK, _PART_LOCK, _FULL_LOCK = 7_253_051, 7_253_052, 7_253_053
_ARMED = statement(
    "SELECT profile_id FROM enrollments WHERE due_at IS NOT NULL GROUP BY profile_id ORDER BY min(due_at) LIMIT :limit"
)
_LATELY = (
    "WITH lately AS (SELECT profile_id, decided_at, outcome, slates FROM decisions"
    " WHERE slates IS NOT NULL AND decided_at > :since ORDER BY decision_id DESC LIMIT 20000)"
)
_RUNGS = statement(
    _LATELY + " SELECT item->>'rung', item->>'source', count(*), count(DISTINCT (l.profile_id, l.decided_at))"
    " FROM lately l, jsonb_each(l.slates) AS slot(name, slate), jsonb_array_elements(slate->'items') AS item"
    " GROUP BY 1, 2 ORDER BY 3 DESC"
)
_SLATE_AGES = statement(
    _LATELY + ", ages AS (SELECT extract(epoch FROM l.decided_at - (slate->>'made_at')::timestamptz) AS age"
    " FROM lately l, jsonb_each(l.slates) AS slot(name, slate) WHERE slate->>'made_at' IS NOT NULL)"
    " SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY age),"
    " percentile_cont(0.99) WITHIN GROUP (ORDER BY age) FROM ages"
)
_SERVED = statement(
    "SELECT DISTINCT ON (profile_id) profile_id, decided_at FROM (SELECT profile_id, decided_at FROM decisions"
    " WHERE slates IS NOT NULL AND decided_at > :since AND decided_at <= :until"
    " ORDER BY decision_id DESC LIMIT :limit) AS lately ORDER BY profile_id, decided_at DESC"
)
_WAITING = statement("SELECT min(received_at), count(*) FROM inbox")
_LIVELY = statement("SELECT 1 FROM events WHERE occurred_at > :since LIMIT 1")
_NEWEST = statement("SELECT max(occurred_at) FROM events")
_NEWEST_LATELY = statement(
    "SELECT max(occurred_at) FROM (SELECT occurred_at FROM events ORDER BY event_id DESC LIMIT 1000) e"
)
_LAST_EVENT = statement("SELECT coalesce(max(event_id), 0) FROM events")
_TOUCHED = statement("SELECT DISTINCT profile_id FROM events WHERE event_id > :after")
_QUEUED = statement(
    "SELECT min(greatest(created_at, coalesce(not_before, created_at))) FROM messages WHERE status = 'queued'"
)
_MAILED = statement(
    "SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY age), percentile_cont(0.99) WITHIN GROUP (ORDER BY age)"
    " FROM (SELECT extract(epoch FROM sent_at - greatest(created_at, coalesce(not_before, created_at))) AS age"
    " FROM messages WHERE created_at > :since AND sent_at IS NOT NULL ORDER BY message_id DESC LIMIT 20000) AS ages"
)
_KNOWN = statement(
    "SELECT profile_id FROM profiles WHERE profile_id = ANY(:ids) AND (email IS NOT NULL OR user_id IS NOT NULL)"
)
_ALL_KNOWN = statement("SELECT profile_id FROM profiles WHERE email IS NOT NULL OR user_id IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Ages:
    """How old something was when it was used: number of cases, median and 99th percentile in seconds."""

    count: int
    median: float
    p99: float


@contextmanager
def training_turn(database: Engine, *, is_full: bool = False) -> Iterator[bool]:
    """True where this process may refresh, or train in full: one of all workers at a time, however many there are. Ends
    with the block."""
    with transaction(database) as connection:
        query = statement("SELECT pg_try_advisory_xact_lock(:lock, hashtext(current_schema()))")
        yield bool(connection.execute(query, {"lock": _FULL_LOCK if is_full else _LOCK}).scalar_one())


@contextmanager
def no_refresh(database: Engine) -> Iterator[None]:
    """Waits for a refresh that runs, and keeps others from beginning while the block runs."""
    with transaction(database) as connection:
        query = statement("SELECT pg_advisory_xact_lock(:lock, hashtext(current_schema()))")
        connection.execute(query, {"lock": _LOCK})
        yield


@contextmanager
def part_turn(database: Engine, part: str) -> Iterator[bool]:
    """True where this process may fit a part of a training: nobody else is at it. Ends with the block, or its process."""
    with transaction(database) as connection:
        query = statement("SELECT pg_try_advisory_xact_lock(:lock, hashtext(current_schema() || :part))")
        yield bool(connection.execute(query, {"lock": _PART_LOCK, "part": part}).scalar_one())


def list_armed_profiles(connection: Connection, *, limit: int) -> list[int]:
    """Profiles with a timer, the one due first in front: exactly those for whom a mail may come."""
    return [row[0] for row in connection.execute(_ARMED, {"limit": limit})]


def list_served(connection: Connection, *, since: datetime, until: datetime, limit: int) -> dict[int, datetime]:
    """Profiles for whom products were chosen in a span, with the moment of the last choice."""
    values = {"since": since, "until": until, "limit": limit}
    return {row[0]: row[1] for row in connection.execute(_SERVED, values)}


def list_known(connection: Connection, ids: list[int]) -> set[int]:
    """Those of `ids` that have an address or a user id."""
    return {row[0] for row in connection.execute(_KNOWN, {"ids": ids})}


def count_rungs(connection: Connection, *, since: datetime) -> list[tuple[str, str, int, int]]:
    """(rung, source, products, mails) of the last 20,000 decisions with slates, the most frequent first."""
    return [tuple(row) for row in connection.execute(_RUNGS, {"since": since})]


def read_slate_ages(connection: Connection, *, since: datetime) -> Ages:
    """How old the artifacts behind a slate were at the decision."""
    return _ages(connection.execute(_SLATE_AGES, {"since": since}).one())


def read_mail_ages(connection: Connection, *, since: datetime) -> Ages:
    """How long mail waited between its decision (or the hour it had to wait for) and the hand-over."""
    return _ages(connection.execute(_MAILED, {"since": since}).one())


def read_waiting(connection: Connection) -> Mapping[str, Any]:
    """`batches` and `oldest` of the inbox, `newest_event` of the last thousand, `oldest_mail` in the queue."""
    oldest, batches = connection.execute(_WAITING).one()
    return {
        "batches": batches,
        "oldest": oldest,
        "newest_event": connection.execute(_NEWEST_LATELY).scalar(),
        "oldest_mail": connection.execute(_QUEUED).scalar(),
    }


def find_newest_event(connection: Connection, *, unless_since: datetime) -> datetime | None:
    """When the newest event happened, in a shop where nothing happened since a moment; None in a lively one, and where
    there is none at all."""
    if connection.execute(_LIVELY, {"since": unless_since}).scalar():
        return None
    found: datetime | None = connection.execute(_NEWEST).scalar()
    return found


def read_last_event(connection: Connection) -> int:
    """The number of the last event applied, 0 where there is none: the same number, nothing new to learn."""
    return int(connection.execute(_LAST_EVENT).scalar_one())


def list_touched_profiles(connection: Connection, *, after: int) -> set[int]:
    """Profiles with events applied after the event of a number."""
    return {row[0] for row in connection.execute(_TOUCHED, {"after": after})}


def list_all_known(connection: Connection) -> set[int]:
    """All profiles that have an address or a user id."""
    return {row[0] for row in connection.execute(_ALL_KNOWN)}


def _ages(row: Any) -> Ages:
    return Ages(int(row[0]), float(row[1] or 0.0), float(row[2] or 0.0))
