"""Rows of a catalog file as products."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns.domain.product import Product
from campaigns.storage.files.fields import Values, compile_field, known_fields
from campaigns.storage.files.mapping import ColumnMap, TimeSource
from campaigns.storage.files.parts import (
    Columns,
    Faults,
    amounts,
    currencies,
    either,
    empty,
    ids,
    truths,
    whole_numbers,
)
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.tables import Chunk, Table
from campaigns.storage.files.times import moments, read_times

_TEXTS = ("title", "url", "image_url", "category", "brand")


class ProductRows:
    """Turns chunks of `table` into products by `column_map`. Raises InvalidInput where the columns do not fit."""

    def __init__(self, table: Table, column_map: ColumnMap, *, currency: str, where: str) -> None:
        needed = {"product_id": column_map.fields["product_id"]}
        known_fields(needed, table, optional=False, where=where)
        fields = known_fields(column_map.fields, table, optional=column_map.optional, where=where)
        extras = known_fields(column_map.properties, table, optional=column_map.optional, where=where)
        self._currency = currency
        self._fields = {name: compile_field(source) for name, source in fields.items()}
        self._extras = {name: compile_field(source) for name, source in extras.items()}

    def read(self, chunk: Chunk, rejects: Rejects) -> list[Product]:
        """The products of a chunk in order; rows with a fault go to `rejects`."""
        faults, rows = Faults(), len(chunk)
        columns = {name: take(chunk) for name, take in self._fields.items()}
        extras = {name: take(chunk) for name, take in self._extras.items()}
        products = self._all(columns, extras, rows, faults)
        faults.hand_over(chunk, rejects)
        return products

    def _all(self, columns: Columns, extras: Columns, rows: int, faults: Faults) -> list[Product]:
        product_ids = ids(columns, "product_id", rows)
        for place in (place for place, found in enumerate(product_ids) if found is None):
            faults.note(place, RowFault.MISSING_VALUE, "no product_id")
        codes = currencies(columns, rows, self._currency)
        texts = {name: columns.get(name, empty(rows)) for name in _TEXTS}
        prices, list_prices = amounts(columns, "price", codes, faults), amounts(columns, "list_price", codes, faults)
        stock = _stock(columns, rows, faults)
        hidden = truths(columns.get("hidden", empty(rows)), faults, "hidden")
        published = _published(columns.get("published_at", empty(rows)), faults)
        return [
            Product(
                product_id,
                **{name: values[place] or "" for name, values in texts.items()},
                price_minor=prices[place],
                list_price_minor=_reduced_from(list_prices[place], prices[place]),
                currency=codes[place] or self._currency,
                stock=stock[place],
                hidden=bool(hidden[place]),
                published_at=published[place],
                attributes={name: values[place] for name, values in extras.items() if values[place] is not None},
            )
            for place, product_id in enumerate(product_ids)
            if product_id is not None and place not in faults
        ]


def _stock(columns: Columns, rows: int, faults: Faults) -> Sequence[int | None]:
    """Pieces in stock. A file that only says yes or no gives 0 for no, and "not tracked" for yes."""
    counted = whole_numbers([_not_negative(each) for each in columns.get("stock", empty(rows))], faults, "stock")
    available = truths(columns.get("in_stock", empty(rows)), faults, "in_stock")
    return either(counted, [0 if each is False else None for each in available])


def _not_negative(said: str | None) -> str | None:
    return "0" if said is not None and said.startswith("-") and said[1:].isdecimal() else said


def _published(values: Values, faults: Faults) -> Sequence[datetime | None]:
    source = TimeSource(column="published_at")
    micros, readable = read_times(values, source)
    for place, said in enumerate(values):
        if said is not None and not readable[place]:
            faults.note(place, RowFault.UNREADABLE_TIME, f"published_at: {said}")
    return [found if readable[place] else None for place, found in enumerate(moments(micros))]


def _reduced_from(list_price: int | None, price: int | None) -> int | None:
    """The former price, only where it is higher: a mail shows it crossed out."""
    return list_price if list_price is not None and price is not None and list_price > price else None
