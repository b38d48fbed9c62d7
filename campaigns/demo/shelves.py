"""How products hang together for a shopper: what is popular, what lies next to what, what is bought together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from math import log
from typing import Final

from campaigns.demo.assortment import Kind
from campaigns.demo.catalog import DEPARTMENTS, catalog
from campaigns.demo.chance import Chance, Lottery
from campaigns.demo.shop import DemoShop
from campaigns.demo.shoppers import Band
from campaigns.domain.product import Product
from triggers.events import Line

BANDS: Final[tuple[Band, ...]] = ("thrifty", "middle", "generous")
# where a shopper looks next, seen from one product
ALIKE, PAIRED, SAME_DEPARTMENT = 8.0, 5.0, 1.0


class Shelves:
    """Drawing of products for shoppers of a shop. Equal shops make equal shelves."""

    def __init__(self, shop: DemoShop) -> None:
        self.products = tuple(product for product in catalog(shop) if not product.hidden)
        self.lines = {product.product_id: _line(product) for product in self.products}
        self._appeal = _appeal(shop, self.products)
        self._first = {
            (department.name, band): self._lottery(self._of(department.name), band)
            for department in DEPARTMENTS
            for band in BANDS
        }
        self._next = {product.product_id: self._neighbours(product) for product in self.products}
        self._paired = {product.product_id: self._companions(product) for product in self.products}

    def first(self, department: str, band: Band, chance: Chance, at: datetime) -> Product:
        """A product to start with in a department: popular ones, in the shopper's price band, first."""
        return _published(self._first[department, band], chance, at)

    def following(self, product: Product, chance: Chance, at: datetime) -> Product:
        """What is looked at after `product`: often its like, often something used with it."""
        return _published(self._next[product.product_id], chance, at)

    def companion(self, product: Product, chance: Chance, at: datetime) -> Product:
        """What is bought along with `product`."""
        return _published(self._paired[product.product_id], chance, at)

    def _of(self, department: str) -> list[Product]:
        return [product for product in self.products if product.category == department]

    def _lottery(self, products: Sequence[Product], band: Band) -> Lottery[Product]:
        return Lottery(products, [self._appeal[item.product_id] * _affordable(item, band) for item in products])

    def _neighbours(self, product: Product) -> Lottery[Product]:
        kind = _KINDS[str(product.attributes["shape"])]
        near: list[Product] = []
        weights: list[float] = []
        for other in self.products:
            weight = _closeness(product, kind, other)
            if weight and other is not product:
                near.append(other)
                weights.append(weight * self._appeal[other.product_id] * _priced_alike(product, other))
        return Lottery(near, weights)

    def _companions(self, product: Product) -> Lottery[Product]:
        pairs = _KINDS[str(product.attributes["shape"])].pairs
        others = [other for other in self.products if other.attributes["shape"] in pairs]
        same_hand = [2.5 if other.brand == product.brand else 1.0 for other in others]
        return Lottery(others, [self._appeal[o.product_id] * hand for o, hand in zip(others, same_hand, strict=True)])


@lru_cache(maxsize=4)
def shelves(shop: DemoShop) -> Shelves:
    """The shelves of a shop, built once."""
    return Shelves(shop)


_KINDS: Final[dict[str, Kind]] = {kind.shape: kind for department in DEPARTMENTS for kind in department.kinds}


def _appeal(shop: DemoShop, products: Sequence[Product]) -> dict[str, float]:
    """How popular each product is: a few lead their kind by far, as in any shop."""
    chance = Chance(shop.seed, "appeal")
    return {
        product.product_id: chance.around(1.0, 1.1) * (1.4 if product.list_price_minor else 1.0) for product in products
    }


def _affordable(product: Product, band: Band) -> float:
    """How a price suits a purse, 1.0 at best: read off the price's place in the usual range of its kind."""
    low, high = _KINDS[str(product.attributes["shape"])].price
    place = (log((product.price_minor or 0) / 100) - log(low)) / (log(high) - log(low))
    wish = {"thrifty": 0.2, "middle": 0.5, "generous": 0.85}[band]
    return max(1.0 - 1.6 * abs(place - wish), 0.08)


def _closeness(product: Product, kind: Kind, other: Product) -> float:
    shape = other.attributes["shape"]
    if shape == kind.shape:
        return ALIKE
    if shape in kind.pairs:
        return PAIRED
    return SAME_DEPARTMENT if other.category == product.category else 0.0


def _priced_alike(product: Product, other: Product) -> float:
    if other.attributes["shape"] != product.attributes["shape"]:
        return 1.0
    return 1.0 / (0.4 + abs(log((other.price_minor or 1) / (product.price_minor or 1))))


def _published(lottery: Lottery[Product], chance: Chance, at: datetime) -> Product:
    """Nobody sees a product before it is published."""
    product = chance.draw(lottery)
    if _is_published(product, at):
        return product
    return next((item for item in lottery.items if _is_published(item, at)), product)


def _is_published(product: Product, at: datetime) -> bool:
    return product.published_at is None or product.published_at <= at


def _line(product: Product) -> Line:
    return Line(
        product_id=product.product_id,
        price_minor=product.price_minor,
        title=product.title,
        category=product.category,
        brand=product.brand,
        url=product.url,
        image_url=product.image_url,
    )
