"""Changes of the catalog that shoppers are to be told of, and whom each concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.storage.database import statement

CLAIMED = 100
"""How many changes one transaction looks at."""

_CLAIM = statement(
    "SELECT c.change_id, c.product_id, c.name, c.changed_at, c.noted_at, c.price_minor, c.was_minor, c.told_until,"
    " coalesce(NOT p.hidden AND coalesce(p.stock, 1) > 0"
    " AND (c.was_minor IS NULL OR p.price_minor <= c.price_minor), false)"
    " FROM catalog_changes c LEFT JOIN products p USING (product_id)"
    " WHERE c.finished_at IS NULL AND c.noted_at <= :until ORDER BY c.change_id LIMIT :limit FOR UPDATE OF c SKIP LOCKED"
)
_CONCERNED = statement(
    "SELECT c.change_id, i.profile_id, least(i.last_at, c.at)"
    " FROM unnest(CAST(:changes AS bigint[]), CAST(:products AS text[]), CAST(:told AS bigint[]),"
    " CAST(:ats AS timestamptz[]), CAST(:sinces AS timestamptz[])) AS c(change_id, product_id, told_until, at, since)"
    " CROSS JOIN LATERAL (SELECT profile_id, last_at FROM interests WHERE product_id = c.product_id"
    " AND profile_id > c.told_until AND last_at >= c.since AND first_at < c.at ORDER BY profile_id LIMIT :limit) AS i"
    " ORDER BY c.change_id, i.profile_id LIMIT :limit"
)
_ADDRESSEES = statement(
    "WITH RECURSIVE became(interested, profile_id) AS (SELECT id, id FROM unnest(CAST(:ids AS bigint[])) AS t(id)"
    " UNION ALL SELECT b.interested, p.merged_into FROM became b JOIN profiles p USING (profile_id)"
    " WHERE p.merged_into IS NOT NULL)"
    " SELECT b.interested, p.profile_id, p.user_id, (SELECT min(value) FROM identities i"
    " WHERE i.profile_id = p.profile_id AND i.kind = 'anonymous'), (SELECT min(value) FROM identities i"
    " WHERE i.profile_id = p.profile_id AND i.kind = 'email')"
    " FROM became b JOIN profiles p USING (profile_id) WHERE p.merged_into IS NULL AND p.email IS NOT NULL"
)
_MOVE = statement(
    "UPDATE catalog_changes c SET told_until = t.told_until, told = c.told + t.told,"
    " finished_at = CASE WHEN t.finished THEN CAST(:now AS timestamptz) END, heard = t.heard"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:untils AS bigint[]), CAST(:tolds AS int[]), CAST(:finished AS bool[]),"
    " CAST(:heard AS bool[])) AS t(change_id, told_until, told, finished, heard) WHERE c.change_id = t.change_id"
)
_OPEN = statement("SELECT count(*), min(noted_at) FROM catalog_changes WHERE finished_at IS NULL")
_TIMES = statement("SELECT DISTINCT date_trunc('month', changed_at) FROM catalog_changes WHERE finished_at IS NULL")
_UNTOLD = statement(
    "SELECT name, product_id, changed_at, noted_at, price_minor, was_minor FROM catalog_changes"
    " WHERE (NOT heard OR finished_at IS NULL) AND name = ANY(:names) AND noted_at >= :since AND noted_at <= :until"
    " AND (was_minor IS NULL OR (was_minor - price_minor) * 100 >= was_minor * :least) ORDER BY noted_at, change_id"
)
_FORGET = statement("DELETE FROM catalog_changes WHERE finished_at < :before")


class CatalogChange(NamedTuple):
    """A price drop or a return to stock. `told_until` is the last profile told so far; `holds` whether the catalog
    still says what the change says."""

    change_id: int
    product_id: str
    name: str
    changed_at: datetime
    noted_at: datetime
    price_minor: int | None
    was_minor: int | None
    told_until: int
    holds: bool


class Addressee(NamedTuple):
    """A profile with an address, and the ids its events may carry: each the first of its kind, if there is one."""

    profile_id: int
    user_id: str | None
    anonymous_id: str | None
    email: str | None


class Progress(NamedTuple):
    """How far a change has come: the last profile looked at, how many were told now, whether that was all, and whether
    a campaign listened."""

    change_id: int
    told_until: int
    told: int
    is_finished: bool
    heard: bool = True


class UntoldChange(NamedTuple):
    """A change that no campaign listened to."""

    name: str
    product_id: str
    changed_at: datetime
    noted_at: datetime
    price_minor: int | None
    was_minor: int | None


def claim_changes(connection: Connection, *, until: datetime, limit: int = CLAIMED) -> list[CatalogChange]:
    """Locks the oldest unfinished changes noted up to a time; those another worker holds are passed over."""
    return [CatalogChange(*row) for row in connection.execute(_CLAIM, {"until": until, "limit": limit})]


def list_concerned(
    connection: Connection, changes: Sequence[tuple[CatalogChange, datetime]], *, limit: int
) -> list[tuple[int, int, datetime]]:
    """The next (change_id, profile_id, last interest) in order of change and profile, `limit` at most. Each change
    comes with the time from which on interest counts."""
    values = {
        "changes": [change.change_id for change, _ in changes],
        "products": [change.product_id for change, _ in changes],
        "told": [change.told_until for change, _ in changes],
        "ats": [change.changed_at for change, _ in changes],
        "sinces": [since for _, since in changes],
        "limit": limit,
    }
    return [(row[0], row[1], row[2]) for row in connection.execute(_CONCERNED, values)]


def find_addressees(connection: Connection, profile_ids: Sequence[int]) -> dict[int, Addressee]:
    """Who each profile is by now (it may have become part of another); those without an address are left out."""
    rows = connection.execute(_ADDRESSEES, {"ids": list(dict.fromkeys(profile_ids))})
    return {row[0]: Addressee(*row[1:]) for row in rows}


def move_changes(connection: Connection, progress: Sequence[Progress], now: datetime) -> None:
    """Keeps how far changes have come, in the transaction that told the shoppers."""
    values = {
        "ids": [one.change_id for one in progress],
        "untils": [one.told_until for one in progress],
        "tolds": [one.told for one in progress],
        "heard": [one.heard for one in progress],
        "finished": [one.is_finished for one in progress],
        "now": now,
    }
    connection.execute(_MOVE, values)


def list_untold(
    connection: Connection, names: Iterable[str], *, since: datetime, until: datetime, least_percent: int
) -> list[UntoldChange]:
    """Changes noted within a period that no campaign listened to; of price drops, those of at least so many percent."""
    values = {"names": sorted(names), "since": since, "until": until, "least": least_percent}
    return [UntoldChange(*row) for row in connection.execute(_UNTOLD, values)]


def read_open_changes(connection: Connection) -> tuple[int, datetime | None]:
    """(changes that are still to be told, when the oldest of them was noted)."""
    count, oldest = connection.execute(_OPEN).one()
    return int(count), oldest


def list_open_months(connection: Connection) -> list[datetime]:
    """The months in which unfinished changes happened."""
    return [row[0] for row in connection.execute(_TIMES)]


def forget_changes(connection: Connection, before: datetime) -> int:
    """Drops changes finished before a time; returns how many."""
    return connection.execute(_FORGET, {"before": before}).rowcount
