"""Decisions: one row for every outcome, with the reason and the facts it was based on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from campaigns.storage.database import json_rows, statement

_ADD = statement(
    "INSERT INTO decisions (enrollment_id, step, campaign_id, campaign_version, profile_id, due_at, decided_at,"
    " outcome, reason, until, variant, facts, slates) SELECT t.enrollment_id, t.step, t.campaign_id, t.campaign_version,"
    " t.profile_id, t.due_at, t.decided_at, t.outcome, t.reason, t.until, t.variant, t.facts, t.slates"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS t(enrollment_id bigint, step int, campaign_id text,"
    " campaign_version int, profile_id bigint, due_at timestamptz, decided_at timestamptz, outcome text, reason text,"
    " until timestamptz, variant text, facts jsonb, slates jsonb)"
    " ON CONFLICT (enrollment_id, step) WHERE outcome IN ('send', 'ghost', 'skip') AND reason <> 'exited'"
    " DO NOTHING"
)
_SENDS = statement(
    "SELECT profile_id, campaign_id, step, decided_at FROM decisions WHERE profile_id = ANY(:ids) AND decided_at > :since"
    " AND outcome IN ('send', 'ghost') ORDER BY decided_at"
)
_COLUMNS = (
    "decision_id, enrollment_id, step, campaign_id, campaign_version, profile_id, due_at, decided_at, outcome, reason,"
    " until, variant, facts, slates"
)
_OF_PROFILE = statement(f"SELECT {_COLUMNS} FROM decisions WHERE profile_id = :id ORDER BY decided_at, decision_id")
_OF_MESSAGE = statement(
    f"SELECT {_COLUMNS} FROM decisions WHERE enrollment_id = :enrollment_id AND step = :step AND outcome = 'send'"
)
_COUNT = statement(
    "SELECT campaign_id, step, outcome, reason, count(*) FROM decisions GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 5 DESC"
)
_SKIPPED = statement(
    "SELECT campaign_id, step, count(*), max(decided_at), (array_agg(facts ORDER BY decided_at DESC))[1]"
    " FROM decisions WHERE campaign_id = ANY(SELECT campaign_id FROM campaigns) AND decided_at > :since"
    " AND outcome = 'skip' AND reason = :reason GROUP BY 1, 2 ORDER BY 3 DESC"
)
_LAG = statement(
    "SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY decided_at - due_at), max(decided_at - due_at)"
    " FROM decisions WHERE outcome IN ('send', 'ghost', 'skip')"
)


class DecisionRow(NamedTuple):
    """One decision. `decision_id` is given by the database (0 before)."""

    decision_id: int
    enrollment_id: int
    step: int
    campaign_id: str
    campaign_version: int
    profile_id: int
    due_at: datetime
    decided_at: datetime
    outcome: str
    reason: str
    until: datetime | None
    variant: str | None
    facts: Mapping[str, Any]
    slates: Mapping[str, Any] | None


class SkippedLately(NamedTuple):
    """How many mails of a step were skipped for one reason, when last, and the facts of that one."""

    campaign_id: str
    step: int
    mails: int
    last_at: datetime
    facts: Mapping[str, Any]


def add_decisions(connection: Connection, rows: Sequence[DecisionRow]) -> None:
    """Writes decisions in one statement; a final one that exists for the enrollment and step stays."""
    if rows:
        connection.execute(_ADD, {"rows": json_rows(row._asdict() for row in rows)})


def list_sends(
    connection: Connection, profile_ids: Iterable[int], *, since: datetime
) -> dict[int, list[tuple[str, int, datetime]]]:
    """profile_id -> (campaign_id, step from 1, decided_at) of sends and ghosts after `since`: what frequency caps count."""
    found: dict[int, list[tuple[str, int, datetime]]] = {}
    for profile_id, campaign_id, step, at in connection.execute(_SENDS, {"ids": list(profile_ids), "since": since}):
        found.setdefault(profile_id, []).append((campaign_id, step, at))
    return found


def list_profile_decisions(connection: Connection, profile_id: int) -> list[DecisionRow]:
    """All decisions about a profile, oldest first."""
    return [DecisionRow(*row) for row in connection.execute(_OF_PROFILE, {"id": profile_id})]


def find_send_decision(connection: Connection, enrollment_id: int, step: int) -> DecisionRow | None:
    """The decision a message came from."""
    row = connection.execute(_OF_MESSAGE, {"enrollment_id": enrollment_id, "step": step}).first()
    return DecisionRow(*row) if row else None


def count_decisions(connection: Connection) -> list[tuple[str, int, str, str, int]]:
    """(campaign_id, step, outcome, reason, count)."""
    return [tuple(row) for row in connection.execute(_COUNT)]


def count_skipped(connection: Connection, reason: str, *, since: datetime) -> list[SkippedLately]:
    """Steps whose mails were skipped for this reason lately, most first."""
    return [SkippedLately(*row) for row in connection.execute(_SKIPPED, {"reason": reason, "since": since})]


def read_decision_lag(connection: Connection) -> tuple[int, float, float]:
    """(final decisions, median lag, longest lag) between due and decided, in seconds."""
    total, median, longest = connection.execute(_LAG).one()
    return int(total), median.total_seconds() if median else 0.0, longest.total_seconds() if longest else 0.0
