"""What a shop's system says about one product: only the fields it names change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

from campaigns.domain.product import Product
from campaigns.domain.segment_values import currency_code, identifier, is_given, minor_units, moment, scrub, snake, text

MOST_MINOR: Final = 2**53
MOST_STOCK: Final = 2**31 - 1


class UpdateFault(StrEnum):
    """Why an update was refused."""

    NOT_AN_OBJECT = "not_an_object"
    NO_PRODUCT_ID = "no_product_id"
    UNKNOWN_FIELD = "unknown_field"
    BAD_VALUE = "bad_value"
    NO_TITLE = "no_title"


class RefusedUpdate(Exception):
    """One update that cannot be used: of which product, why, and what exactly."""

    def __init__(self, product_id: str | None, fault: UpdateFault, detail: str) -> None:
        super().__init__(detail)
        self.product_id, self.fault, self.detail = product_id, fault, detail


@dataclass(frozen=True, slots=True)
class ProductUpdate:
    """Fields of a product that were named, read and sound. `updated_at` is since when they hold; None means now."""

    product_id: str
    fields: Mapping[str, Any]
    updated_at: datetime | None = None

    def applied_to(self, known: Product | None, currency: str) -> Product:
        """The product with what the update says. Raises RefusedUpdate for a new one without a title."""
        if known is None and "title" not in self.fields:
            raise RefusedUpdate(self.product_id, UpdateFault.NO_TITLE, "a new product needs a title")
        product = replace(known or Product(self.product_id, "", currency=currency), **self.fields)
        return replace(product, list_price_minor=_higher(product.list_price_minor, product.price_minor))


def read_update(said: object, currency: str) -> ProductUpdate:
    """Reads one update; amounts without a currency are in `currency`. Raises RefusedUpdate."""
    if not isinstance(said, Mapping):
        raise RefusedUpdate(None, UpdateFault.NOT_AN_OBJECT, "is not a JSON object")
    named = {_NAMES.get(snake(str(name)), snake(str(name))): value for name, value in said.items()}
    product_id = identifier(named.pop("product_id", None))
    if product_id is None:
        raise RefusedUpdate(None, UpdateFault.NO_PRODUCT_ID, "has no product_id")
    code = currency_code(named["currency"]) if is_given(named.get("currency")) else currency
    fields: dict[str, Any] = {}
    for name, value in named.items():
        reader = _READERS.get(name)
        if reader is None:
            near = get_close_matches(name, _READERS, n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(_READERS))}"
            raise RefusedUpdate(product_id, UpdateFault.UNKNOWN_FIELD, f"{name}{hint}")
        field, read = reader
        found = read(value, code or currency) if is_given(value) else _EMPTY.get(field)
        if found is None and is_given(value):
            raise RefusedUpdate(product_id, UpdateFault.BAD_VALUE, f"{name}: {str(value)[:80]}")
        fields[field] = found
    is_there = fields.pop("in_stock", None)
    if is_there is not None and "stock" not in fields:
        fields["stock"] = None if is_there else 0
    updated_at = fields.pop("updated_at", None)
    for name in ("title", "currency"):
        if name in fields and fields[name] is None:
            del fields[name]  # a product keeps the name and currency it has
    return ProductUpdate(product_id, fields, updated_at)


def _higher(list_price: int | None, price: int | None) -> int | None:
    return list_price if list_price is not None and price is not None and list_price > price else None


def _text(value: object, _: str) -> str | None:
    return text(value)


def _whole(most: int) -> Callable[[object, str], int | None]:
    def read(value: object, _: str) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            number = float(value)
        except ValueError:
            return None
        return max(int(number), 0) if number.is_integer() and number <= most else None

    return read


def _truth(value: object, _: str) -> bool | None:
    return True if value in _YES else False if value in _NO else None


def _stamp(value: object, _: str) -> datetime | None:
    return moment(value)


def _currency(value: object, _: str) -> str | None:
    return currency_code(value)


def _attributes(value: object, _: str) -> dict[str, Any] | None:
    return scrub(dict(value)) if isinstance(value, Mapping) and len(value) <= 100 else None


_YES: Final = (True, "true", "yes", "1")
_NO: Final = (False, "false", "no", "0")
_READERS: Final[dict[str, tuple[str, Callable[[object, str], Any]]]] = {
    **{name: (name, _text) for name in ("title", "url", "image_url", "category", "brand")},
    "price": ("price_minor", minor_units),
    "price_minor": ("price_minor", _whole(MOST_MINOR)),
    "list_price": ("list_price_minor", minor_units),
    "list_price_minor": ("list_price_minor", _whole(MOST_MINOR)),
    "currency": ("currency", _currency),
    "stock": ("stock", _whole(MOST_STOCK)),
    "in_stock": ("in_stock", _truth),
    "hidden": ("hidden", _truth),
    "published_at": ("published_at", _stamp),
    "updated_at": ("updated_at", _stamp),
    "attributes": ("attributes", _attributes),
}
_EMPTY: Final[dict[str, Any]] = {
    **dict.fromkeys(("url", "image_url", "category", "brand"), ""),
    "hidden": False,
    "attributes": {},
}
_NAMES: Final = {"id": "product_id", "sku": "product_id", "name": "title", "link": "url", "image": "image_url"}
