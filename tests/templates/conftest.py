"""Shoppers with all there is and with holes, as render contexts for the shipped emails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.domain.product import Product
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.rendering.context import (
    RenderContext,
    cart_context,
    line_context,
    order_context,
    product_context,
    profile_context,
    render_context,
    shop_context,
    slot_item,
)

ContextMaker = Callable[..., RenderContext]

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
POSTAL_ADDRESS = "12 Orchard Lane, Bristol BS1 4QD, United Kingdom"
TITLES = [
    "Hearth stoneware mug",
    "Linen table lamp",
    "Rosa lounge chair",
    "Dune vase with long neck",
    "Fisherman wool blanket",
    "Field day pack, 18 litres",
    "Evening candle, fig & cedar",
    'Fan palm in a 12" pot',
]
LONG = " in hand-thrown stoneware with a reactive glaze Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 2


def products(*, images: bool, prices: bool, long: bool, links: bool) -> list[Product]:
    """A small catalog; every third product is reduced."""
    shelf = [
        Product(
            product_id=f"p{number}",
            title=title,
            url=f"https://alderash.example/p/{number}",
            image_url=f"https://img.alderash.example/{number}.jpg",
            category="Home",
            price_minor=2_400 + 1_300 * number,
            list_price_minor=9_900 + 1_300 * number if number % 3 == 0 else None,
            currency="GBP",
        )
        for number, title in enumerate(TITLES)
    ]
    if not images:
        shelf = [replace(each, image_url="") for each in shelf]
    if not prices:
        shelf = [replace(each, price_minor=None, list_price_minor=None) for each in shelf]
    if long:
        shelf = [replace(each, title=each.title + LONG) for each in shelf]
    return shelf if links else [replace(each, url="") for each in shelf]


def make_context(
    *,
    first_name: str = "Anna",
    locale: str = "en_GB",
    lines: int = 3,
    recommended: int = 4,
    viewed: int = 2,
    images: bool = True,
    prices: bool = True,
    long: bool = False,
    links: bool = True,
    coupon: bool = True,
    dressed: bool = True,
    session: bool = True,
    brand: dict[str, Any] | None = None,
) -> RenderContext:
    """One shopper. Zero `recommended` or `viewed` leaves the slot out; undressed is a shop of name and address only."""
    shelf = products(images=images, prices=prices, long=long, links=links)
    taken = [line_context(shelf[n % 8], quantity=2 if n == 0 else 1, variant="Moss" * (n % 2)) for n in range(lines)]
    slots: dict[str, Any] = {}
    if recommended:
        items = [slot_item(shelf[(n + 3) % 8], reason=f"Often bought with {TITLES[0]}") for n in range(recommended)]
        slots["recommendations"] = {"title": "", "items": items}
    if viewed:
        items = [slot_item(shelf[(n + 1) % 8]) for n in range(viewed)]
        slots["viewed"] = slots["products"] = {"title": "", "items": items}
    return render_context(
        shop=_shop(dressed, brand),
        profile=profile_context(
            profile_id="p-1", email="anna@example.org", first_name=first_name, locale=locale, zone="Europe/London"
        ),
        campaign={"id": "c", "name": "C", "step": 1, "step_name": "first", "variant": "a"},
        now=NOW,
        message_ref="1-1",
        links={
            "unsubscribe": "https://mail.alderash.example/u/1",
            "preferences": "https://mail.alderash.example/p/1",
            "web_version": "https://mail.alderash.example/w/1" if dressed else "",
            "cart": "https://alderash.example/cart/1" if dressed else "",
        },
        cart=cart_context(taken, currency="GBP", url="https://alderash.example/cart"),
        order=order_context("10482", taken, currency="GBP", completed_at=NOW - timedelta(days=14)),
        session={
            "viewed": [product_context(each) for each in shelf[:viewed]],
            "referral_source": "",
            "landing_url": "",
            "top_category": "",
        }
        if session
        else None,
        slots=slots,
        coupon={
            "code": "BACK-7H2K",
            "description": "10 % off your next order",
            "expires_at": NOW + timedelta(days=5),
        }
        if coupon
        else None,
    )


def _shop(dressed: bool, brand: dict[str, Any] | None) -> Any:
    plain: dict[str, Any] = {
        "name": "Alder & Ash",
        "url": "https://alderash.example",
        "postal_address": POSTAL_ADDRESS,
        "currency": "GBP",
        "zone": "Europe/London",
        "locale": "en_GB",
        "brand": brand,
    }
    extras = {
        "logo_url": "https://img.alderash.example/logo.png",
        "support_email": "hello@alderash.example",
        "social": [
            {"name": "instagram", "url": "https://instagram.example/alderash"},
            {"name": "tiktok", "url": "https://tiktok.example/alderash"},
        ],
    }
    return shop_context(**plain, **(extras if dressed else {}))


SHOPPERS: dict[str, dict[str, Any]] = {
    "everything": {},
    "nothing but the trigger": {
        "first_name": "",
        "images": False,
        "recommended": 0,
        "viewed": 0,
        "coupon": False,
        "dressed": False,
        "session": False,
    },
    "no name": {"first_name": ""},
    "no pictures": {"images": False},
    "no slots": {"recommended": 0, "viewed": 0, "session": False},
    "no prices": {"prices": False},
    "no product links": {"links": False},
    "one product": {"lines": 1, "recommended": 1, "viewed": 1},
    "two products": {"lines": 2, "recommended": 2, "viewed": 2},
    "three products": {"lines": 3, "recommended": 3, "viewed": 3},
    "twelve products": {"lines": 12, "recommended": 12, "viewed": 12},
    "a hundred products": {"lines": 100, "recommended": 100, "viewed": 100},
    "long words": {"long": True, "first_name": "Maximiliana-Theodora Konstantinopoulou"},
    "markup in a name": {"first_name": '<b>Anna</b> & "Co" 🎁'},
    "reads right to left": {"locale": "ar", "recommended": 3},
}


@pytest.fixture
def context() -> ContextMaker:
    return make_context


@pytest.fixture(scope="session")
def store() -> TemplateStore:
    return TemplateStore([shipped_templates()])


@pytest.fixture
def shoppers() -> dict[str, dict[str, Any]]:
    return SHOPPERS
