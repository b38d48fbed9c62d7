"""abandoned_checkout: a checkout was started and no order followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from triggers.cart_trigger import CartTrigger
from triggers.events import EventName
from triggers.state import CART_EVENTS, ProfileState
from triggers.trigger import Ended, Passage, Seen


@dataclass(frozen=True)
class AbandonedCheckout(CartTrigger):
    """Opens when a checkout is started; waits count from the last activity of its cart; ends with any order of the
    profile or when the cart was emptied. The key is the cart's, so one cart is reminded of once."""

    name = "abandoned_checkout"
    title = "Abandoned checkout"
    opens_on = CART_EVENTS
    ends_on = frozenset({EventName.ORDER_COMPLETED})
    default_wait = timedelta(minutes=30)
    default_reentry = timedelta(hours=24)

    def look(self, state: ProfileState, key: str) -> Seen:
        found = state.find_cart(key)
        if found is None:
            return None
        cart_id, cart = found
        if cart.last_at <= state.ordered_until or state.cart_key(cart_id) != key:
            return Ended("ordered")
        if cart.checkout is None:
            return Ended("no_checkout")
        if not cart.checkout_openings():
            return Ended("cart_emptied")
        return Passage(key, cart.last_at, {"cart": cart_id, "checkout": cart.checkout[2]})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        found = state.find_cart(key)
        return found[1].checkout_openings() if found else []
