"""The event: an immutable fact about one shopper, in the Segment e-commerce vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final


class EventName:
    """Names of the events that carry meaning here; any other name is kept as history and starts nothing."""

    PRODUCT_VIEWED: Final = "Product Viewed"
    PRODUCT_LIST_VIEWED: Final = "Product List Viewed"
    PRODUCTS_SEARCHED: Final = "Products Searched"
    PRODUCT_ADDED: Final = "Product Added"
    PRODUCT_REMOVED: Final = "Product Removed"
    PRODUCT_WISHLISTED: Final = "Product Added to Wishlist"
    CART_VIEWED: Final = "Cart Viewed"
    CART_UPDATED: Final = "Cart Updated"  # a full snapshot: its lines replace the cart
    CHECKOUT_STARTED: Final = "Checkout Started"
    ORDER_COMPLETED: Final = "Order Completed"
    ORDER_REFUNDED: Final = "Order Refunded"
    ORDER_CANCELLED: Final = "Order Cancelled"
    PAGE_VIEWED: Final = "Page Viewed"  # a `page` or `screen` call
    IDENTIFIED: Final = "Identified"  # an `identify` call: traits, and the link anonymous -> user
    ALIASED: Final = "Aliased"  # an `alias` call: previous_id becomes user_id


@dataclass(frozen=True, slots=True)
class Line:
    """One product in a cart or an order. `price_minor` is the unit price in minor units of the event's currency."""

    product_id: str
    quantity: int = 1
    price_minor: int | None = None
    variant: str | None = None
    title: str | None = None
    category: str | None = None
    brand: str | None = None
    url: str | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a visit came from, as far as the event tells."""

    referrer: str | None = None
    source: str | None = None  # utm_source
    medium: str | None = None  # utm_medium
    campaign: str | None = None  # utm_campaign
    landing_url: str | None = None
    device: str | None = None  # "phone", "tablet", "desktop"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact. Times are aware UTC; `(source, message_id)` is unique for ever; ids are text as the shop sent them."""

    source: str
    message_id: str
    name: str
    occurred_at: datetime
    received_at: datetime
    anonymous_id: str | None = None
    user_id: str | None = None
    previous_id: str | None = None
    email: str | None = None
    lines: tuple[Line, ...] = ()
    cart_id: str | None = None
    checkout_id: str | None = None
    order_id: str | None = None
    total_minor: int | None = None
    currency: str | None = None
    session_id: str | None = None
    visit: Visit | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)  # what is left of the shop's own properties
