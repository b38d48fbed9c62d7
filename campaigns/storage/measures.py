"""What reports count: sums over decisions, messages, feedback and orders, made where the rows are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.storage.database import statement

_ORDERS = (
    "orders AS MATERIALIZED (SELECT e.profile_id, coalesce(e.payload->>'order_id', e.message_id) AS order_id,"
    " min(e.occurred_at) AS ordered_at, coalesce(max((e.payload->>'total_minor')::bigint), sum((SELECT"
    " sum((l->>'price_minor')::bigint * coalesce((l->>'quantity')::int, 1)) FROM jsonb_array_elements("
    " CASE WHEN jsonb_typeof(e.payload->'lines') = 'array' THEN e.payload->'lines' ELSE '[]' END) AS l)), 0)::float8"
    " AS total FROM events e WHERE e.name = 'Order Completed' AND e.occurred_at >= :since"
    " AND e.occurred_at <= :until_with_window AND NOT EXISTS (SELECT 1 FROM events x WHERE x.profile_id = e.profile_id"
    " AND x.name = 'Order Cancelled' AND x.payload->>'order_id' = e.payload->>'order_id') GROUP BY 1, 2)"
)
_ARMS = statement(
    "WITH firsts AS MATERIALIZED (SELECT DISTINCT ON (d.profile_id) d.profile_id, d.outcome, d.decided_at"
    " FROM decisions d JOIN profiles p USING (profile_id) WHERE d.campaign_id = :campaign_id"
    " AND d.outcome IN ('send', 'ghost') AND d.step = ANY(:steps) AND d.decided_at >= :since AND d.decided_at < :until"
    f" AND NOT p.merged_arms ORDER BY d.profile_id, d.decided_at, d.decision_id), {_ORDERS},"
    " per_profile AS (SELECT f.profile_id, f.outcome, count(o.order_id) AS orders, coalesce(sum(o.total), 0) AS revenue"
    " FROM firsts f LEFT JOIN orders o ON o.profile_id = f.profile_id AND o.ordered_at > f.decided_at"
    " AND o.ordered_at <= f.decided_at + :window GROUP BY 1, 2)"
    " SELECT outcome, count(*), count(*) FILTER (WHERE orders > 0), sum(orders)::bigint, sum(revenue),"
    " sum(revenue * revenue) FROM per_profile GROUP BY 1"
)
_FUNNEL = statement(
    "SELECT m.step, count(*), count(*) FILTER (WHERE m.sent_at IS NOT NULL),"
    " count(*) FILTER (WHERE m.status = 'delivered' OR r.delivered), count(*) FILTER (WHERE m.status = 'bounced'),"
    " count(*) FILTER (WHERE m.status = 'complained'), count(*) FILTER (WHERE r.opened), count(*) FILTER (WHERE r.clicked),"
    " count(*) FILTER (WHERE r.unsubscribed) FROM messages m LEFT JOIN LATERAL (SELECT"
    " bool_or(kind = 'delivered') AS delivered, bool_or(kind = 'opened' AND NOT machine) AS opened,"
    " bool_or(kind = 'clicked' AND NOT machine) AS clicked, bool_or(kind = 'unsubscribed') AS unsubscribed"
    " FROM feedback f WHERE f.message_ref = m.message_ref) AS r ON true WHERE m.campaign_id = :campaign_id"
    " AND m.created_at >= :since AND m.created_at < :until GROUP BY 1 ORDER BY 1"
)
_ATTRIBUTED = statement(
    f"WITH {_ORDERS}, clicks AS (SELECT m.profile_id, m.campaign_id, f.occurred_at FROM feedback f"
    " JOIN messages m USING (message_ref) WHERE f.kind = 'clicked' AND NOT f.machine AND f.occurred_at >= :since),"
    " last AS (SELECT DISTINCT ON (o.profile_id, o.order_id) o.order_id, o.total, c.campaign_id FROM orders o"
    " JOIN clicks c ON c.profile_id = o.profile_id AND c.occurred_at <= o.ordered_at"
    " AND c.occurred_at >= o.ordered_at - :window ORDER BY o.profile_id, o.order_id, c.occurred_at DESC)"
    " SELECT count(*), coalesce(sum(total), 0) FROM last WHERE campaign_id = :campaign_id"
)
_DECISIONS = statement(
    "SELECT outcome, reason, count(*) FROM decisions WHERE campaign_id = :campaign_id AND decided_at >= :since"
    " AND decided_at < :until GROUP BY 1, 2 ORDER BY 3 DESC, 2"
)
_ENTERED = statement(
    "SELECT count(*), count(DISTINCT profile_id) FROM enrollments WHERE campaign_id = :campaign_id"
    " AND entered_at >= :since AND entered_at < :until"
)
_LAST = statement("SELECT max(decided_at) FROM decisions WHERE campaign_id = :campaign_id")


@dataclass(frozen=True, slots=True)
class ArmSums:
    """Sums over the profiles of one group; revenue in minor units."""

    profiles: int = 0
    buyers: int = 0
    orders: int = 0
    revenue: float = 0.0
    revenue_squares: float = 0.0


@dataclass(frozen=True, slots=True)
class StepFunnel:
    """Mails of one step (from 1), and what came of them; opens and clicks of machines are left out."""

    step: int
    written: int
    sent: int
    delivered: int
    bounced: int
    complained: int
    opened: int
    clicked: int
    unsubscribed: int


@dataclass(frozen=True, slots=True)
class Period:
    """A campaign and the time that is reported: decisions from `since` to `until`."""

    campaign_id: str
    since: datetime
    until: datetime


def sum_arms(connection: Connection, period: Period, steps: Sequence[int], window: timedelta) -> dict[str, ArmSums]:
    """'send' and 'ghost' -> sums over profiles, each in the group of its first decision about one of `steps` (those
    that hold shoppers out), with its orders within `window` after that, whatever happened to it later. Profiles joined
    from both groups are left out, and so are cancelled orders."""
    values = _values(period, window) | {"steps": list(steps)}
    rows = connection.execute(_ARMS, values)
    return {row[0]: ArmSums(row[1], row[2], int(row[3]), float(row[4]), float(row[5])) for row in rows}


def sum_attributed(connection: Connection, period: Period, window: timedelta) -> tuple[int, int]:
    """(orders, revenue in minor units) whose last click within `window` before was on a mail of the campaign."""
    orders, revenue = connection.execute(_ATTRIBUTED, _values(period, window)).one()
    return int(orders), round(revenue)


def read_funnel(connection: Connection, period: Period) -> list[StepFunnel]:
    """What became of the mails of each step."""
    return [StepFunnel(*row) for row in connection.execute(_FUNNEL, _span(period))]


def count_outcomes(connection: Connection, period: Period) -> list[tuple[str, str, int]]:
    """(outcome, reason, decisions), the most frequent first."""
    return [tuple(row) for row in connection.execute(_DECISIONS, _span(period))]


def count_entered(connection: Connection, period: Period) -> tuple[int, int]:
    """(enrollments, profiles) that entered."""
    entered, profiles = connection.execute(_ENTERED, _span(period)).one()
    return int(entered), int(profiles)


def last_decided_at(connection: Connection, campaign_id: str) -> datetime | None:
    """When the campaign last decided anything."""
    at: datetime | None = connection.execute(_LAST, {"campaign_id": campaign_id}).scalar_one()
    return at


def _span(period: Period) -> dict[str, object]:
    return {"campaign_id": period.campaign_id, "since": period.since, "until": period.until}


def _values(period: Period, window: timedelta) -> dict[str, object]:
    return _span(period) | {"window": window, "until_with_window": period.until + window}
