"""browse_abandonment: products were looked at in a session, and nothing came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from triggers.events import Event, EventName
from triggers.instants import from_stamp, span
from triggers.session import Session
from triggers.state import CART_EVENTS, MAX_VIEWS, ProfileState
from triggers.trigger import Ended, Passage, Seen, Trigger


@dataclass(frozen=True)
class BrowseAbandonment(Trigger):
    """Opens at the `min_views`-th product view of a session. Ends when anything is added, checked out or ordered at or
    after the session's start; never opens with an order in the `no_order_for` before the session's start. Waits count
    from the session's last view. The key is the session's start."""

    min_views: int = 2
    no_order_for: timedelta = timedelta(days=10)

    name = "browse_abandonment"
    title = "Browse abandonment"
    opens_on = frozenset({EventName.PRODUCT_VIEWED})
    ends_on = (CART_EVENTS - {EventName.PRODUCT_REMOVED}) | {EventName.ORDER_COMPLETED}
    hears_sessions = True
    default_wait = timedelta(hours=2)
    default_reentry = timedelta(days=14)

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        session = state.session_at(at)
        return () if session is None else (session.key,)

    def known(self, state: ProfileState) -> Iterable[str]:
        return [session.key for session in state.sessions()]

    def look(self, state: ProfileState, key: str) -> Seen:
        session = _session_of(state, key)
        if session is None:
            return None
        start_at = session.start_at
        if state.ordered_until >= start_at:
            return Ended("ordered")
        if state.checkout_until >= start_at:
            return Ended("checkout_started")
        if state.added_until >= start_at:
            return Ended("added_to_cart")
        seen = self._count_views(state, session)
        is_recent_buyer = state.ordered_until and state.ordered_until >= start_at - span(self.no_order_for)
        return Ended("ordered_recently") if is_recent_buyer and isinstance(seen, Passage) else seen

    def _count_views(self, state: ProfileState, session: Session) -> Seen:
        found, last_at = 0, 0
        for at, _, _ in reversed(state.views):
            if at < session.start_at:
                break
            if at <= session.end_at:
                last_at = last_at or at
                found += 1
                if found >= self.min_views:
                    return Passage(session.key, last_at, {"session": session.key, "source": session.source})
        covered = len(state.views) < MAX_VIEWS or state.views[0][0] <= session.start_at
        return Ended("too_few_views") if covered else None

    def openings(self, state: ProfileState, key: str) -> list[int]:
        session = _session_of(state, key)
        if session is None:
            return []
        views = state.views_between(session.start_at, session.end_at)
        return [at for at, _, _ in views[self.min_views - 1 :]]


def _session_of(state: ProfileState, key: str) -> Session | None:
    if state.stretches:
        last = state.stretches[-1].sessions()[-1]
        if last.key == key:  # nearly always: the shopper is in it
            return last
    at = from_stamp(key)
    return None if at is None else state.session_at(at)
