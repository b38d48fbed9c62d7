"""Coupon codes: pools, which message carries which code, and which came back with an order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from campaigns.storage.coupon_table import ENDS
from campaigns.storage.database import statement

_ADD = statement(
    "INSERT INTO coupon_codes (pool, code, status, added_at, expires_at) SELECT :pool, t.code, 'free', :now,"
    " t.expires_at FROM unnest(CAST(:codes AS text[]), CAST(:ends AS timestamptz[])) AS t(code, expires_at)"
    " ON CONFLICT (pool, (upper(code))) DO NOTHING RETURNING code"
)
_HOLD = statement(
    "SELECT code_id, code, expires_at FROM coupon_codes WHERE pool = :pool AND status = 'free'"
    f" AND {ENDS} > :lives_until ORDER BY {ENDS}, code_id LIMIT :count FOR UPDATE SKIP LOCKED"
)
_FREE = statement(
    "SELECT count(*) FROM (SELECT 1 FROM coupon_codes WHERE pool = :pool AND status = 'free'"
    f" AND {ENDS} > :lives_until LIMIT :most) AS found"
)
_ANY = statement("SELECT EXISTS (SELECT 1 FROM coupon_codes WHERE pool = :pool)")
_RESERVE = statement(
    "UPDATE coupon_codes c SET status = 'reserved', message_ref = t.message_ref, reserved_at = t.at,"
    " valid_until = t.valid_until FROM unnest(CAST(:ids AS bigint[]), CAST(:refs AS text[]),"
    " CAST(:ats AS timestamptz[]), CAST(:untils AS timestamptz[])) AS t(code_id, message_ref, at, valid_until)"
    " WHERE c.code_id = t.code_id"
)
_MINT = statement(
    "INSERT INTO coupon_codes (pool, code, status, added_at, message_ref, reserved_at, valid_until)"
    " SELECT t.pool, t.code, 'reserved', t.at, t.message_ref, t.at, t.valid_until FROM unnest(CAST(:pools AS text[]),"
    " CAST(:codes AS text[]), CAST(:refs AS text[]), CAST(:ats AS timestamptz[]), CAST(:untils AS timestamptz[]))"
    " AS t(pool, code, message_ref, at, valid_until)"
)
_TAKEN = statement("SELECT upper(code) FROM coupon_codes WHERE pool = :pool AND upper(code) = ANY(:codes)")
_CARRIED = statement("SELECT message_ref, pool, code, valid_until FROM coupon_codes WHERE message_ref = ANY(:refs)")
_RELEASE = statement(
    "UPDATE coupon_codes c SET status = 'free', message_ref = NULL, reserved_at = NULL, valid_until = NULL"
    " FROM messages m WHERE m.message_id = ANY(:ids) AND c.message_ref = m.message_ref AND c.status = 'reserved'"
    " AND NOT c.in_doubt"
)
_DOUBT = statement(
    "UPDATE coupon_codes c SET in_doubt = true FROM messages m WHERE m.message_id = ANY(:ids)"
    " AND c.message_ref = m.message_ref"
)
_ANALYZE = statement("ANALYZE coupon_codes")
_POOLS = statement(
    "SELECT pool, count(*) FILTER (WHERE status = 'free' AND (expires_at IS NULL OR expires_at > :lives_until)),"
    " count(*) FILTER (WHERE status = 'free' AND expires_at <= :lives_until), count(*) FILTER (WHERE status = 'reserved'),"
    " count(*) FILTER (WHERE status = 'redeemed'), count(*) FILTER (WHERE reserved_at > :since)"
    " FROM coupon_codes GROUP BY 1 ORDER BY 1"
)
_LIST = statement(
    "SELECT c.pool, c.code, c.status, c.expires_at, c.valid_until, c.reserved_at, c.message_ref, m.campaign_id,"
    " c.redeemed_at, c.order_id FROM coupon_codes c LEFT JOIN messages m USING (message_ref)"
    " WHERE c.pool = :pool AND (:status = '' OR c.status = :status) ORDER BY c.code_id"
)
_OF_NAME = statement(
    "SELECT pool, code, status, coalesce(valid_until, expires_at), order_id FROM coupon_codes"
    " WHERE upper(code) = upper(:code) ORDER BY pool LIMIT :pools"
)
_OF_PROFILE = statement(
    "SELECT m.message_ref, c.pool, c.code, c.valid_until, c.redeemed_at, c.order_id FROM coupon_codes c"
    " JOIN messages m USING (message_ref) WHERE m.profile_id = :profile_id"
)
_OF_CAMPAIGN = statement(
    "SELECT c.pool, count(*), count(c.redeemed_at), coalesce(sum(c.order_minor), 0)::bigint FROM coupon_codes c"
    " JOIN messages m USING (message_ref) WHERE m.campaign_id = :campaign_id AND m.created_at >= :since AND m.created_at < :until GROUP BY 1 ORDER BY 1"
)

_POOLS_OF_A_CODE = 10
LATELY = timedelta(days=7)
"""Over how long the use of a pool is counted."""


class HeldCode(NamedTuple):
    """A free code that this transaction holds: nobody else gets it before it ends."""

    code_id: int
    code: str
    expires_at: datetime | None


class Reservation(NamedTuple):
    """The code of a message. `code_id` is None where it is made now."""

    code_id: int | None
    pool: str
    code: str
    message_ref: str
    at: datetime
    valid_until: datetime | None


class PoolState(NamedTuple):
    """A pool in numbers. `free` codes can be handed out, `ended` ones no more; `lately` went out in seven days."""

    pool: str
    free: int
    ended: int
    reserved: int
    redeemed: int
    lately: int


class CodeRow(NamedTuple):
    """A code as lists show it."""

    pool: str
    code: str
    status: str
    expires_at: datetime | None
    valid_until: datetime | None
    reserved_at: datetime | None
    message_ref: str | None
    campaign_id: str | None
    redeemed_at: datetime | None
    order_id: str | None


class NamedCode(NamedTuple):
    """A code in one pool; `valid_until` is when it ends for the shopper."""

    pool: str
    code: str
    status: str
    valid_until: datetime | None
    order_id: str | None


class CarriedCode(NamedTuple):
    """The code a message carries, and the order it came back with."""

    message_ref: str
    pool: str
    code: str
    valid_until: datetime | None
    redeemed_at: datetime | None
    order_id: str | None


class CouponSums(NamedTuple):
    """What became of a pool's codes in one campaign; `total_minor` is what the orders with them were worth."""

    pool: str
    handed_out: int
    redeemed: int
    total_minor: int


def add_codes(
    connection: Connection, pool: str, codes: Sequence[tuple[str, datetime | None]], *, now: datetime
) -> set[str]:
    """Adds free codes (code, its own end) to a pool; returns those the pool did not have yet."""
    if not codes:
        return set()
    values = {"pool": pool, "codes": [code for code, _ in codes], "ends": [end for _, end in codes], "now": now}
    return {row[0] for row in connection.execute(_ADD, values)}


def note_sizes(connection: Connection) -> None:
    """Lets the database count anew after many codes came: how it looks for one depends on that."""
    connection.execute(_ANALYZE)


def hold_free(connection: Connection, pool: str, count: int, *, lives_until: datetime) -> list[HeldCode]:
    """Up to `count` free codes that are valid beyond `lives_until`, those that end first first, held until the transaction ends;
    those another worker holds are passed over."""
    values = {"pool": pool, "count": count, "lives_until": lives_until}
    return [HeldCode(*row) for row in connection.execute(_HOLD, values)] if count else []


def count_free(connection: Connection, pool: str, *, lives_until: datetime, most: int) -> int:
    """How many free codes there are, those that other workers hold included; counts no further than `most`."""
    values = {"pool": pool, "lives_until": lives_until, "most": most}
    return int(connection.execute(_FREE, values).scalar_one())


def has_pool(connection: Connection, pool: str) -> bool:
    """Whether the pool ever had a code."""
    return bool(connection.execute(_ANY, {"pool": pool}).scalar_one())


def find_taken(connection: Connection, pool: str, codes: Iterable[str]) -> set[str]:
    """Those of the codes, in capitals, that the pool has in any spelling."""
    values = {"pool": pool, "codes": [code.upper() for code in codes]}
    return {row[0] for row in connection.execute(_TAKEN, values)}


def find_carried(connection: Connection, refs: Sequence[str]) -> dict[str, tuple[str, str, datetime | None]]:
    """message_ref -> (pool, code, valid until) of messages that have a code already."""
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(_CARRIED, {"refs": list(refs)})}


def reserve_codes(connection: Connection, reservations: Sequence[Reservation]) -> None:
    """Writes down which message carries which code; the held ones are taken, the others are made."""
    held = [one for one in reservations if one.code_id is not None]
    made = [one for one in reservations if one.code_id is None]
    if held:
        connection.execute(_RESERVE, {"ids": [one.code_id for one in held], **_told(held)})
    if made:
        codes = {"pools": [one.pool for one in made], "codes": [one.code for one in made]}
        connection.execute(_MINT, codes | _told(made))


def _told(reservations: Sequence[Reservation]) -> dict[str, list[object]]:
    return {
        "refs": [one.message_ref for one in reservations],
        "ats": [one.at for one in reservations],
        "untils": [one.valid_until for one in reservations],
    }


def release_codes(connection: Connection, message_ids: Sequence[int]) -> int:
    """Frees the codes of messages that nobody got; one whose message was ever in doubt stays reserved for good, for
    somebody may have read it. Returns how many were freed."""
    return connection.execute(_RELEASE, {"ids": list(message_ids)}).rowcount if message_ids else 0


def doubt_codes(connection: Connection, message_ids: Sequence[int]) -> None:
    """Notes that these messages may have been read, whatever becomes of them."""
    if message_ids:
        connection.execute(_DOUBT, {"ids": list(message_ids)})


def list_pools(connection: Connection, *, now: datetime, lives_until: datetime) -> list[PoolState]:
    """Every pool in numbers."""
    values = {"lives_until": lives_until, "since": now - LATELY}
    return [PoolState(*row) for row in connection.execute(_POOLS, values)]


def list_codes(connection: Connection, pool: str, status: str = "") -> Iterator[CodeRow]:
    """The codes of a pool in the order they came, read piece by piece."""
    found = connection.execution_options(yield_per=5_000).execute(_LIST, {"pool": pool, "status": status})
    return (CodeRow(*row) for row in found)


def find_codes(connection: Connection, code: str) -> list[NamedCode]:
    """The code in every pool that has it, in any spelling."""
    return [NamedCode(*row) for row in connection.execute(_OF_NAME, {"code": code, "pools": _POOLS_OF_A_CODE})]


def list_profile_codes(connection: Connection, profile_id: int) -> dict[str, CarriedCode]:
    """message_ref -> the code it carries, for all messages of a profile."""
    return {row[0]: CarriedCode(*row) for row in connection.execute(_OF_PROFILE, {"profile_id": profile_id})}


def sum_coupons(connection: Connection, campaign_id: str, since: datetime, until: datetime) -> list[CouponSums]:
    """What became of the codes of a campaign's messages, by pool."""
    values = {"campaign_id": campaign_id, "since": since, "until": until}
    return [CouponSums(*row) for row in connection.execute(_OF_CAMPAIGN, values)]
