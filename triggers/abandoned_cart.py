"""abandoned_cart: something was put into a cart and not bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from triggers.cart_trigger import CartTrigger
from triggers.events import EventName
from triggers.state import CART_EVENTS, ProfileState
from triggers.trigger import Ended, Passage, Seen


@dataclass(frozen=True)
class AbandonedCart(CartTrigger):
    """Opens when something is added to a cart; waits count from the cart's last activity; ends with any order of the
    profile or when the cart is empty. The key is the cart: its id, or `cart` where the shop sends none, and
    `@<order>` behind it for what the same cart collects after an order."""

    name = "abandoned_cart"
    title = "Abandoned cart"
    opens_on = CART_EVENTS
    ends_on = frozenset({EventName.ORDER_COMPLETED})
    default_wait = timedelta(hours=1)
    default_reentry = timedelta(hours=24)

    def look(self, state: ProfileState, key: str) -> Seen:
        found = state.find_cart(key)
        if found is None:
            return None
        cart_id, cart = found
        if cart.last_at <= state.ordered_until or state.cart_key(cart_id) != key:
            return Ended("ordered")
        if cart.is_empty:
            return Ended("cart_emptied")
        return Passage(key, cart.last_at, {"cart": cart_id})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        found = state.find_cart(key)
        return found[1].openings() if found else []
