"""Made-up shoppers to render every template for: one with everything, and those with the holes that break mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from campaigns.domain.product import Product
from campaigns.rendering.context import (
    ProfileContext,
    RenderContext,
    ShopContext,
    SlotContext,
    cart_context,
    line_context,
    order_context,
    product_context,
    profile_context,
    render_context,
    shop_context,
    slot_item,
)

_NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
_TITLES = ("Oak chair", "Linen cushion", "Reading lamp", "Wool throw", "Stoneware cup", "Cast-iron pan")
OPTIONAL_PARTS = ("cart", "order", "session", "coupon")

RECOMMENDED: Final = 4
"""How many products a slot of a shopper with everything has; a persona with fewer is about having few."""


class AnySlot(dict[str, SlotContext]):
    """Slots under whatever name a template asks for."""

    def __missing__(self, key: str) -> SlotContext:
        return self["recommendations"]


class NoSlot(AnySlot):
    """Folded slots: a heading and no products."""

    def __missing__(self, key: str) -> SlotContext:
        return {"title": "You may like", "items": []}


def sample_shop() -> ShopContext:
    """A shop for templates without one."""
    return shop_context(
        name="Nordsee",
        url="https://nordsee.example",
        logo_url="https://nordsee.example/logo.png",
        postal_address="Am Hafen 1, 20457 Hamburg",
        support_email="help@nordsee.example",
        social=[{"name": "instagram", "url": "https://instagram.com/nordsee"}],
    )


def sample_products(count: int) -> list[Product]:
    """Products with all a card can show."""
    return [
        Product(
            f"p{index}",
            _TITLES[index % len(_TITLES)],
            url=f"https://nordsee.example/products/{index}",
            image_url=f"https://nordsee.example/images/{index}.jpg",
            category="Home",
            brand="Nordsee",
            price_minor=1_900 + 750 * index,
            list_price_minor=2_900 + 750 * index if index % 2 else None,
        )
        for index in range(count)
    ]


def full_context(
    shop: ShopContext | None = None, *, lines: int = 3, recommended: int = RECOMMENDED, pictures: bool = True
) -> RenderContext:
    """A shopper of whom everything is known; without `pictures`, no product has one."""
    products = sample_products(max(lines, recommended, 1))
    if not pictures:
        products = [replace(product, image_url="") for product in products]
    cart_lines = [line_context(product, quantity=1 + index % 2) for index, product in enumerate(products[:lines])]
    items = [slot_item(product, reason="Goes well with your cart") for product in products[:recommended]]
    base = "https://links.nordsee.example"
    return render_context(
        shop=shop or sample_shop(),
        profile=profile_context(
            profile_id="p-1", email="ada@example.com", first_name="Ada", last_name="Lovelace", locale="en", zone="UTC"
        ),
        campaign={"id": "campaign", "name": "Campaign", "step": 1, "step_name": "first", "variant": "a"},
        now=_NOW,
        message_ref="1-1",
        links={
            "unsubscribe": f"{base}/u/1-1/AAAAAAAAAAAAAAAA",
            "preferences": f"{base}/p/1-1/AAAAAAAAAAAAAAAA",
            "web_version": f"{base}/w/1-1/AAAAAAAAAAAAAAAA",
            "cart": f"{base}/r/1-1/AAAAAAAAAAAAAAAA?u=https%3A%2F%2Fnordsee.example%2Fcart",
        },
        cart=cart_context(cart_lines, currency="EUR", url="https://nordsee.example/cart"),
        order=order_context("1001", cart_lines, currency="EUR", completed_at=_NOW - timedelta(days=2)),
        session={
            "viewed": [product_context(product) for product in products],
            "referral_source": "google",
            "landing_url": "https://nordsee.example",
            "top_category": "Home",
        },
        slots=None,
        coupon={"code": "SPRING-7QK2", "description": "10 % off", "expires_at": _NOW + timedelta(days=6)},
    ) | cast(RenderContext, {"slots": AnySlot(recommendations={"title": "You may like", "items": items})})


def personas(shop: ShopContext | None = None) -> dict[str, RenderContext]:
    """Every persona by name; `everything` comes first."""
    full = full_context(shop)
    return {
        "everything": full,
        "no name": _with(full, profile=_profile(first_name="", last_name="")),
        "one line": _with(full_context(shop, lines=1, recommended=1), coupon=None),
        "two lines": full_context(shop, lines=2, recommended=2),
        "twelve lines": full_context(shop, lines=12),
        "no pictures": full_context(shop, pictures=False),
        "no recommendations": _with(full, slots=NoSlot(recommendations={"title": "", "items": []})),
        "long name": _with(full, profile=_profile(first_name=" ".join(["Wolfeschlegelsteinhausenbergerdorff"] * 3))),
        "emoji": _with(full, profile=_profile(first_name="Zoë 🌸👩‍👧")),
        "right to left": _with(full, profile=_profile(first_name="ليلى", locale="ar", zone="Africa/Cairo")),
        **{f"no {part}": _with(full, **{part: None}) for part in OPTIONAL_PARTS},
    }


def _profile(**changes: Any) -> ProfileContext:
    known = {"profile_id": "p-2", "email": "reader@example.com", "first_name": "Ada", "last_name": "", "locale": "en"}
    return profile_context(**{**known, **changes})


def _with(context: Mapping[str, Any], **changes: Any) -> RenderContext:
    return cast(RenderContext, {**context, **changes})
