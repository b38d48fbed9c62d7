"""welcome: a stranger became known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from triggers.events import Event, EventName
from triggers.state import ProfileState
from triggers.trigger import Ended, Passage, Seen, Trigger


@dataclass(frozen=True)
class Welcome(Trigger):
    """Opens once, when the profile's address is first known; with `until_first_order` it ends with an order. The key is
    `welcome`."""

    until_first_order: bool = False

    name = "welcome"
    title = "Welcome"
    opens_on = frozenset({EventName.IDENTIFIED, EventName.ORDER_COMPLETED})
    ends_on = frozenset({EventName.ORDER_COMPLETED})
    default_wait = timedelta(minutes=10)

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        return ("welcome",) if state.known_at else ()

    def known(self, state: ProfileState) -> Iterable[str]:
        return ("welcome",) if state.known_at else ()

    def look(self, state: ProfileState, key: str) -> Seen:
        if not state.known_at:
            return None
        if self.until_first_order and state.ordered_until:
            return Ended("ordered")
        return Passage(key, state.known_at, {})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        return [state.known_at] if state.known_at else []
