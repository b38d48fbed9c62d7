"""Products inside an event: one product in the properties, or a `products` array, as lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from campaigns.domain.segment_names import PRODUCT_EVENTS
from campaigns.domain.segment_values import MAX_ID, identifier, is_given, minor_units, snake, text
from triggers.events import EventName, Line

LINE_KEYS: Final = frozenset(
    {
        *("product_id", "sku", "quantity", "price", "variant", "variant_id", "name", "title"),
        *("category", "brand", "url", "image_url", "image"),
    }
)
ARRAY_KEYS: Final = ("products", "items", "line_items", "contents")
MAX_LINES: Final = 500
MAX_QUANTITY: Final = 100_000


def lines_of(name: str, known: Mapping[str, Any], currency: str | None) -> tuple[Line, ...]:
    """The lines of an event from its snake_case properties. A product without an id, and one whose quantity is zero
    in an array (a snapshot of what is in the cart), is left out."""
    for key in ARRAY_KEYS:
        products = known.get(key)
        if isinstance(products, str):
            products = _decoded(products)
        if isinstance(products, list):
            return tuple(_lines_of_array(products, currency))
    if name in PRODUCT_EVENTS or known.get("product_id") is not None:
        line = _line(known, currency, quantity=_single_quantity(name, known))
        return (line,) if line is not None and _names_a_product(name, known) else ()
    return ()


def _single_quantity(name: str, known: Mapping[str, Any]) -> int:
    """A removal that does not say how many has quantity 0, which means the whole line: shoppers press the cross."""
    if name == EventName.PRODUCT_REMOVED and not is_given(known.get("quantity")):
        return 0
    return max(_quantity(known.get("quantity")), 1)


def _names_a_product(name: str, known: Mapping[str, Any]) -> bool:
    return name in PRODUCT_EVENTS or identifier(known.get("product_id")) is not None


def _decoded(products: str) -> Any:
    try:
        return orjson.loads(products)
    except ValueError:
        return None


def _lines_of_array(products: list[Any], currency: str | None) -> Iterable[Line]:
    for product in products[:MAX_LINES]:
        if isinstance(product, dict):
            fields = {snake(key).removeprefix("item_"): value for key, value in product.items() if value is not None}
            quantity = _quantity(fields.get("quantity"))
            line = _line(fields, currency, quantity) if quantity > 0 else None
        else:
            product_id = identifier(product)
            line = Line(product_id) if product_id else None
        if line is not None:
            yield line


def _line(fields: Mapping[str, Any], currency: str | None, quantity: int) -> Line | None:
    get = fields.get
    product_id = identifier(get("product_id")) or identifier(get("sku")) or identifier(get("id"))
    if product_id is None:
        return None
    return Line(
        product_id=product_id,
        quantity=quantity,
        price_minor=minor_units(get("price"), currency),
        variant=text(get("variant"), MAX_ID) or text(get("variant_id"), MAX_ID),
        title=text(get("name"), 512) or text(get("title"), 512),
        category=text(get("category"), MAX_ID),
        brand=text(get("brand"), MAX_ID),
        url=text(get("url")),
        image_url=text(get("image_url")) or text(get("image")),
    )


def _quantity(value: object) -> int:
    if value is None or value == 1:
        return 1
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 1
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_given(value):
        return 1
    if value <= 0:
        return 0
    return int(min(max(value, 1), MAX_QUANTITY))
