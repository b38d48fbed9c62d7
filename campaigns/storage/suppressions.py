"""Who must not be mailed, and who agreed to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from campaigns.storage.database import statement

_ADD = statement(
    "INSERT INTO suppressions (address, scope, reason, detail, created_at)"
    " VALUES (lower(:address), :scope, :reason, :detail, :now) ON CONFLICT (address, scope) DO UPDATE SET"
    " reason = excluded.reason, detail = excluded.detail, created_at = excluded.created_at"
    " WHERE suppressions.reason = 'unsubscribe' AND excluded.reason <> 'unsubscribe'"
)
_REMOVE = statement("DELETE FROM suppressions WHERE address = lower(:address) AND (:scope = '' OR scope = :scope)")
_FIND = statement("SELECT address, scope, reason FROM suppressions WHERE address = ANY(:addresses)")
_SET_CONSENTS = statement(
    "INSERT INTO consents (profile_id, purpose, granted, source, changed_at)"
    " SELECT t.profile_id, :purpose, t.granted, :source, t.changed_at FROM unnest(CAST(:ids AS bigint[]),"
    " CAST(:granted AS boolean[]), CAST(:changed_ats AS timestamptz[])) AS t(profile_id, granted, changed_at)"
    " ON CONFLICT (profile_id, purpose) DO UPDATE SET granted = excluded.granted, source = excluded.source,"
    " changed_at = excluded.changed_at WHERE consents.changed_at <= excluded.changed_at"
)
_CONSENTS = statement("SELECT profile_id, granted FROM consents WHERE profile_id = ANY(:ids) AND purpose = :purpose")
_MOVE_CONSENTS = statement(
    "INSERT INTO consents SELECT m.winner, c.purpose, c.granted, c.source, c.changed_at FROM consents c"
    " JOIN unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[])) AS m(loser, winner) ON c.profile_id = m.loser"
    " ON CONFLICT (profile_id, purpose) DO UPDATE SET granted = excluded.granted, source = excluded.source,"
    " changed_at = excluded.changed_at WHERE consents.changed_at <= excluded.changed_at"
)

MARKETING = "marketing"


def suppress(
    connection: Connection, address: str, *, reason: str, now: datetime, scope: str = "all", detail: str = ""
) -> None:
    """Takes an address out, for everything or for one campaign; takes effect with the commit.

    The first reason stands, but an unsubscribe, which the shopper may take back, gives way to a bounce or complaint.
    No address, as on a forgotten shopper's mails, is nobody to take out."""
    if not address:
        return
    connection.execute(
        _ADD, {"address": address, "scope": scope, "reason": reason, "detail": detail or None, "now": now}
    )


def unsuppress(connection: Connection, address: str, *, scope: str = "") -> int:
    """Lets an address in again (every scope, or one); returns how many records went."""
    return connection.execute(_REMOVE, {"address": address, "scope": scope}).rowcount


def find_suppressions(connection: Connection, addresses: Iterable[str]) -> dict[str, dict[str, str]]:
    """address -> {scope: reason} for those of `addresses` (lower case) that are suppressed."""
    found: dict[str, dict[str, str]] = {}
    for address, scope, reason in connection.execute(_FIND, {"addresses": list(addresses)}):
        found.setdefault(address, {})[scope] = reason
    return found


def set_consents(
    connection: Connection,
    granted: Sequence[tuple[int, bool, datetime]],
    *,
    source: str,
    purpose: str = MARKETING,
) -> None:
    """Records permissions as (profile_id, granted, changed_at); an older change never undoes a newer one."""
    latest: dict[int, tuple[bool, datetime]] = {}
    for profile_id, yes, at in granted:
        if profile_id not in latest or latest[profile_id][1] <= at:
            latest[profile_id] = (yes, at)
    if latest:
        values = {
            "ids": list(latest),
            "granted": [yes for yes, _ in latest.values()],
            "changed_ats": [at for _, at in latest.values()],
            "purpose": purpose,
            "source": source,
        }
        connection.execute(_SET_CONSENTS, values)


def read_consents(connection: Connection, ids: Iterable[int], *, purpose: str = MARKETING) -> dict[int, bool]:
    """profile_id -> granted; profiles that never said anything are left out."""
    rows = connection.execute(_CONSENTS, {"ids": list(ids), "purpose": purpose})
    return {row[0]: row[1] for row in rows}


def move_consents(connection: Connection, losers: Sequence[int], winners: Sequence[int]) -> None:
    """Carries the permissions of merged profiles over; the newest word counts."""
    if losers:
        connection.execute(_MOVE_CONSENTS, {"losers": list(losers), "winners": list(winners)})
