"""The catalog of the built-in shop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from campaigns.demo.assortment import COLOURS, Department, Kind
from campaigns.demo.assortment_indoors import BATH, KITCHEN, LIGHTING, TABLE, TEXTILES
from campaigns.demo.assortment_outdoors import GARDEN, OUTDOOR, SOUND, STATIONERY, TOYS
from campaigns.demo.chance import Chance
from campaigns.demo.shop import DemoShop
from campaigns.domain.product import Product

DEPARTMENTS: Final[tuple[Department, ...]] = (
    KITCHEN, TABLE, GARDEN, LIGHTING, TEXTILES, STATIONERY, OUTDOOR, TOYS, SOUND, BATH,
)  # fmt: skip
REDUCED_SHARE: Final = 0.16
OUT_OF_STOCK_SHARE: Final = 0.06
HIDDEN_SHARE: Final = 0.01
BRAND_NEW_SHARE: Final = 0.05


@lru_cache(maxsize=4)
def catalog(shop: DemoShop) -> tuple[Product, ...]:
    """All products of the shop, department by department; about 520. Every product has the attributes `kind`,
    `shape` (its drawing), `colour`, `department` and, where it is used up, `lasts_days`."""
    chance = Chance(shop.seed, "catalog")
    return tuple(_product(shop, place, entry, chance) for place, entry in enumerate(_entries(chance)))


@dataclass(frozen=True, slots=True)
class _Entry:
    department: Department
    kind: Kind
    name: str
    colour: str


def _entries(chance: Chance) -> Iterator[_Entry]:
    for department in DEPARTMENTS:
        for kind in department.kinds:
            colours = chance.some(COLOURS[kind.finish], len(kind.names))
            for place, name in enumerate(kind.names):
                yield _Entry(department, kind, name, colours[place % len(colours)])


def _product(shop: DemoShop, place: int, entry: _Entry, chance: Chance) -> Product:
    product_id = f"FK-{1000 + place}"
    department, name = entry.department, entry.name
    price, list_price = _prices(entry.kind, chance)
    return Product(
        product_id=product_id,
        title=name,
        url=f"{shop.url}/{department.slug}/{_slug(name)}-{product_id.lower()}",
        image_url=f"{shop.picture_url}/{product_id}.png",
        category=department.name,
        brand=chance.pick(department.brands),
        price_minor=price,
        list_price_minor=list_price,
        currency=shop.currency,
        stock=_stock(chance),
        hidden=chance.happens(HIDDEN_SHARE),
        published_at=_published_at(shop, chance),
        attributes=_attributes(entry),
    )


def _attributes(entry: _Entry) -> dict[str, object]:
    kind = entry.kind
    attributes: dict[str, object] = {
        "department": entry.department.slug,
        "kind": kind.noun,
        "shape": kind.shape,
        "colour": entry.colour,
    }
    return attributes if kind.lasts_days is None else {**attributes, "lasts_days": kind.lasts_days}


def _prices(kind: Kind, chance: Chance) -> tuple[int, int | None]:
    """A price and, for reduced products, the price before: both end as prices do."""
    low, high = kind.price
    full = _priced(min(max(chance.around((low * high) ** 0.5, 0.4), low), high), chance)
    if not chance.happens(REDUCED_SHARE):
        return full, None
    reduced = _priced(full / 100 * chance.pick((0.9, 0.85, 0.8, 0.75, 0.7)), chance)
    return (reduced, full) if reduced < full else (full, None)


def _priced(euros: float, chance: Chance) -> int:
    """Whole euros from 40 on, .90 or .95 below, and half euros among the smallest."""
    whole = max(int(euros), 2)
    if whole >= 100:
        return (whole // 5 * 5 + chance.pick((0, 4))) * 100
    if whole >= 40:
        return whole * 100
    return whole * 100 + (chance.pick((50, 90, 95)) if whole < 15 else chance.pick((0, 90, 90, 95)))


def _stock(chance: Chance) -> int:
    if chance.happens(OUT_OF_STOCK_SHARE):
        return 0
    return 1 + int(chance.around(24, 0.9))


def _published_at(shop: DemoShop, chance: Chance) -> datetime:
    """Most of the catalog is months old; a few products came in this week."""
    age_days = chance.real(0.2, 7) if chance.happens(BRAND_NEW_SHARE) else chance.real(20, 900)
    midnight = datetime.combine(shop.day, time(), UTC)
    return (midnight - timedelta(days=age_days)).replace(microsecond=0, second=0)


def _slug(name: str) -> str:
    plain = name.lower().replace("é", "e").replace("'", "").replace("&", "and")
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in plain)
    return "-".join(words.split())
