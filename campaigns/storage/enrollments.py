"""Enrollments: a row is one profile's passage through one campaign, and while it has a `due_at` it is a timer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.storage.database import json_text, statement

_COLUMNS = (
    "e.enrollment_id, e.campaign_id, e.campaign_version, e.profile_id, e.key, e.status, e.step, e.entered_at,"
    " e.last_activity_at, e.anchor_at, e.due_at, e.touches, e.exit_reason, e.closed_at, e.context"
)
_OF_PROFILES = statement(
    f"SELECT {_COLUMNS} FROM unnest(CAST(:ids AS bigint[])) AS p(profile_id) CROSS JOIN LATERAL (SELECT * FROM enrollments"
    " WHERE profile_id = p.profile_id ORDER BY entered_at DESC LIMIT :most) AS e ORDER BY e.enrollment_id"
)
_ALL_OF_PROFILE = statement(f"SELECT {_COLUMNS} FROM enrollments e WHERE e.profile_id = :id ORDER BY e.entered_at")
_PUT = statement(
    "INSERT INTO enrollments AS e (campaign_id, campaign_version, profile_id, key, status, step, entered_at,"
    " last_activity_at, anchor_at, due_at, exit_reason, closed_at, context)"
    " SELECT t.campaign_id, t.campaign_version, t.profile_id, t.key, t.status, t.step, t.entered_at, t.last_activity_at,"
    " t.anchor_at, t.due_at, t.exit_reason, t.closed_at, t.context::jsonb FROM unnest(CAST(:campaign_ids AS text[]),"
    " CAST(:campaign_versions AS int[]), CAST(:profile_ids AS bigint[]), CAST(:keys AS text[]), CAST(:statuses AS text[]),"
    " CAST(:steps AS int[]), CAST(:entered_ats AS timestamptz[]), CAST(:last_activity_ats AS timestamptz[]),"
    " CAST(:anchor_ats AS timestamptz[]), CAST(:due_ats AS timestamptz[]), CAST(:exit_reasons AS text[]),"
    " CAST(:closed_ats AS timestamptz[]), CAST(:contexts AS text[])) AS t(campaign_id, campaign_version, profile_id,"
    " key, status, step, entered_at, last_activity_at, anchor_at, due_at, exit_reason, closed_at, context)"
    " ON CONFLICT (campaign_id, profile_id, key) DO UPDATE SET campaign_version = excluded.campaign_version,"
    " status = excluded.status, step = excluded.step, entered_at = excluded.entered_at,"
    " last_activity_at = excluded.last_activity_at, anchor_at = excluded.anchor_at, due_at = excluded.due_at,"
    " exit_reason = excluded.exit_reason, closed_at = excluded.closed_at,"
    " context = CASE WHEN excluded.context = '{}'::jsonb THEN e.context ELSE excluded.context END"
)
_TOUCH = statement(
    "UPDATE enrollments e SET last_activity_at = t.at, touches = e.touches + t.touches"
    " FROM unnest(CAST(:campaign_ids AS text[]), CAST(:profile_ids AS bigint[]), CAST(:keys AS text[]),"
    " CAST(:ats AS timestamptz[]), CAST(:touches AS int[])) AS t(campaign_id, profile_id, key, at, touches)"
    " WHERE e.campaign_id = t.campaign_id AND e.profile_id = t.profile_id AND e.key = t.key"
)
_NOTE_CHECKOUTS = statement(
    "UPDATE enrollments e SET context = e.context || jsonb_build_object('checkout', t.checkout_id)"
    " FROM unnest(CAST(:profile_ids AS bigint[]), CAST(:keys AS text[]), CAST(:checkout_ids AS text[]))"
    " AS t(profile_id, key, checkout_id) WHERE e.profile_id = t.profile_id AND e.key = t.key AND e.due_at IS NOT NULL"
    " AND e.context ->> 'checkout' IS DISTINCT FROM t.checkout_id"
)
_REFUSE = statement(
    "INSERT INTO start_refusals (profile_id, campaign_id, key, reason, refused_at)"
    " SELECT DISTINCT ON (1, 2, 3, 4) * FROM unnest(CAST(:profile_ids AS bigint[]), CAST(:campaign_ids AS text[]),"
    " CAST(:keys AS text[]), CAST(:reasons AS text[]), CAST(:ats AS timestamptz[])) AS t(p, c, k, r, at)"
    " ORDER BY 1, 2, 3, 4, 5 ON CONFLICT (profile_id, campaign_id, key, reason) DO NOTHING"
)
_MOVE_REFUSALS = statement(
    "WITH lost AS (DELETE FROM start_refusals r USING unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[]))"
    " AS m(loser, winner) WHERE r.profile_id = m.loser RETURNING m.winner, campaign_id, key, reason, refused_at)"
    " INSERT INTO start_refusals (profile_id, campaign_id, key, reason, refused_at)"
    " SELECT winner, campaign_id, key, reason, min(refused_at) FROM lost GROUP BY 1, 2, 3, 4"
    " ON CONFLICT (profile_id, campaign_id, key, reason)"
    " DO UPDATE SET refused_at = least(start_refusals.refused_at, excluded.refused_at)"
)
_REFUSALS = statement(
    "SELECT campaign_id, key, reason, refused_at FROM start_refusals WHERE profile_id = :id ORDER BY refused_at"
)
_CLAIM = (
    f"SELECT {_COLUMNS} FROM enrollments e JOIN profiles p ON p.profile_id = e.profile_id"
    " WHERE e.due_at < :until AND e.campaign_id <> ALL(:held){bounds}"
    " ORDER BY e.due_at, e.enrollment_id LIMIT :limit FOR UPDATE OF e, p SKIP LOCKED"
)
_CLAIM_DUE = statement(_CLAIM.format(bounds=""))
_CLAIM_BOUNDED = statement(
    _CLAIM.format(
        bounds=" AND NOT EXISTS (SELECT 1 FROM unnest(CAST(:ids AS bigint[]), CAST(:untils AS timestamptz[]))"
        " AS b(profile_id, until) WHERE b.profile_id = e.profile_id AND e.due_at >= b.until)"
    )
)
_DUE_PROFILES = statement(
    "SELECT profile_id, min(due_at) FROM enrollments WHERE due_at < :until AND campaign_id <> ALL(:held) GROUP BY 1"
)
_MOVE_ON = statement(
    "UPDATE enrollments e SET status = t.status, step = t.step, anchor_at = t.anchor_at, due_at = t.due_at,"
    " exit_reason = t.exit_reason, closed_at = t.closed_at FROM unnest(CAST(:ids AS bigint[]),"
    " CAST(:statuses AS text[]), CAST(:steps AS int[]), CAST(:anchor_ats AS timestamptz[]),"
    " CAST(:due_ats AS timestamptz[]), CAST(:exit_reasons AS text[]), CAST(:closed_ats AS timestamptz[]))"
    " AS t(enrollment_id, status, step, anchor_at, due_at, exit_reason, closed_at) WHERE e.enrollment_id = t.enrollment_id"
)
_MERGE_CLASH = statement(
    "UPDATE enrollments e SET status = 'exited', exit_reason = 'merged', closed_at = :now, due_at = NULL,"
    " key = e.key || ' (merged ' || e.profile_id || ')'"
    " FROM unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[])) AS m(loser, winner)"
    " WHERE e.profile_id = m.loser AND EXISTS (SELECT 1 FROM enrollments w"
    " WHERE w.profile_id = m.winner AND w.campaign_id = e.campaign_id AND w.key = e.key)"
)
_MOVE_TABLES = tuple(
    statement(
        f"UPDATE {table} x SET profile_id = m.winner"
        " FROM unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[])) AS m(loser, winner)"
        " WHERE x.profile_id = m.loser"
    )
    for table in ("enrollments", "decisions", "messages", "conversions")
)
_NEXT_OF_CAMPAIGN = statement(
    f"SELECT {_COLUMNS} FROM enrollments e WHERE e.campaign_id = :campaign_id AND e.due_at IS NOT NULL"
    " ORDER BY e.due_at LIMIT 1"
)
_NEXT_DUE = statement("SELECT min(due_at) FROM enrollments WHERE due_at IS NOT NULL")
_COUNT = statement("SELECT campaign_id, status, coalesce(exit_reason, ''), count(*) FROM enrollments GROUP BY 1, 2, 3")


@dataclass(frozen=True, slots=True)
class EnrollmentRow:
    """An enrollment as stored. `due_at` None: nothing is planned any more."""

    enrollment_id: int
    campaign_id: str
    campaign_version: int
    profile_id: int
    key: str
    status: str
    step: int
    entered_at: datetime
    last_activity_at: datetime
    anchor_at: datetime | None
    due_at: datetime | None
    touches: int
    exit_reason: str | None
    closed_at: datetime | None
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MovedEnrollment:
    """Where an enrollment stands after a decision."""

    enrollment_id: int
    status: str
    step: int
    anchor_at: datetime | None
    due_at: datetime | None
    exit_reason: str | None = None
    closed_at: datetime | None = None


def list_enrollments(connection: Connection, profile_ids: Iterable[int], *, most: int = 200) -> list[EnrollmentRow]:
    """Enrollments of the profiles, open and closed: of each profile the `most` entered last."""
    rows = connection.execute(_OF_PROFILES, {"ids": list(profile_ids), "most": most})
    return [EnrollmentRow(*row) for row in rows]


def list_profile_enrollments(connection: Connection, profile_id: int) -> list[EnrollmentRow]:
    """All enrollments a profile ever had, oldest first."""
    return [EnrollmentRow(*row) for row in connection.execute(_ALL_OF_PROFILE, {"id": profile_id})]


def put_enrollments(connection: Connection, rows: Sequence[EnrollmentRow]) -> None:
    """Opens, changes or ends enrollments: one statement, found by campaign, profile and key (ids are the database's).

    The caller holds the lock of their profiles. An empty `context` leaves the one that is there."""
    if not rows:
        return
    values = {
        "campaign_ids": [r.campaign_id for r in rows],
        "campaign_versions": [r.campaign_version for r in rows],
        "profile_ids": [r.profile_id for r in rows],
        "keys": [r.key for r in rows],
        "statuses": [r.status for r in rows],
        "steps": [r.step for r in rows],
        "entered_ats": [r.entered_at for r in rows],
        "last_activity_ats": [r.last_activity_at for r in rows],
        "anchor_ats": [r.anchor_at for r in rows],
        "due_ats": [r.due_at for r in rows],
        "exit_reasons": [r.exit_reason for r in rows],
        "closed_ats": [r.closed_at for r in rows],
        "contexts": [json_text(dict(r.context)) for r in rows],
    }
    connection.execute(_PUT, values)


def touch(connection: Connection, touched: Mapping[tuple[str, int, str], tuple[datetime, int]]) -> None:
    """Notes activity: (campaign_id, profile_id, key) -> (last activity, how many). A HOT update: no index moves."""
    if touched:
        campaign_ids, profile_ids, keys = zip(*touched, strict=True)
        ats, counts = zip(*touched.values(), strict=True)
        columns = {
            "campaign_ids": campaign_ids,
            "profile_ids": profile_ids,
            "keys": keys,
            "ats": ats,
            "touches": counts,
        }
        connection.execute(_TOUCH, {name: list(values) for name, values in columns.items()})


def note_checkouts(connection: Connection, checkouts: Mapping[tuple[int, str], str]) -> None:
    """Keeps the checkout that a cart is in with its timers, (profile_id, key) -> checkout id: an order that names the
    checkout finds them."""
    if checkouts:
        profile_ids, keys = zip(*checkouts, strict=True)
        values = {
            "profile_ids": list(profile_ids),
            "keys": list(keys),
            "checkout_ids": list(checkouts.values()),
        }
        connection.execute(_NOTE_CHECKOUTS, values)


def refuse_starts(connection: Connection, refusals: Sequence[tuple[int, str, str, str, datetime]]) -> int:
    """Keeps (profile_id, campaign_id, key, reason, at) of campaigns that would have started and did not; returns how
    many had not been told before."""
    if not refusals:
        return 0
    columns = ("profile_ids", "campaign_ids", "keys", "reasons", "ats")
    return connection.execute(_REFUSE, dict(zip(columns, map(list, zip(*refusals, strict=True)), strict=True))).rowcount


def list_refusals(connection: Connection, profile_id: int) -> list[tuple[str, str, str, datetime]]:
    """(campaign_id, key, reason, refused_at) of a profile, oldest first."""
    return [tuple(row) for row in connection.execute(_REFUSALS, {"id": profile_id})]


def claim_due(
    connection: Connection,
    *,
    until: datetime,
    limit: int,
    held: Sequence[str] = (),
    bounds: Mapping[int, datetime] | None = None,
) -> list[EnrollmentRow]:
    """Locks timers due before `until` with their profiles, earliest first; rows another worker holds are passed over.

    `held`: campaigns that are paused. `bounds`: profiles of which only timers before a time are taken (replay)."""
    values: dict[str, Any] = {"until": until, "limit": limit, "held": list(held)}
    if not bounds:
        return [EnrollmentRow(*row) for row in connection.execute(_CLAIM_DUE, values)]
    values |= {"ids": list(bounds), "untils": list(bounds.values())}
    return [EnrollmentRow(*row) for row in connection.execute(_CLAIM_BOUNDED, values)]


def first_due(connection: Connection, *, until: datetime, held: Sequence[str] = ()) -> dict[int, datetime]:
    """profile_id -> its earliest timer, for timers due before `until`."""
    rows = connection.execute(_DUE_PROFILES, {"until": until, "held": list(held)})
    return {row[0]: row[1] for row in rows}


def next_enrollment(connection: Connection, campaign_id: str) -> EnrollmentRow | None:
    """The enrollment of a campaign whose timer fires next."""
    row = connection.execute(_NEXT_OF_CAMPAIGN, {"campaign_id": campaign_id}).first()
    return EnrollmentRow(*row) if row else None


def next_due_at(connection: Connection) -> datetime | None:
    """When the earliest timer of all is due."""
    at: datetime | None = connection.execute(_NEXT_DUE).scalar_one()
    return at


def move_on(connection: Connection, moved: Sequence[MovedEnrollment]) -> None:
    """Writes where claimed enrollments stand now, in one statement."""
    if moved:
        values = {
            "ids": [m.enrollment_id for m in moved],
            "statuses": [m.status for m in moved],
            "steps": [m.step for m in moved],
            "anchor_ats": [m.anchor_at for m in moved],
            "due_ats": [m.due_at for m in moved],
            "exit_reasons": [m.exit_reason for m in moved],
            "closed_ats": [m.closed_at for m in moved],
        }
        connection.execute(_MOVE_ON, values)


def merge_enrollments(connection: Connection, merges: Mapping[int, int], now: datetime) -> None:
    """Gives everything of merged profiles to the winners; of two with one campaign and key, the winner's stays."""
    if merges:
        columns = {"losers": list(merges), "winners": list(merges.values())}
        connection.execute(_MERGE_CLASH, {**columns, "now": now})
        for move in (*_MOVE_TABLES, _MOVE_REFUSALS):
            connection.execute(move, columns)


def count_enrollments(connection: Connection) -> dict[tuple[str, str, str], int]:
    """(campaign_id, status, exit_reason) -> enrollments."""
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(_COUNT)}
