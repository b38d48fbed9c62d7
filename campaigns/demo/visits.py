"""One shopper's visits: pages looked at, baskets filled and left, orders placed, told as events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.demo.chance import Chance
from campaigns.demo.shelves import Shelves
from campaigns.demo.shop import DemoShop
from campaigns.demo.shoppers import SOURCES, Shopper
from campaigns.domain.product import Product
from triggers.events import Event, EventName, Line, Visit

STOREFRONT: Final = "storefront"
BACK_OFFICE: Final = "back-office"

GLANCE_SHARE, BROWSE_SHARE = 0.29, 0.42  # what is left of the visits goes shopping
LOGGED_IN_SHARE: Final = 0.68  # of a known shopper's visits on the device used most
LOG_IN_SHARE: Final = 0.4  # of the other visits of known shoppers: they log in on the way
COME_BACK_SHARE: Final = 0.42  # of the visits with a basket waiting: straight to it
FREE_SHIPPING_FROM, SHIPPING = 5000, 490


@dataclass
class Basket:
    """A cart being filled; `number` counts the shopper's carts."""

    cart_id: str
    lines: dict[str, int] = field(default_factory=dict)


class Walk:
    """All visits of one shopper in a row: basket and log-ins live on from visit to visit.

    `label` keeps ids unique between stretches of time told apart (the history, each day). Events come out in the order
    they occurred, each received as it occurred.
    """

    def __init__(self, shop: DemoShop, shelves: Shelves, shopper: Shopper, chance: Chance, label: str) -> None:
        self.events: list[Event] = []
        self._shop, self._shelves, self._shopper, self._chance = shop, shelves, shopper, chance
        self._label = f"{label}-{shopper.number:04d}"
        self._carts = self._orders = self._visits = 0
        self._logged_in: set[str] = set()
        self._basket = self._new_basket()
        self._user_id: str | None = None
        self._base: Event
        self._at: datetime

    def visit(self, start: datetime) -> None:
        """One session that begins at `start`."""
        self._arrive(start)
        if self._basket.lines and self._chance.happens(COME_BACK_SHARE):
            self._back_to_basket()
            return
        share = self._chance.fraction()
        if share < GLANCE_SHARE:
            self._browse(self._chance.whole(1, 2))
        elif share < GLANCE_SHARE + BROWSE_SHARE:
            self._browse(self._chance.whole(3, 11))
        else:
            self._go_shopping()

    def _arrive(self, start: datetime) -> None:
        shopper, chance = self._shopper, self._chance
        self._at = start
        self._visits += 1
        device, anonymous_id = shopper.devices[0 if chance.happens(0.75) else -1]
        self._user_id = self._recognised(anonymous_id)
        self._base = Event(
            source=STOREFRONT,
            message_id="",
            name="",
            occurred_at=start,
            received_at=start,
            anonymous_id=anonymous_id,
            currency=self._shop.currency,
            session_id=f"{self._label}-s{self._visits}",
            visit=self._came_from(device),
        )
        if chance.happens(0.55):
            self._tell(EventName.PAGE_VIEWED, properties={"path": "/"})

    def _recognised(self, anonymous_id: str) -> str | None:
        shopper = self._shopper
        if anonymous_id in self._logged_in:
            return shopper.user_id
        main_device = anonymous_id == shopper.devices[0][1]
        if shopper.known and main_device and self._chance.happens(LOGGED_IN_SHARE):
            self._logged_in.add(anonymous_id)
            return shopper.user_id
        return None

    def _came_from(self, device: str) -> Visit:
        source = self._chance.draw(self._shopper.sources)
        medium, referrer, _ = SOURCES[source]
        tagged = medium in ("email", "cpc", "social")
        campaign = {"email": "spring-letter", "cpc": "brand"}.get(medium or "")
        return Visit(
            referrer=referrer,
            source=source if tagged else None,
            medium=medium if tagged else None,
            campaign=campaign,
            landing_url=f"{self._shop.url}/",
            device=device,
        )

    def _browse(self, views: int) -> Product:
        department = self._chance.draw(self._shopper.tastes)
        if self._chance.happens(0.3):
            self._tell(EventName.PRODUCT_LIST_VIEWED, properties={"category": department})
        product = self._look(self._shelves.first(department, self._shopper.band, self._chance, self._at))
        for _ in range(views - 1):
            self._maybe_log_in(0.08)
            product = self._look(self._next(product))
        return product

    def _next(self, product: Product) -> Product:
        if self._chance.happens(0.12):
            department = self._chance.draw(self._shopper.tastes)
            return self._shelves.first(department, self._shopper.band, self._chance, self._at)
        if self._chance.happens(0.05):
            self._tell(EventName.PRODUCTS_SEARCHED, properties={"query": product.attributes["kind"]})
        return self._shelves.following(product, self._chance, self._at)

    def _look(self, product: Product) -> Product:
        self._tell(EventName.PRODUCT_VIEWED, (self._shelves.lines[product.product_id],))
        return product

    def _go_shopping(self) -> None:
        chance = self._chance
        product = self._browse(chance.whole(1, 4))
        for _ in range(chance.whole(1, 4)):
            added = self._add(product)
            if added and chance.happens(0.45):
                product = self._look(self._shelves.companion(product, chance, self._at))
            else:
                product = self._look(self._next(product))
        self._change_mind()
        self._maybe_log_in(0.3)
        if self._basket.lines and chance.happens(0.5):
            self._tell(EventName.CART_VIEWED, self._cart_lines())
        if self._basket.lines and chance.happens(0.42 * self._shopper.eager):
            self._check_out(0.62)

    def _back_to_basket(self) -> None:
        self._tell(EventName.CART_VIEWED, self._cart_lines())
        self._change_mind()
        if self._basket.lines and self._chance.happens(0.6):
            self._check_out(0.75)

    def _add(self, product: Product) -> bool:
        lines = self._basket.lines
        if not product.in_stock or product.product_id in lines or not self._chance.happens(0.62):
            return False
        quantity = self._chance.whole(2, 4) if self._chance.happens(0.14) else 1
        lines[product.product_id] = quantity
        self._tell(EventName.PRODUCT_ADDED, (self._line(product.product_id, quantity),))
        return True

    def _change_mind(self) -> None:
        """Some things go back on the shelf; now and then the whole basket."""
        share = 1.0 if self._chance.happens(0.05) else 0.1
        for product_id in [product_id for product_id in self._basket.lines if self._chance.happens(share)]:
            quantity = self._basket.lines.pop(product_id)
            self._tell(EventName.PRODUCT_REMOVED, (self._line(product_id, quantity),))

    def _check_out(self, completes: float) -> None:
        checkout_id = self._basket.cart_id.replace("cart", "checkout")
        self._tell(EventName.CHECKOUT_STARTED, self._cart_lines(), checkout_id=checkout_id)
        if self._user_id is None and self._chance.happens(0.85):
            self._identify()
        if self._chance.happens(completes):
            if self._user_id is None:
                self._identify()
            self._order(checkout_id)

    def _order(self, checkout_id: str) -> None:
        lines = self._cart_lines()
        goods = sum((line.price_minor or 0) * line.quantity for line in lines)
        shipping = 0 if goods >= FREE_SHIPPING_FROM else SHIPPING
        self._orders += 1
        order_id = f"FK-{self._label}{self._orders}"
        self._tell(
            EventName.ORDER_COMPLETED,
            lines,
            checkout_id=checkout_id,
            order_id=order_id,
            total_minor=goods + shipping,
            email=self._shopper.email,
            properties={"shipping_minor": shipping},
        )
        self._basket = self._new_basket()
        if self._chance.happens(0.025):
            self._cancel(order_id)

    def _cancel(self, order_id: str) -> None:
        """The shop calls an order off a while later; nobody's browser is involved."""
        at = self._at + timedelta(seconds=self._chance.whole(900, 7200))
        cancelled = replace(
            self.events[-1],
            source=BACK_OFFICE,
            message_id=f"{order_id}-cancelled",
            name=EventName.ORDER_CANCELLED,
            occurred_at=at,
            received_at=at,
            anonymous_id=None,
            session_id=None,
            visit=None,
        )
        self.events.append(cancelled)

    def _maybe_log_in(self, probability: float) -> None:
        if self._user_id is None and self._shopper.known and self._chance.happens(probability * LOG_IN_SHARE):
            self._identify()

    def _identify(self) -> None:
        """From here on the shop knows who this is; what came before on this device joins the profile."""
        shopper = self._shopper
        self._user_id = shopper.user_id
        if self._base.anonymous_id is not None:
            self._logged_in.add(self._base.anonymous_id)
        traits: dict[str, Any] = {
            "email": shopper.email,
            "first_name": shopper.first_name,
            "last_name": shopper.last_name,
            "locale": shopper.locale,
            "timezone": shopper.zone,
        }
        if not shopper.known:
            traits["marketing_consent"] = self._chance.happens(0.7)
        self._tell(EventName.IDENTIFIED, email=shopper.email, traits=traits)

    def _new_basket(self) -> Basket:
        self._carts += 1
        return Basket(cart_id=f"{self._label}-cart{self._carts}")

    def _line(self, product_id: str, quantity: int) -> Line:
        line = self._shelves.lines[product_id]
        return line if quantity == 1 else replace(line, quantity=quantity)

    def _cart_lines(self) -> tuple[Line, ...]:
        return tuple(self._line(product_id, quantity) for product_id, quantity in self._basket.lines.items())

    def _tell(
        self,
        name: str,
        lines: tuple[Line, ...] = (),
        *,
        properties: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self._at += timedelta(seconds=min(int(self._chance.around(28, 0.8)) + 2, 900))
        self.events.append(
            replace(
                self._base,
                message_id=f"{self._label}-{len(self.events) + 1}",
                name=name,
                occurred_at=self._at,
                received_at=self._at,
                user_id=self._user_id,
                lines=lines,
                cart_id=self._basket.cart_id if name in _OF_A_CART else None,
                properties=properties or {},
                **more,
            )
        )


_OF_A_CART: Final = frozenset(
    {
        EventName.PRODUCT_ADDED,
        EventName.PRODUCT_REMOVED,
        EventName.CART_VIEWED,
        EventName.CHECKOUT_STARTED,
        EventName.ORDER_COMPLETED,
    }
)
