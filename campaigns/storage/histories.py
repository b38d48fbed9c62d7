"""Recorded events by shopper, streamed with COPY: what backtests read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection

from campaigns.storage.database import statement
from campaigns.storage.profiles import ProfileRow

IMPORTED_AFTER = timedelta(days=1)
"""An event that came in later than this after it happened was recorded elsewhere and imported: for a backtest it
arrived when it happened."""

_ARRIVED = "CASE WHEN e.received_at - e.occurred_at > interval '1 day' THEN e.occurred_at ELSE e.received_at END"
_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"
_HISTORIES = (
    "COPY (SELECT '[' || string_agg(line, ',' ORDER BY arrived, event_id) || ']' FROM"
    " (SELECT {group} AS leader, {order} AS arrived, e.event_id, json_build_array(e.profile_id,"
    f" {_MICROSECONDS.format('e.occurred_at')}, {_MICROSECONDS.format('{arrived}')},"
    " e.source, e.message_id, e.name, e.payload)::text AS line FROM events e{join}"
    " WHERE e.occurred_at >= '{since}' AND e.occurred_at <= '{until}'{share}) AS found GROUP BY leader) TO STDOUT"
)
_SPAN = statement(f"SELECT min(e.occurred_at), max({_ARRIVED}), count(*) FROM events e")
_PROFILES = statement(
    "SELECT profile_id, user_id, email, zone, locale, traits, merged_arms, NULL, NULL, assignment_key"
    " FROM profiles WHERE merged_into IS NULL"
)
_CONSENTS = statement("SELECT profile_id, granted, changed_at FROM consents WHERE purpose = 'marketing'")
_SUPPRESSIONS = statement("SELECT address, scope, reason, created_at FROM suppressions")
_NAMED_BEFORE = statement("SELECT DISTINCT profile_id FROM events WHERE occurred_at < :before AND payload ? 'email'")
_COVERED = statement(
    "SELECT DISTINCT e.profile_id, p.profile_id FROM events e JOIN profiles p ON p.email = lower(e.payload->>'email')"
    " WHERE e.name = 'Order Completed' AND p.profile_id <> e.profile_id AND p.merged_into IS NULL"
    " AND e.occurred_at >= :since UNION"
    " SELECT DISTINCT e.profile_id, n.profile_id FROM events e JOIN enrollments n ON n.key = e.payload->>'cart_id'"
    " WHERE e.name = 'Order Completed' AND n.profile_id <> e.profile_id AND e.occurred_at >= :since"
)


HistoryRow = tuple[int, int, int, str, str, str, dict[str, Any]]
"""One event as it stands in the table: profile_id, occurred, arrived (microseconds since 1970), source, message_id,
name, payload."""


def read_span(connection: Connection) -> tuple[datetime | None, datetime | None, int]:
    """When the first recorded event happened, when the last one arrived, and how many there are."""
    first, last, count = connection.execute(_SPAN).one()
    return first, last, count


def stream_histories(
    connection: Connection,
    *,
    since: datetime,
    until: datetime,
    leaders: Mapping[int, int],
    as_received: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Iterator[list[HistoryRow]]:
    """Events from `since` to `until`: a list for each profile, in the order of their arrival. Profiles that `leaders`
    name come together. `as_received`: events that were imported count as late, as they did for the engine, and keep the
    order in which they were applied. `share` (k, n) is every n-th profile, beginning with k."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    group, join = "e.profile_id", ""
    if leaders:
        pairs = ", ".join(f"({int(profile_id)}, {int(leader)})" for profile_id, leader in leaders.items())
        group = "coalesce(m.leader, e.profile_id)"
        join = f" LEFT JOIN (VALUES {pairs}) AS m(profile_id, leader) ON m.profile_id = e.profile_id"
    query = _HISTORIES.format(
        group=group,
        join=join,
        arrived="e.received_at" if as_received else _ARRIVED,
        order="0" if as_received else _ARRIVED,
        since=since.isoformat(),
        until=until.isoformat(),
        share=f" AND {group} % {int(share[1])} = {int(share[0])}" if share[1] > 1 else "",
    )
    with raw.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for line in copy:
            yield orjson.loads(_unescaped(bytes(line)))


def _unescaped(cell: bytes) -> bytes:
    """JSON holds no raw control characters, so that doubled backslashes are all that COPY puts into it."""
    return cell.replace(b"\\\\", b"\\") if b"\\" in cell else cell


def read_people(connection: Connection) -> dict[int, ProfileRow]:
    """Every profile that was not merged into another, without its state."""
    return {row[0]: ProfileRow(*row) for row in connection.execute(_PROFILES)}


def read_all_consents(connection: Connection) -> dict[int, tuple[bool, datetime]]:
    """profile_id -> (granted, since when) for marketing mail."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(_CONSENTS)}


def read_all_suppressions(connection: Connection) -> list[tuple[str, str, str, datetime]]:
    """(address, scope, reason, created_at) of every record."""
    return [tuple(row) for row in connection.execute(_SUPPRESSIONS)]


def list_named_before(connection: Connection, before: datetime) -> set[int]:
    """Profiles that an event had given an address before a time."""
    return {row[0] for row in connection.execute(_NAMED_BEFORE, {"before": before})}


def list_covering_pairs(connection: Connection, since: datetime) -> list[tuple[int, int]]:
    """(profile that ordered, other profile with the same address or cart) of orders since a time."""
    return [(row[0], row[1]) for row in connection.execute(_COVERED, {"since": since})]
