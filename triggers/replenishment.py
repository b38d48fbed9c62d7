"""replenishment: what was bought is about to run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from statistics import median

from triggers.events import Event, EventName
from triggers.instants import DAY, span
from triggers.state import ProfileState
from triggers.trigger import Ended, Passage, Seen, Trigger

BETWEEN = "@@"


@dataclass(frozen=True)
class Replenishment(Trigger):
    """Opens with an order of a product that has a rhythm: the profile's own (the median time between its orders of the
    product, from `min_orders` orders on), else the product's in `rhythms`. Waits count from `early` before the product
    is expected to run out. Ends when it is bought again or the order is taken back. The key is product and order."""

    rhythms: Mapping[str, timedelta] = field(default_factory=dict, hash=False)
    min_orders: int = field(default=2, metadata={"least": 2, "most": 20})
    early: timedelta = timedelta(days=3)

    name = "replenishment"
    title = "Replenishment"
    opens_on = frozenset({EventName.ORDER_COMPLETED})
    ends_on = frozenset({EventName.ORDER_COMPLETED, EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED})
    default_wait = timedelta(0)

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        if event.name != EventName.ORDER_COMPLETED:
            return ()
        products = {line.product_id for line in event.lines}
        return [key for key in self.known(state) if key.partition(BETWEEN)[0] in products]

    def known(self, state: ProfileState) -> Iterable[str]:
        kept = (pair for pair in state.orders_by_time() if pair[0] not in state.reversals)
        latest = {product_id: order_id for order_id, order in kept for product_id in order.product_ids()}
        return [_key(product_id, order_id) for product_id, order_id in latest.items()]

    def look(self, state: ProfileState, key: str) -> Seen:
        product_id, _, order_id = key.partition(BETWEEN)
        order = state.orders.get(order_id)
        if order is None:
            return None
        if order_id in state.reversals:
            return Ended(f"order_{state.reversals[order_id][1]}")
        orders = _orders_of(state, product_id)
        if orders[-1][1] != order_id:
            return Ended("ordered_again")
        rhythm = self._rhythm(product_id, [at for at, _ in orders])
        if rhythm is None:
            return Ended("no_rhythm")
        last_at = max(order.completed_at, order.completed_at + rhythm - span(self.early))
        return Passage(key, last_at, {"product": product_id, "order": order_id, "rhythm_days": rhythm // DAY})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        order = state.orders.get(key.partition(BETWEEN)[2])
        return [] if order is None else [order.completed_at]

    def _rhythm(self, product_id: str, times: list[int]) -> int | None:
        if len(times) >= self.min_orders:
            return int(median(later - earlier for earlier, later in pairwise(times)))
        known = self.rhythms.get(product_id)
        return None if known is None else span(known)


def _key(product_id: str, order_id: str) -> str:
    return f"{product_id}{BETWEEN}{order_id}"


def _orders_of(state: ProfileState, product_id: str) -> list[tuple[int, str]]:
    """(completed at, order id) of the orders of a product that stand, oldest first."""
    kept = ((key, order) for key, order in state.orders.items() if key not in state.reversals)
    return sorted((order.completed_at, key) for key, order in kept if product_id in order.product_ids())
