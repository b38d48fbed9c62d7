"""Redeeming: a code is used once, by the order that names it or by a till that asks first, and given back where the
order is cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from campaigns.pipeline.engine import Engine
from campaigns.pipeline.people import People
from campaigns.storage.coupon_redemptions import (
    LockedCode,
    Redemption,
    give_back_codes,
    lock_code,
    redeem_codes,
    take_codes,
)
from campaigns.storage.database import transaction
from campaigns.storage.profiles import find_profile_ids
from triggers.events import Event, EventName

_MOST_OF_AN_ORDER = 10


class Refusal(StrEnum):
    """Why a code cannot be redeemed, the most telling first."""

    OTHER_SHOPPER = "other_shopper"
    ENDED = "ended"
    ALREADY_REDEEMED = "already_redeemed"
    NOT_HANDED_OUT = "not_handed_out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RedeemAnswer:
    """What a till is told: the code is used up with `order_id` now, or was by the same order (`again`), or `refusal`
    says why it is not; then `order_id` is the order that has it."""

    code: str
    order_id: str | None
    pools: tuple[str, ...] = ()
    again: bool = False
    refusal: Refusal | None = None


def redeem_coupon(engine: Engine, code: str, order_id: str, shopper: str = "") -> RedeemAnswer:
    """Uses a code up for an order, once however often it is asked. With `shopper` (a user id, an anonymous id or an
    address) only where the code's mail went to them."""
    with transaction(engine.database) as connection:
        rows, now = lock_code(connection, code), engine.now(connection)
        ids = find_profile_ids(connection, shopper) if shopper else []
        own = [row for row in rows if not shopper or _belongs_to(row, shopper, ids)]
        if known := [row for row in own if row.order_id == order_id]:
            return RedeemAnswer(known[0].code, order_id, _pools(known), again=True)
        usable = [row for row in own if row.status == "reserved" and not _ended(row, now)]
        if usable:
            take_codes(connection, [row.code_id for row in usable], order_id, now)
            return RedeemAnswer(usable[0].code, order_id, _pools(usable))
    refused = dict(_refusals(rows, own, now))
    why = next((reason for reason in Refusal if reason in refused), Refusal.UNKNOWN)
    row = refused.get(why)
    return RedeemAnswer(row.code if row else code, row.order_id if row else None, refusal=why)


def follow_orders(connection: Connection, events: Iterable[Event], people: People) -> None:
    """Marks the codes that came back with orders as used, and gives back those of cancelled ones. An order that was
    cancelled before it was heard of uses nothing up."""
    heard = [event for event in events if event.name in (EventName.ORDER_COMPLETED, EventName.ORDER_CANCELLED)]
    used = [
        Redemption(code, event.order_id or event.message_id, event.total_minor, event.occurred_at)
        for event in heard
        if event.name == EventName.ORDER_COMPLETED and event.properties
        for code in _codes_of(event)
    ]
    if used:
        cancelled = people.cancelled_orders()
        used = [one for one in used if one.order_id not in cancelled]
    redeem_codes(connection, list({one.code.upper(): one for one in reversed(used)}.values()))
    give_back_codes(
        connection, {event.order_id for event in heard if event.name == EventName.ORDER_CANCELLED and event.order_id}
    )


def _belongs_to(row: LockedCode, shopper: str, ids: Sequence[int]) -> bool:
    """Whether the mail with the code went to the shopper; what no known mail carries belongs to whoever has it."""
    return row.profile_id is None or row.profile_id in ids or row.address == shopper.lower()


def _refusals(
    rows: Iterable[LockedCode], own: Sequence[LockedCode], now: datetime
) -> Iterator[tuple[Refusal, LockedCode]]:
    for row in rows:
        if row.status == "redeemed":
            yield Refusal.ALREADY_REDEEMED, row
        elif row.status == "free":
            yield Refusal.NOT_HANDED_OUT, row
        elif _ended(row, now):
            yield Refusal.ENDED, row
        elif row not in own:
            yield Refusal.OTHER_SHOPPER, row


def _ended(row: LockedCode, now: datetime) -> bool:
    return row.valid_until is not None and row.valid_until <= now


def _pools(rows: Iterable[LockedCode]) -> tuple[str, ...]:
    return tuple(row.pool for row in rows)


def _codes_of(order: Event) -> list[str]:
    said = order.properties.get("coupon") or order.properties.get("coupons") or ()
    codes = [said] if isinstance(said, str) else said if isinstance(said, list) else ()
    return [code.strip() for code in codes[:_MOST_OF_AN_ORDER] if isinstance(code, str) and code.strip()]
