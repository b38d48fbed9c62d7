"""The subject of one mail: the profile, and the cart, order or session the mail is about, as the state knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from campaigns.domain.campaign import Campaign, Step, Variant
from campaigns.domain.coupon import Coupon
from triggers.cart import Cart
from triggers.events import Line
from triggers.instants import from_stamp, micros
from triggers.order import Order
from triggers.session import Session
from triggers.state import ProfileState

if TYPE_CHECKING:
    from campaigns.storage.profiles import ProfileRow

SUBJECT_SLOT: Final = "products"
"""The slot that shows what a mail is about, in campaigns that are about one product: a price drop, a restock."""

_RECENT_VIEWS = 12
_SIGNALS = 30


@dataclass(frozen=True, slots=True)
class View:
    """A product looked at, newest first in lists; `at` in microseconds."""

    product_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything about one mail that is known before products are chosen, and the coupon it carries."""

    row: ProfileRow
    state: ProfileState
    campaign: Campaign
    step: Step
    step_number: int
    variant: Variant | None
    message_ref: str
    at: datetime
    context: Mapping[str, Any]
    coupon: Coupon | None = None

    @property
    def template(self) -> str:
        return self.step.template_for(self.variant)

    @property
    def cart(self) -> Cart | None:
        """The cart the mail is about, else the one touched last that still holds something."""
        named = self.state.carts.get(str(self.context["cart"])) if "cart" in self.context else None
        return named if named is not None and not named.is_empty else self.state.current_cart()

    @property
    def cart_id(self) -> str:
        """The id the shop knows that cart by; empty where it named none."""
        cart = self.cart
        return next((cart_id for cart_id, one in self.state.carts.items() if one is cart), "")

    @property
    def order(self) -> tuple[str, Order] | None:
        """The order the mail is about, else the last one."""
        order_id = str(self.context.get("order") or self.state.last_order_id)
        found = self.state.orders.get(order_id)
        return (order_id, found) if found else None

    @property
    def session(self) -> Session | None:
        """The session the mail is about, else the one of the last activity."""
        at = from_stamp(str(self.context["session"])) if "session" in self.context else None
        found = self.state.session_at(at) if at is not None else None
        return found or self.state.session_at(self.state.last_at)

    def cart_lines(self) -> list[Line]:
        return self.cart.lines() if self.cart else []

    def order_lines(self) -> list[Line]:
        return self.order[1].lines() if self.order else []

    def viewed(self) -> list[View]:
        """Products of the session, each once, newest first; without a session the last ones at all."""
        session = self.session
        views = self.state.views
        if session is not None and (own := self.state.views_between(session.start_at, session.end_at)):
            views = own
        return _newest_once(views)[:_RECENT_VIEWS]

    def recent(self) -> list[View]:
        """Products looked at lately, whatever the session, each once, newest first."""
        now = micros(self.at)
        return [view for view in _newest_once(self.state.views) if view.at <= now][:_SIGNALS]

    def product_ids(self) -> set[str]:
        """Every product the mail or the choice of products is about."""
        shown = {line.product_id for line in (*self.cart_lines(), *self.order_lines())}
        return shown | {view.product_id for view in (*self.viewed(), *self.recent())}


def _newest_once(views: Sequence[tuple[int, str, int]]) -> list[View]:
    newest: dict[str, View] = {}
    for at, product_id, _ in reversed(views):
        newest.setdefault(product_id, View(product_id, at))
    return list(newest.values())
