"""What triggers about a cart share: the keys an event is about, and those the state knows."""

from __future__ import annotations

from collections.abc import Iterable

from triggers.cart import IMPLICIT
from triggers.events import Event
from triggers.state import CART_EVENTS, ProfileState
from triggers.trigger import Trigger


class CartTrigger(Trigger):
    """A trigger whose key is the cart."""

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        if event.name not in CART_EVENTS:
            return ()
        return (state.cart_key(event.cart_id or IMPLICIT),)

    def known(self, state: ProfileState) -> Iterable[str]:
        return [state.cart_key(cart_id) for cart_id in state.carts]
