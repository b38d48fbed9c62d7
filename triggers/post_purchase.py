"""post_purchase: an order was completed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from triggers.events import Event, EventName
from triggers.state import ProfileState, order_id_of
from triggers.trigger import Ended, Passage, Seen, Trigger


@dataclass(frozen=True)
class PostPurchase(Trigger):
    """Opens with each order; waits count from the order's first row; ends when the order is refunded or cancelled.
    The key is the order id."""

    name = "post_purchase"
    title = "Post purchase"
    opens_on = frozenset({EventName.ORDER_COMPLETED})
    ends_on = frozenset({EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED})
    default_wait = timedelta(0)
    default_reentry = timedelta(0)

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        return (order_id_of(event),) if event.name == EventName.ORDER_COMPLETED else ()

    def known(self, state: ProfileState) -> Iterable[str]:
        return list(state.orders)

    def look(self, state: ProfileState, key: str) -> Seen:
        reversal = state.reversals.get(key)
        if reversal is not None:
            return Ended(f"order_{reversal[1]}")
        order = state.orders.get(key)
        return None if order is None else Passage(key, order.completed_at, {"order": key})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        order = state.orders.get(key)
        return [] if order is None else [order.completed_at]
