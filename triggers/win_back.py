"""win_back: a customer has not ordered for a long time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from triggers.events import Event, EventName
from triggers.state import ProfileState, order_id_of
from triggers.trigger import Ended, Passage, Seen, Trigger


@dataclass(frozen=True)
class WinBack(Trigger):
    """Opens with each order and ends with the next one; waits count from the order or, with `since_last_visit`, from
    the last activity of any kind. The key is the order id."""

    since_last_visit: bool = False

    name = "win_back"
    title = "Win back"
    opens_on = frozenset({EventName.ORDER_COMPLETED})
    ends_on = frozenset({EventName.ORDER_COMPLETED})
    default_wait = timedelta(days=60)

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        return (order_id_of(event),)

    def known(self, state: ProfileState) -> Iterable[str]:
        return [state.last_order_id] if state.last_order_id else []

    def look(self, state: ProfileState, key: str) -> Seen:
        if key != state.last_order_id:
            return Ended("ordered_again") if state.last_order_id else None
        return Passage(key, state.last_at if self.since_last_visit else state.ordered_until, {"order": key})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        if key != state.last_order_id:
            return []
        order = state.orders.get(key)
        return [state.ordered_until if order is None else order.completed_at]
