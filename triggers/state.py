"""What is known of one profile, folded from its events in any order.

Every part is a minimum, a maximum, a last writer or "the newest N", so late, repeated and shuffled events
end in the same state, and two states of one person can be joined. Sizes are bounded whatever a bot does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zlib import crc32

from triggers.bounded import insert_newest
from triggers.cart import IMPLICIT, Cart
from triggers.catalog_events import CATALOG_EVENTS, Offer, offer_of
from triggers.events import Event, EventName
from triggers.instants import moment
from triggers.order import Order
from triggers.session import Session, Stretch, extend

MAX_CARTS: Final = 8
MAX_STRETCHES: Final = 12
MAX_VIEWS: Final = 60
MAX_ORDERS: Final = 40
MAX_TRAITS: Final = 64
MAX_OFFERS: Final = 20
MAX_MERGED: Final = 16

MAX_OTHER_NAMES: Final = 12
MAX_OTHERS: Final = 8

Other = tuple[int, int, str]
"""(at, tie, product id or ""): an event of a name that means nothing by itself, kept for custom triggers."""
View = tuple[int, str, int]
"""(at, product id, tie)."""

CART_EVENTS: Final = frozenset(
    {EventName.PRODUCT_ADDED, EventName.PRODUCT_REMOVED, EventName.CART_UPDATED, EventName.CHECKOUT_STARTED}
)
NOT_A_VISIT: Final = frozenset({EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED}) | CATALOG_EVENTS
"""Facts about a profile that it did not cause by being in the shop: they belong to no session."""


WELL_KNOWN: Final = (
    CART_EVENTS
    | NOT_A_VISIT
    | {EventName.PRODUCT_VIEWED, EventName.ORDER_COMPLETED, EventName.PAGE_VIEWED, EventName.IDENTIFIED}
    | {EventName.ALIASED}
)
"""Events that are folded into parts of their own; all others are kept by name, the newest of each."""


class ProfileState:
    """One profile's folded history. Instants are microseconds since 1970 UTC; 0 means never."""

    __slots__ = (
        "added_until",
        "carts",
        "checkout_until",
        "first_at",
        "history_until",
        "known_at",
        "last_at",
        "last_order_id",
        "merged_ids",
        "offers",
        "ordered_until",
        "orders",
        "others",
        "reversals",
        "stretches",
        "traits",
        "views",
    )  # fmt: skip

    def __init__(self) -> None:
        self.carts: dict[str, Cart] = {}
        self.stretches: list[Stretch] = []
        self.views: list[View] = []
        self.orders: dict[str, Order] = {}
        self.reversals: dict[str, tuple[int, str]] = {}
        """Order id to (at, "refunded" or "cancelled"), the first of them."""
        self.offers: list[Offer] = []
        self.others: dict[str, list[Other]] = {}
        self.traits: dict[str, tuple[int, int, Any]] = {}
        self.merged_ids: list[str] = []
        self.first_at = self.last_at = self.known_at = self.history_until = 0
        self.added_until = self.checkout_until = self.ordered_until = 0
        self.last_order_id = ""

    # ---- reading -------------------------------------------------------------------------------------------------

    def cart_key(self, cart_id: str) -> str:
        """The key of the cart as an enrollment: a cart that was there before the last order is a new cart after it."""
        name = cart_id or "cart"
        cart = self.carts.get(cart_id)
        if cart is None or not self.ordered_until or cart.first_at > self.ordered_until:
            return name
        return f"{name}@{self.last_order_id}"

    def find_cart(self, key: str) -> tuple[str, Cart] | None:
        """The cart id and cart of an enrollment key, also when an order has since given the cart a new key."""
        for cart_id, cart in self.carts.items():
            if self.cart_key(cart_id) == key:
                return cart_id, cart
        for cart_id, cart in self.carts.items():
            name = cart_id or "cart"
            if key == name or key.startswith(name + "@"):
                return cart_id, cart
        return None

    def current_cart(self) -> Cart | None:
        """The cart touched last that still holds something."""
        filled = [cart for cart in self.carts.values() if cart.last_at > self.ordered_until and not cart.is_empty]
        return max(filled, key=lambda cart: cart.last_at, default=None)

    def session_at(self, at: int) -> Session | None:
        """The session an instant belongs to."""
        for stretch in reversed(self.stretches):
            if stretch.start_at <= at:
                return stretch.session_at(at) if at <= stretch.end_at else None
        return None

    def sessions(self) -> Iterator[Session]:
        """All sessions that are kept, oldest first."""
        for stretch in self.stretches:
            yield from stretch.sessions()

    def views_between(self, start_at: int, end_at: int) -> list[View]:
        """Product views of a span, both ends included, oldest first."""
        return [view for view in self.views if start_at <= view[0] <= end_at]

    def orders_by_time(self) -> list[tuple[str, Order]]:
        """Orders, oldest first."""
        return sorted(self.orders.items(), key=lambda pair: (pair[1].completed_at, pair[0]))

    def bought_since(self, product_id: str, since: int) -> bool:
        """Whether the product was ordered at or after an instant."""
        return any(order.last_at >= since and product_id in order.product_ids() for order in self.orders.values())

    def last_of(self, name: str) -> int:
        """The instant of the newest event of a name, 0 for never."""
        if name == EventName.ORDER_COMPLETED:
            return self.ordered_until
        if name == EventName.PRODUCT_ADDED:
            return self.added_until
        if name == EventName.CHECKOUT_STARTED:
            return self.checkout_until
        if name == EventName.PRODUCT_VIEWED:
            return self.views[-1][0] if self.views else 0
        return self.others[name][-1][0] if name in self.others else 0

    def trait(self, name: str) -> Any:
        """The newest value of a trait, or None."""
        kept = self.traits.get(name)
        return None if kept is None else kept[2]

    @property
    def last_seen_at(self) -> datetime | None:
        """When the profile was last active."""
        return moment(self.last_at) if self.last_at else None

    # ---- JSON ----------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists for a JSON column; empty parts are left out."""
        packed: dict[str, Any] = {
            "marks": [self.first_at, self.last_at, self.known_at, self.history_until, self.added_until,
                      self.checkout_until, self.ordered_until, self.last_order_id],
            "carts": {cart_id: cart.to_json() for cart_id, cart in self.carts.items()},
            "stretches": [stretch.to_json() for stretch in self.stretches],
            "views": self.views,
            "orders": {order_id: order.to_json() for order_id, order in self.orders.items()},
            "reversals": self.reversals,
            "offers": self.offers,
            "others": self.others,
            "traits": self.traits,
            "merged": self.merged_ids,
        }  # fmt: skip
        return {name: part for name, part in packed.items() if part}

    @classmethod
    def from_json(cls, packed: Mapping[str, Any] | None) -> ProfileState:
        """The state a JSON column holds; nothing stored is an empty state."""
        state = cls()
        if not packed:
            return state
        (state.first_at, state.last_at, state.known_at, state.history_until, state.added_until,
         state.checkout_until, state.ordered_until, state.last_order_id) = packed["marks"]  # fmt: skip
        get = packed.get
        state.carts = {cart_id: Cart.from_json(cart) for cart_id, cart in get("carts", {}).items()}
        state.stretches = [Stretch.from_json(stretch) for stretch in get("stretches", ())]
        state.views = [(view[0], view[1], view[2]) for view in get("views", ())]
        state.orders = {order_id: Order.from_json(order) for order_id, order in get("orders", {}).items()}
        state.reversals = {order_id: (one[0], one[1]) for order_id, one in get("reversals", {}).items()}
        state.offers = [(one[0], one[1], one[2], one[3], one[4], one[5]) for one in get("offers", ()) if len(one) == 6]
        state.others = {name: [(one[0], one[1], one[2]) for one in kept] for name, kept in get("others", {}).items()}
        state.traits = {name: (one[0], one[1], one[2]) for name, one in get("traits", {}).items()}
        state.merged_ids = list(get("merged", ()))
        return state


def tie_of(event: Event) -> int:
    """Orders events of one instant the same way whenever they arrive."""
    return crc32(event.message_id.encode("utf-8", "surrogatepass"))


def fold(state: ProfileState, event: Event, at: int, *, is_history: bool = False) -> bool:
    """Takes one event into the state, in place. Returns whether earlier sessions were reshaped.

    `is_history` marks an event that arrived too late to start anything."""
    if is_history and at > state.history_until:
        state.history_until = at
    name = event.name
    if name not in CATALOG_EVENTS:  # a new price is no sign of life
        state.last_at = max(state.last_at, at)
        if not state.first_at or at < state.first_at:
            state.first_at = at
    reshaped = False
    if name not in NOT_A_VISIT:
        reshaped = extend(state.stretches, at, event.visit, MAX_STRETCHES)
    if event.traits or event.email:
        _fold_person(state, event, at)
    if name == EventName.PRODUCT_VIEWED:
        if event.lines:  # a view is of one product, the first that is named
            insert_newest(state.views, (at, event.lines[0].product_id, tie_of(event)), MAX_VIEWS)
    elif name in CART_EVENTS:
        _fold_cart(state, event, at)
    elif name == EventName.ORDER_COMPLETED:
        _fold_order(state, event, at)
    elif name in (EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED):
        _fold_reversal(state, event, at)
    elif name in CATALOG_EVENTS:
        insert_newest(state.offers, offer_of(event, at), MAX_OFFERS)
    elif name not in WELL_KNOWN:
        _fold_other(state, event, at)
    return reshaped


def cover_by_order(state: ProfileState, order_id: str, at: int) -> None:
    """An order of this instant, by this profile or by another with the same cart or address, empties the carts."""
    if (at, order_id) <= (state.ordered_until, state.last_order_id):
        return
    state.ordered_until, state.last_order_id = at, order_id
    for cart in state.carts.values():
        cart.forget_until(at)


def order_id_of(event: Event) -> str:
    """The order's id; an order without one is known by its message."""
    return event.order_id or f"message-{event.message_id}"


def _fold_other(state: ProfileState, event: Event, at: int) -> None:
    kept = state.others.setdefault(event.name, [])
    insert_newest(kept, (at, tie_of(event), event.lines[0].product_id if event.lines else ""), MAX_OTHERS)
    if len(state.others) > MAX_OTHER_NAMES:
        del state.others[min(state.others, key=lambda name: (state.others[name][-1], name))]


def _fold_cart(state: ProfileState, event: Event, at: int) -> None:
    if event.name == EventName.CHECKOUT_STARTED:
        state.checkout_until = max(state.checkout_until, at)
    elif event.name == EventName.PRODUCT_ADDED or (event.name == EventName.CART_UPDATED and event.lines):
        state.added_until = max(state.added_until, at)
    cart_id = event.cart_id or IMPLICIT
    cart = state.carts.get(cart_id)
    if cart is None:
        cart = state.carts[cart_id] = Cart()
    cart.fold(event, at, tie_of(event), state.ordered_until)
    if len(state.carts) > MAX_CARTS:
        del state.carts[min(state.carts, key=lambda one: (state.carts[one].last_at, one))]


def _fold_order(state: ProfileState, event: Event, at: int) -> None:
    order_id = order_id_of(event)
    order = state.orders.get(order_id)
    if order is None:
        order = state.orders[order_id] = Order(at)
    order.fold(event, at, tie_of(event))
    if len(state.orders) > MAX_ORDERS:
        del state.orders[min(state.orders, key=lambda one: (state.orders[one].last_at, one))]
    cover_by_order(state, order_id, at)


def _fold_reversal(state: ProfileState, event: Event, at: int) -> None:
    if event.order_id is None:
        return
    what = "refunded" if event.name == EventName.ORDER_REFUNDED else "cancelled"
    state.reversals[event.order_id] = min(state.reversals.get(event.order_id, (at, what)), (at, what))
    if len(state.reversals) > MAX_ORDERS:
        del state.reversals[min(state.reversals, key=lambda one: (state.reversals[one], one))]


def _fold_person(state: ProfileState, event: Event, at: int) -> None:
    if (event.email or event.traits.get("email")) and (not state.known_at or at < state.known_at):
        state.known_at = at
    if not event.traits:
        return
    tie = tie_of(event)
    for name, value in event.traits.items():
        kept = state.traits.get(name)
        if kept is None or kept[:2] < (at, tie):
            state.traits[name] = (at, tie, value)
    while len(state.traits) > MAX_TRAITS:
        del state.traits[min(state.traits, key=lambda one: (state.traits[one][:2], one))]
