"""What becomes of a coupon code after its mail: used with an order, and given back where the order is cancelled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.storage.database import statement

_POOLS_OF_A_CODE = 10
_REDEEM = statement(
    "UPDATE coupon_codes c SET status = 'redeemed', redeemed_at = coalesce(c.redeemed_at, f.at),"
    " order_id = f.order_id, order_minor = f.order_minor FROM (SELECT x.code_id, t.* FROM unnest(CAST(:codes AS text[]),"
    " CAST(:orders AS text[]), CAST(:totals AS bigint[]), CAST(:ats AS timestamptz[]))"
    " AS t(code, order_id, order_minor, at) CROSS JOIN LATERAL (SELECT code_id FROM coupon_codes"
    " WHERE upper(code) = upper(t.code) AND (redeemed_at IS NULL OR (order_id = t.order_id AND order_minor IS NULL))"
    " LIMIT :pools) AS x) AS f WHERE c.code_id = f.code_id"
)
_LOCK = statement(
    "SELECT c.code_id, c.pool, c.code, c.status, coalesce(c.valid_until, c.expires_at), c.order_id, m.profile_id,"
    " m.address FROM coupon_codes c LEFT JOIN messages m USING (message_ref) WHERE upper(c.code) = upper(:code)"
    " ORDER BY c.code_id LIMIT :pools FOR UPDATE OF c"
)
_TAKE = statement(
    "UPDATE coupon_codes SET status = 'redeemed', redeemed_at = :at, order_id = :order_id WHERE code_id = ANY(:ids)"
)
_GIVE_BACK = statement(
    "UPDATE coupon_codes SET status = 'reserved', redeemed_at = NULL, order_id = NULL, order_minor = NULL"
    " WHERE order_id = ANY(:orders) AND status = 'redeemed' AND message_ref IS NOT NULL"
)


class Redemption(NamedTuple):
    """A code that came back with an order."""

    code: str
    order_id: str
    order_minor: int | None
    at: datetime


class LockedCode(NamedTuple):
    """A code in one pool that this transaction holds; `profile_id` and `address` are those of the mail that carries it."""

    code_id: int
    pool: str
    code: str
    status: str
    valid_until: datetime | None
    order_id: str | None
    profile_id: int | None
    address: str | None


def redeem_codes(connection: Connection, used: Sequence[Redemption]) -> int:
    """Marks codes as used, also free ones that the shop gave away elsewhere. The first order counts; capitals do not
    matter. An order that a till announced brings its total. Returns how many were marked."""
    if not used:
        return 0
    columns = (list(column) for column in zip(*used, strict=True))
    values = dict(zip(("codes", "orders", "totals", "ats"), columns, strict=True))
    return connection.execute(_REDEEM, {**values, "pools": _POOLS_OF_A_CODE}).rowcount


def lock_code(connection: Connection, code: str) -> list[LockedCode]:
    """The code in every pool that has it, in any spelling; whoever asks for it too waits."""
    return [LockedCode(*row) for row in connection.execute(_LOCK, {"code": code, "pools": _POOLS_OF_A_CODE})]


def take_codes(connection: Connection, code_ids: Sequence[int], order_id: str, at: datetime) -> None:
    """Marks locked codes as used with an order."""
    connection.execute(_TAKE, {"ids": list(code_ids), "order_id": order_id, "at": at})


def give_back_codes(connection: Connection, order_ids: Collection[str]) -> int:
    """Lets the codes of these orders be used again by who has their mail; one that no mail carried stays used, for
    somebody knows it. Returns how many."""
    return connection.execute(_GIVE_BACK, {"orders": list(order_ids)}).rowcount if order_ids else 0
