"""Raw batches as they arrived, and the events that were refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from campaigns.storage.database import statement, transaction

MAX_ATTEMPTS = 5

_ADD = statement(
    "INSERT INTO inbox (source, received_at, event_count, body)"
    " VALUES (:source, :received_at, :event_count, :body) RETURNING inbox_id"
)
_CLAIM = statement(
    "SELECT inbox_id, source, received_at, body, attempts FROM inbox WHERE attempts < :attempts"
    " ORDER BY attempts > 0, inbox_id LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_CLAIM_ONE = statement(
    "SELECT inbox_id, source, received_at, body, attempts FROM inbox WHERE inbox_id = :id FOR UPDATE SKIP LOCKED"
)
_PARK = statement(
    "INSERT INTO inbox (source, received_at, event_count, attempts, body)"
    " VALUES (:source, :received_at, 1, :attempts, :body)"
)
_DELETE = statement("DELETE FROM inbox WHERE inbox_id = ANY(:ids)")
_BLAME = statement("UPDATE inbox SET attempts = attempts + 1 WHERE inbox_id = ANY(:ids)")
_BACKLOG = statement(
    "SELECT count(*) FILTER (WHERE attempts < :attempts), min(received_at) FILTER (WHERE attempts < :attempts),"
    " count(*) FILTER (WHERE attempts >= :attempts) FROM inbox"
)
_STUCK = statement(
    "SELECT inbox_id, source, received_at, body, attempts FROM inbox WHERE attempts >= :attempts"
    " ORDER BY inbox_id LIMIT :limit"
)
_RETRY = statement("UPDATE inbox SET attempts = 0 WHERE attempts >= :attempts")
_REJECTS = statement(
    "SELECT received_at, source, message_id, reason, raw FROM rejects WHERE received_at >= :since"
    " AND (:source = '' OR source = :source) AND (:reason = '' OR reason = :reason)"
    " ORDER BY received_at DESC, reject_id DESC LIMIT :limit"
)
_COUNT_REJECTS = statement(
    "SELECT source, reason, count(*) FROM rejects WHERE received_at >= :since"
    " AND (:source = '' OR source = :source) AND (:reason = '' OR reason = :reason)"
    " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
)
_HORIZON = statement(
    "SELECT clock_timestamp(), (SELECT received_at FROM inbox WHERE attempts < :attempts ORDER BY inbox_id LIMIT 1)"
)
_REJECT = statement(
    "INSERT INTO rejects (source, received_at, message_id, reason, raw)"
    " SELECT :source, :received_at, t.message_id, t.reason, t.raw"
    " FROM unnest(CAST(:message_ids AS text[]), CAST(:reasons AS text[]), CAST(:raws AS text[]))"
    " AS t(message_id, reason, raw)"
)
_FORGET = statement("DELETE FROM rejects WHERE received_at < :before")
_RAW_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class InboxBatch:
    """One accepted request, not yet applied."""

    inbox_id: int
    source: str
    received_at: datetime
    body: bytes
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """One event that was refused. `raw` is cut to 4,000 characters when stored."""

    message_id: str | None
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the inbox. `stuck` batches, which are not among those `waiting`, failed too often and need a
    person."""

    waiting: int
    oldest_at: datetime | None
    stuck: int


class InboxStore:
    """Where the web process commits what it accepted (the `store` of the collect stage)."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add_inbox(self, source: str, received_at: datetime, body: bytes, event_count: int) -> int:
        """Commits one raw batch and returns its id: from here on it cannot be lost."""
        with transaction(self._database) as connection:
            values = {"source": source, "received_at": received_at, "event_count": event_count, "body": body}
            return int(connection.execute(_ADD, values).scalar_one())

    def add_rejects(self, source: str, received_at: datetime, rejected: Sequence[RejectedEvent]) -> None:
        """Keeps refused events for the debugger page."""
        with transaction(self._database) as connection:
            insert_rejects(connection, source, received_at, rejected)


def claim_inbox(connection: Connection, *, limit: int) -> list[InboxBatch]:
    """Locks up to `limit` waiting batches, oldest first; batches another worker holds are passed over."""
    rows = connection.execute(_CLAIM, {"limit": limit, "attempts": MAX_ATTEMPTS})
    return [InboxBatch(*row) for row in rows]


def claim_one_batch(connection: Connection, inbox_id: int) -> InboxBatch | None:
    """Locks one batch by its id; None where another worker holds it or has applied it."""
    row = connection.execute(_CLAIM_ONE, {"id": inbox_id}).one_or_none()
    return InboxBatch(*row) if row else None


def park_event(connection: Connection, batch: InboxBatch, body: bytes) -> None:
    """Keeps one event that cannot be applied as a batch of its own, for a person to look at: nothing accepted is lost,
    and its neighbours go on."""
    values = {"source": batch.source, "received_at": batch.received_at, "attempts": MAX_ATTEMPTS, "body": body}
    connection.execute(_PARK, values)


def delete_inbox(connection: Connection, ids: Sequence[int]) -> None:
    """Removes applied batches, in the transaction that applied them."""
    connection.execute(_DELETE, {"ids": list(ids)})


def blame_inbox(connection: Connection, ids: Sequence[int]) -> None:
    """Counts a failed attempt; after `MAX_ATTEMPTS` a batch is left for a person to look at."""
    connection.execute(_BLAME, {"ids": list(ids)})


def read_backlog(connection: Connection) -> Backlog:
    """How much waits, since when, and how much is stuck."""
    return Backlog(*connection.execute(_BACKLOG, {"attempts": MAX_ATTEMPTS}).one())


def list_stuck(connection: Connection, *, limit: int) -> list[InboxBatch]:
    """Batches, mostly of one event, that failed too often; oldest first."""
    return [InboxBatch(*row) for row in connection.execute(_STUCK, {"attempts": MAX_ATTEMPTS, "limit": limit})]


def retry_stuck(connection: Connection) -> int:
    """Lets workers try everything stuck again; returns how many batches."""
    return connection.execute(_RETRY, {"attempts": MAX_ATTEMPTS}).rowcount


class KeptReject(NamedTuple):
    """A refused event as it is kept: `raw` is the beginning of what was sent."""

    received_at: datetime
    source: str
    message_id: str | None
    reason: str
    raw: str


def list_rejects(
    connection: Connection, *, since: datetime, source: str = "", reason: str = "", limit: int
) -> list[KeptReject]:
    """Refused events, newest first; of one source or one reason where they are given."""
    values = {"since": since, "source": source, "reason": reason, "limit": limit}
    return [KeptReject(*row) for row in connection.execute(_REJECTS, values)]


def count_rejects(
    connection: Connection, *, since: datetime, source: str = "", reason: str = ""
) -> list[tuple[str, str, int]]:
    """(source, reason, how many) of refused events, most first."""
    values = {"since": since, "source": source, "reason": reason}
    return [(row[0], row[1], row[2]) for row in connection.execute(_COUNT_REJECTS, values)]


def read_horizon(connection: Connection) -> tuple[datetime, datetime | None]:
    """The database's time, and when the oldest batch came in that is accepted and not applied yet."""
    now, oldest = connection.execute(_HORIZON, {"attempts": MAX_ATTEMPTS}).one()
    return now, oldest


def insert_rejects(
    connection: Connection, source: str, received_at: datetime, rejected: Sequence[RejectedEvent]
) -> None:
    """Writes refused events in one statement; NUL characters are dropped."""
    if not rejected:
        return
    values = {
        "source": source,
        "received_at": received_at,
        "message_ids": [r.message_id and r.message_id.replace("\0", "") for r in rejected],
        "reasons": [r.reason for r in rejected],
        "raws": [r.raw.replace("\0", "")[:_RAW_LIMIT] for r in rejected],
    }
    connection.execute(_REJECT, values)


def forget_rejects(connection: Connection, before: datetime) -> int:
    """Drops refused events received before `before`; returns how many."""
    return connection.execute(_FORGET, {"before": before}).rowcount
