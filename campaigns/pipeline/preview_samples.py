"""Products to show where a shop's own cannot be had: the demo shop's, with pictures that need no network."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from campaigns.config import Settings, Workspace
from campaigns.demo.catalog import catalog
from campaigns.demo.shop import DemoShop
from campaigns.domain.product import Product

COUNT: Final = 12
SAMPLE_PICTURES: Final = "https://samples.rekindle.example/pictures"
_PICTURE = re.compile(re.escape(SAMPLE_PICTURES) + r"/([A-Za-z0-9-]+\.png)")
_STEP = 43  # through the demo's catalog, so that neighbours are of different shelves


def sample_products(shop_url: str, currency: str) -> tuple[Product, ...]:
    """Twelve made-up products, as if this shop sold them."""
    return tuple(
        replace(product, url=f"{shop_url}/products/{product.product_id}", currency=currency) for product in _samples()
    )


def unpictured_samples(shop_url: str, currency: str) -> tuple[Product, ...]:
    """The same without pictures, for mails that leave this machine: the pictures exist in previews alone."""
    return tuple(replace(product, image_url="") for product in sample_products(shop_url, currency))


def sample_picture(name: str) -> bytes | None:
    """The PNG of a sample by its file name; None for any other name."""
    product = next((each for each in _samples() if name == f"{each.product_id}.png"), None)
    return _drawn(product.product_id) if product else None


def with_sample_pictures(html: str, address: Callable[[str], str] | None = None) -> str:
    """The mail with the samples' pictures inside it, or under the `address` given for a file name."""
    return _PICTURE.sub(lambda found: (address or _inlined)(found[1]), html)


def may_have_products(workspace: Workspace, settings: Settings) -> bool:
    """Whether it is worth asking for the shop's own: a database is named, or the embedded one seems to run."""
    return settings.database_url is not None or (workspace.state / "servers/postgres/postmaster.pid").exists()


def replaced(value: Any, products: Mapping[str, Product]) -> Any:
    """A persona's data with its placeholder products made these; sums are worked out anew."""
    if isinstance(value, dict):
        found = copy(value)  # keeps what kind of mapping it is: slots answer to any name
        found.update({name: replaced(part, products) for name, part in value.items()})
        if found.get("product_id") in products and "title" in found:
            found.update(_facts(found, products[found["product_id"]]))
        if "lines" in found and "total_minor" in found:
            found["total_minor"] = sum(line["line_total_minor"] or 0 for line in found["lines"])
        return found
    return [replaced(part, products) for part in value] if isinstance(value, list) else value


def _facts(shown: Mapping[str, Any], product: Product) -> dict[str, Any]:
    facts: dict[str, Any] = {
        name: getattr(product, name)
        for name in ("product_id", "title", "url", "category", "brand", "price_minor", "list_price_minor", "currency")
    }
    if shown.get("image_url"):  # a persona without pictures keeps none
        facts["image_url"] = product.image_url
    if "line_total_minor" in shown and product.price_minor is not None:
        facts["line_total_minor"] = product.price_minor * int(shown.get("quantity") or 1)
    return facts


@lru_cache(maxsize=1)
def _samples() -> tuple[Product, ...]:
    found = catalog(DemoShop(picture_url=SAMPLE_PICTURES))
    return tuple(found[_STEP // 2 :: _STEP][:COUNT])


@lru_cache(maxsize=COUNT)
def _drawn(product_id: str) -> bytes:
    from campaigns.demo.pictures import draw

    shop = DemoShop(picture_url=SAMPLE_PICTURES)
    return draw(shop.seed, next(each for each in _samples() if each.product_id == product_id))


def _inlined(name: str) -> str:
    picture = sample_picture(name)
    return f"data:image/png;base64,{b64encode(picture).decode()}" if picture else f"{SAMPLE_PICTURES}/{name}"
