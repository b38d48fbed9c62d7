"""Who is interested in which product: gathered from the stored events a stretch at a time, never in a shopper's way.

Events get ascending numbers, but their transactions end in any order: an event may become visible after ones with
higher numbers. So a pass notes a horizon - the highest number there is, and the transactions under way (PostgreSQL's
snapshot) - and later passes gather up to it only when all of those have ended: from then on nothing can appear below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.storage.database import statement
from triggers.catalog_events import CATALOG_EVENTS
from triggers.events import EventName

STRETCH = 100_000
"""How many events one pass goes over."""

NO_INTEREST = (
    EventName.ORDER_COMPLETED,
    EventName.ORDER_REFUNDED,
    EventName.ORDER_CANCELLED,
    EventName.PRODUCT_REMOVED,
    EventName.PRODUCT_LIST_VIEWED,
    EventName.PRODUCTS_SEARCHED,
    *sorted(CATALOG_EVENTS),
)
"""Events that name products and show no interest in buying them. Every other one does: a look, a cart, a wish list, a
"tell me when it is back" of the shop's own."""

_MARK = statement(
    "SELECT done_id, seen_id, seen_xmax, seen_at, done_at, since_at,"
    " pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
    " pg_snapshot_xmax(pg_current_snapshot())::text::bigint, (SELECT coalesce(max(event_id), 0) FROM events)"
    " FROM interest_marks WHERE name = 'events' FOR UPDATE SKIP LOCKED"
)
_FIRST = statement(
    "INSERT INTO interest_marks (name, done_id, seen_id, seen_xmax, since_at) VALUES ('events', 0, 0, 0, :since)"
    " ON CONFLICT DO NOTHING"
)
_GATHER = statement(
    "INSERT INTO interests AS known (product_id, profile_id, first_at, last_at)"
    " SELECT line->>'product_id', e.profile_id, min(e.occurred_at), max(e.occurred_at)"
    " FROM events e CROSS JOIN LATERAL jsonb_array_elements(e.payload->'lines') AS line"
    " WHERE e.event_id > :done AND e.event_id <= :until AND e.occurred_at >= :since"
    " AND e.name <> ALL(:no_interest) AND line->>'product_id' <> '' GROUP BY 1, 2 ORDER BY 1, 2"
    " ON CONFLICT (product_id, profile_id) DO UPDATE SET first_at = least(known.first_at, excluded.first_at),"
    " last_at = greatest(known.last_at, excluded.last_at)"
    " WHERE excluded.last_at > known.last_at + interval '1 hour' OR excluded.first_at < known.first_at"
)
_NOTE = statement(
    "UPDATE interest_marks SET done_id = :done, seen_id = :seen, seen_xmax = :xmax, seen_at = :seen_at,"
    " done_at = :done_at, since_at = :since WHERE name = 'events'"
)


class Gathered(NamedTuple):
    """How far interests are gathered: complete for what was stored `until` (None: not yet). `is_behind` says that
    another pass has more to gather, `is_stuck` that it must wait for a transaction or a worker to end."""

    until: datetime | None = None
    is_behind: bool = False
    is_stuck: bool = True


@dataclass(slots=True)
class _Mark:
    """How far the gathering is: complete up to event `done_id`, and so for all that was stored at `done_at`."""

    done_id: int
    seen_id: int
    seen_xmax: int
    seen_at: datetime | None
    done_at: datetime | None
    since_at: datetime


def gather_interests(connection: Connection, *, since: datetime, now: datetime, stretch: int = STRETCH) -> Gathered:
    """One pass over stored events of which interests are not gathered yet, those that occurred from `since` on."""
    connection.execute(_FIRST, {"since": since})
    found = connection.execute(_MARK).one_or_none()
    if found is None:  # another worker is at it
        return Gathered()
    mark, (xmin, xmax, last) = _Mark(*found[:6]), found[6:]
    if since < mark.since_at:
        mark.done_id, mark.done_at, mark.since_at = 0, None, since
    is_stuck = xmin < mark.seen_xmax
    if not is_stuck:
        until = min(mark.seen_id, mark.done_id + stretch)
        values = {"done": mark.done_id, "until": until, "since": since, "no_interest": list(NO_INTEREST)}
        connection.execute(_GATHER, values)
        mark.done_id = until
        if until == mark.seen_id:
            mark.done_at = mark.seen_at
            mark.seen_id, mark.seen_xmax, mark.seen_at = last, xmax, now
    _note(connection, mark)
    return Gathered(mark.done_at, mark.done_id < mark.seen_id, is_stuck)


def _note(connection: Connection, mark: _Mark) -> None:
    values = {
        "done": mark.done_id,
        "seen": mark.seen_id,
        "xmax": mark.seen_xmax,
        "seen_at": mark.seen_at,
        "done_at": mark.done_at,
        "since": mark.since_at,
    }
    connection.execute(_NOTE, values)
