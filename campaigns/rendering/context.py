"""The render context: everything a template may speak of, as plain data.

Only dict, list, str, int, float, bool, None, date and datetime ever reach a template; the sandbox refuses anything
else. Money is integer minor units beside a currency code; times are aware datetimes. Build contexts with the
functions here: they fill every key, so a template never meets a missing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from campaigns.domain.product import Product
from campaigns.rendering.brand import Brand, brand_context
from campaigns.rendering.plain_data import plain_address, plain_words


class SocialLink(TypedDict):
    """One social network: `name` as MJML knows it (`instagram`), `url` of the shop's page there."""

    name: str
    url: str


class ShopContext(TypedDict):
    """The shop that sends. `zone` (IANA), `locale` and `currency` are the fallbacks for a profile without its own."""

    id: str
    name: str
    url: str
    logo_url: str
    postal_address: str
    support_email: str
    currency: str
    zone: str
    locale: str
    brand: Brand
    social: list[SocialLink]


class ProfileContext(TypedDict):
    """The shopper. Names may be empty; `traits` is whatever the shop sent: a missing trait is None, not an error."""

    profile_id: str
    email: str
    first_name: str
    last_name: str
    locale: str
    zone: str
    known: bool
    traits: dict[str, Any]


class CampaignContext(TypedDict):
    """Which mail this is: `step` counts from 1, `variant` is the drawn version."""

    id: str
    name: str
    step: int
    step_name: str
    variant: str


class ProductContext(TypedDict):
    """A product as shown. Prices in minor units or None; `list_price_minor` is the price before a reduction."""

    product_id: str
    title: str
    url: str
    image_url: str
    category: str
    brand: str
    price_minor: int | None
    list_price_minor: int | None
    currency: str
    in_stock: bool


class LineContext(TypedDict):
    """One line of a cart or an order; `line_total_minor` is quantity times price, None where the price is unknown."""

    product_id: str
    title: str
    url: str
    image_url: str
    variant: str
    quantity: int
    price_minor: int | None
    list_price_minor: int | None
    line_total_minor: int | None
    currency: str
    category: str
    brand: str


class CartContext(TypedDict):
    """What lies in the cart. `count` sums quantities; `url` restores the cart on any device."""

    lines: list[LineContext]
    count: int
    total_minor: int
    currency: str
    url: str


class OrderContext(TypedDict):
    """A completed order."""

    order_id: str
    lines: list[LineContext]
    total_minor: int
    currency: str
    completed_at: datetime


class SessionContext(TypedDict):
    """What was looked at in the session that started this mail, latest first."""

    viewed: list[ProductContext]
    referral_source: str
    landing_url: str
    top_category: str


class SlotItem(ProductContext):
    """A recommended product with the words for "why", and where it came from."""

    reason: str
    source: str
    rung: str


class SlotContext(TypedDict):
    """A recommendation slot: a heading and its products, best first. A folded slot has no items."""

    title: str
    items: list[SlotItem]


class CouponContext(TypedDict):
    """A code reserved for this message."""

    code: str
    description: str
    expires_at: datetime | None


class LinksContext(TypedDict):
    """Links every mail carries; `web_version` and `cart` are empty where there is none."""

    unsubscribe: str
    preferences: str
    web_version: str
    cart: str


class MessageContext(TypedDict):
    """`ref` names the message for signed links: enrollment id and step, like `1234-1`."""

    ref: str


class RenderContext(TypedDict):
    """All a template may use. `cart`, `order`, `session` and `coupon` are None where the campaign has none."""

    shop: ShopContext
    profile: ProfileContext
    campaign: CampaignContext
    cart: CartContext | None
    order: OrderContext | None
    session: SessionContext | None
    slots: dict[str, SlotContext]
    coupon: CouponContext | None
    links: LinksContext
    message: MessageContext
    now: datetime


class MailContext(TypedDict):
    """Added by the renderer: `language` (`de-AT`) and `direction` (`ltr`, `rtl`) of the reader; subject and preheader
    as rendered, for the body only."""

    subject: str
    preheader: str
    language: str
    direction: str


ROOT_NAMES = (*RenderContext.__annotations__, "mail")


class Traits(dict[str, Any]):
    """Free-form data of the shop: a trait nobody sent reads as None."""

    def __missing__(self, key: str) -> None:
        return None


def shop_context(
    *,
    name: str,
    shop_id: str = "shop",
    url: str = "",
    logo_url: str = "",
    postal_address: str = "",
    support_email: str = "",
    currency: str = "EUR",
    zone: str = "UTC",
    locale: str = "en",
    brand: Mapping[str, Any] | None = None,
    social: Sequence[SocialLink] = (),
) -> ShopContext:
    """The shop's part of the context."""
    return {
        "id": shop_id,
        "name": name,
        "url": url,
        "logo_url": logo_url,
        "postal_address": postal_address,
        "support_email": support_email,
        "currency": currency,
        "zone": zone,
        "locale": locale,
        "brand": brand_context(brand),
        "social": list(social),
    }


def profile_context(
    *,
    profile_id: str,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
    locale: str = "",
    zone: str = "",
    known: bool = True,
    traits: Mapping[str, Any] | None = None,
) -> ProfileContext:
    """The shopper's part of the context."""
    return {
        "profile_id": profile_id,
        "email": email,
        "first_name": plain_words(first_name or ""),
        "last_name": plain_words(last_name or ""),
        "locale": locale or "",
        "zone": zone or "",
        "known": known,
        "traits": Traits(traits or {}),
    }


def product_context(product: Product) -> ProductContext:
    """A catalog product as a template sees it."""
    return {
        "product_id": product.product_id,
        "title": plain_words(product.title),
        "url": plain_address(product.url),
        "image_url": plain_address(product.image_url),
        "category": plain_words(product.category),
        "brand": plain_words(product.brand),
        "price_minor": product.price_minor,
        "list_price_minor": product.list_price_minor,
        "currency": product.currency,
        "in_stock": product.in_stock,
    }


def slot_item(product: Product, *, reason: str = "", source: str = "", rung: str = "") -> SlotItem:
    """A recommended product with its reason."""
    return {**product_context(product), "reason": plain_words(reason), "source": source, "rung": rung}


def line_context(
    product: Product, *, quantity: int = 1, price_minor: int | None = None, variant: str = ""
) -> LineContext:
    """A cart or order line; `price_minor` is what the shopper saw, else the catalog's price."""
    price = product.price_minor if price_minor is None else price_minor
    return {
        "product_id": product.product_id,
        "title": plain_words(product.title),
        "url": plain_address(product.url),
        "image_url": plain_address(product.image_url),
        "variant": plain_words(variant),
        "quantity": quantity,
        "price_minor": price,
        "list_price_minor": product.list_price_minor,
        "line_total_minor": None if price is None else price * quantity,
        "currency": product.currency,
        "category": plain_words(product.category),
        "brand": plain_words(product.brand),
    }


def cart_context(lines: Iterable[LineContext], *, currency: str, url: str = "") -> CartContext:
    """The cart with its sums; lines without a price count nothing towards the total."""
    kept = list(lines)
    return {
        "lines": kept,
        "count": sum(line["quantity"] for line in kept),
        "total_minor": sum(line["line_total_minor"] or 0 for line in kept),
        "currency": currency,
        "url": plain_address(url),
    }


def order_context(
    order_id: str,
    lines: Iterable[LineContext],
    *,
    currency: str,
    completed_at: datetime,
    total_minor: int | None = None,
) -> OrderContext:
    """An order; without `total_minor` the lines are summed."""
    kept = list(lines)
    summed = sum(line["line_total_minor"] or 0 for line in kept)
    return {
        "order_id": order_id,
        "lines": kept,
        "total_minor": summed if total_minor is None else total_minor,
        "currency": currency,
        "completed_at": completed_at,
    }


def render_context(
    *,
    shop: ShopContext,
    profile: ProfileContext,
    campaign: CampaignContext,
    now: datetime,
    message_ref: str,
    links: LinksContext,
    cart: CartContext | None = None,
    order: OrderContext | None = None,
    session: SessionContext | None = None,
    slots: Mapping[str, SlotContext] | None = None,
    coupon: CouponContext | None = None,
) -> RenderContext:
    """The whole context of one message."""
    return {
        "shop": shop,
        "profile": profile,
        "campaign": campaign,
        "cart": cart,
        "order": order,
        "session": session,
        "slots": dict(slots or {}),
        "coupon": coupon,
        "links": links,
        "message": {"ref": message_ref},
        "now": now,
    }
