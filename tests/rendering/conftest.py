"""A shop, its shoppers and templates written on the spot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from campaigns.domain.product import Product
from campaigns.rendering import (
    EmailTemplate,
    LinkSigner,
    RenderContext,
    TemplateStore,
    Utm,
    cart_context,
    line_context,
    order_context,
    product_context,
    profile_context,
    render_context,
    shop_context,
    slot_item,
)

NOW = datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
SIGNER = LinkSigner(b"a secret of the workspace", "https://links.nordsee.example")


def some_products(count: int) -> list[Product]:
    """Products of which one has no picture and every second one is reduced."""
    return [
        Product(
            f"p{index}",
            f"Oak & linen chair <{index}>",
            url=f"https://nordsee.example/p/{index}?a=1&b=2",
            image_url="" if index == 3 else f"https://nordsee.example/i/{index}.png",
            category="Chairs",
            brand="Oak",
            price_minor=1999 + index * 731,
            list_price_minor=2999 + index * 731 if index % 2 else None,
        )
        for index in range(count)
    ]


def make_context(lines: int = 3, recommended: int = 4, **changes: Any) -> RenderContext:
    """A whole context; keyword arguments replace its parts."""
    products = some_products(max(lines, recommended))
    items = [
        slot_item(product, reason="Goes well with it", source="knn", rung="1") for product in products[:recommended]
    ]
    parts: dict[str, Any] = {
        "shop": shop_context(
            name="Nordsee & Co",
            url="https://nordsee.example",
            logo_url="https://nordsee.example/logo.png",
            postal_address="Hafen 1, 20457 Hamburg",
            support_email="help@nordsee.example",
            social=[{"name": "instagram", "url": "https://instagram.com/nordsee"}],
        ),
        "profile": profile_context(
            profile_id="1",
            email="ann@x.example",
            first_name="Ann",
            last_name="O'Hara",
            locale="en-GB",
            zone="Europe/London",
        ),
        "campaign": {"id": "abandoned_cart", "name": "Cart", "step": 1, "step_name": "first", "variant": "a"},
        "now": NOW,
        "message_ref": "1234-1",
        "links": {
            "unsubscribe": SIGNER.unsubscribe("1234-1"),
            "preferences": SIGNER.preferences("1234-1"),
            "web_version": SIGNER.web_version("1234-1"),
            "cart": SIGNER.cart("https://nordsee.example/cart", "1234-1"),
        },
        "cart": cart_context(
            [line_context(product, quantity=1 + index % 3) for index, product in enumerate(products[:lines])],
            currency="EUR",
            url="https://nordsee.example/cart",
        ),
        "order": order_context(
            "o-1", [line_context(product) for product in products[:lines]], currency="EUR", completed_at=NOW
        ),
        "session": {
            "viewed": [product_context(product) for product in products],
            "referral_source": "google",
            "landing_url": "https://nordsee.example",
            "top_category": "Chairs",
        },
        "slots": {
            name: {"title": "You may like", "items": items} for name in ("recommendations", "similar", "popular")
        },
        "coupon": {"code": "AB-12", "description": "10 % off", "expires_at": datetime(2026, 3, 20, tzinfo=UTC)},
    }
    return render_context(**{**parts, **changes})


@pytest.fixture
def context() -> RenderContext:
    return make_context()


@pytest.fixture
def context_with() -> Callable[..., RenderContext]:
    return make_context


@pytest.fixture
def signer() -> LinkSigner:
    return SIGNER


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., EmailTemplate]:
    """Writes a template called `mail` (and files beside it) and opens it."""

    def written(
        body: str, *, files: dict[str, str] | None = None, tracked: bool = False, **parts: str
    ) -> EmailTemplate:
        folder = tmp_path / "mail"
        folder.mkdir(exist_ok=True)
        texts = {"subject": "s", "preheader": "p", "text": "t", **parts}
        (folder / "subject.txt").write_text(texts["subject"])
        (folder / "preheader.txt").write_text(texts["preheader"])
        (folder / "body.txt").write_text(texts["text"])
        (folder / "body.mjml").write_text(body)
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        links = {"links": SIGNER, "utm": Utm()} if tracked else {}
        return TemplateStore([tmp_path], **links).get("mail")

    return written


@pytest.fixture
def in_text(write: Callable[..., EmailTemplate]) -> Callable[[str], EmailTemplate]:
    """A template whose only text is the given source."""

    def written(source: str) -> EmailTemplate:
        return write(
            f"<mjml><mj-body><mj-section><mj-column><mj-text>{source}</mj-text></mj-column></mj-section></mj-body></mjml>"
        )

    return written
