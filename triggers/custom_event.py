"""custom_event: any event of the shop's own starts it - a wish list, a quiz, a size guide, an ended trial."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from triggers.events import Event, EventName
from triggers.instants import stamp
from triggers.state import Other, ProfileState
from triggers.trigger import Ended, Passage, Seen, Trigger

ENDABLE: Final = (
    EventName.PRODUCT_VIEWED,
    EventName.PRODUCT_ADDED,
    EventName.CHECKOUT_STARTED,
    EventName.ORDER_COMPLETED,
)
"""Well-known events that may end it."""


@dataclass(frozen=True)
class CustomEvent(Trigger):
    """Opens with each event named in `starts_on`; ends with any later event named in `stops_on`. With `key: occurrence`
    every event is an enrollment of its own; with `key: product` all events of one product are one, and waits count
    from the newest of them."""

    starts_on: tuple[str, ...] = ()
    stops_on: tuple[str, ...] = ()
    key: str = field(default="occurrence", metadata={"words": ("occurrence", "product")})

    name = "custom_event"
    title = "Custom event"
    opens_on = frozenset()
    ends_on = frozenset()
    default_wait = timedelta(hours=1)
    default_reentry = timedelta(hours=24)

    def __post_init__(self) -> None:
        # The other triggers know their events beforehand; this one is told them in the campaign file.
        object.__setattr__(self, "opens_on", frozenset(self.starts_on))
        object.__setattr__(self, "ends_on", frozenset(self.stops_on))

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        if event.name not in self.opens_on:
            return ()
        return (self._key((at, 0, event.lines[0].product_id if event.lines else "")),)

    def known(self, state: ProfileState) -> Iterable[str]:
        return [self._key(one) for one in self._all(state)]

    def look(self, state: ProfileState, key: str) -> Seen:
        times = self._times(state, key)
        if not times:
            return None
        if self._stopped_at(state) > times[-1]:
            return Ended("event_followed")
        product_id = next((one[2] for one in self._all(state) if self._key(one) == key), "")
        return Passage(key, times[-1], {"product": product_id} if product_id else {})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        stopped_at = self._stopped_at(state)
        return [at for at in self._times(state, key) if at >= stopped_at]

    def _stopped_at(self, state: ProfileState) -> int:
        return max((state.last_of(name) for name in self.stops_on), default=0)

    def _times(self, state: ProfileState, key: str) -> list[int]:
        return sorted(one[0] for one in self._all(state) if self._key(one) == key)

    def _all(self, state: ProfileState) -> list[Other]:
        return [one for name in self.starts_on for one in state.others.get(name, ())]

    def _key(self, one: Other) -> str:
        return one[2] or "none" if self.key == "product" else stamp(one[0])
