"""Rows of a shop's file as events, a chunk at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from campaigns.domain.segment_lines import lines_of
from campaigns.domain.segment_names import ORDER_EVENTS, PRODUCT_EVENTS, canonical_name
from campaigns.domain.segment_values import identifier
from campaigns.storage.files.fields import Take, Values, compile_field, known_fields, missing_column, other_columns
from campaigns.storage.files.mapping import ColumnMap, FieldSource
from campaigns.storage.files.parts import (
    Columns,
    Faults,
    addresses,
    amounts,
    currencies,
    empty,
    ids,
    require_somebody,
    whole_numbers,
)
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.tables import Chunk, Table
from campaigns.storage.files.times import moments, read_times, within
from triggers.events import Event, EventName, Line, Visit

_LINE_TEXTS = ("variant", "title", "category", "brand", "url", "image_url")
_VISIT = ("referrer", "utm_source", "utm_medium", "utm_campaign", "landing_url", "device")
_ARRAY = "products"
_NOTHING: Mapping[str, Any] = {}

_line = lru_cache(maxsize=131_072)(Line)  # one object for the same product however often it occurs
_visit = lru_cache(maxsize=4_096)(Visit)


class EventRows:
    """Turns chunks of `table` into events by `column_map`. Raises InvalidInput where the columns do not fit."""

    def __init__(self, table: Table, column_map: ColumnMap, *, currency: str | None, where: str) -> None:
        assert column_map.event is not None
        assert column_map.occurred_at is not None
        self._source, self._currency = column_map.source, currency
        self._event, self._time = column_map.event, column_map.occurred_at
        for needed in (self._event, FieldSource(column=self._time.column)):
            if (missing := missing_column(needed, table)) is not None:
                raise other_columns(missing, table, where)

        def compiled(sources: Mapping[str, FieldSource]) -> dict[str, Take]:
            known = known_fields(sources, table, optional=column_map.optional, where=where)
            return {name: compile_field(source) for name, source in known.items()}

        self._take_name = compile_field(self._event.model_copy(update={"values": {}}))
        self._fields = compiled({name: source for name, source in column_map.fields.items() if name != _ARRAY})
        arrays = known_fields(_only(_ARRAY, column_map.fields), table, optional=column_map.optional, where=where)
        self._array = arrays[_ARRAY].column if arrays else None
        self._traits = compiled(column_map.traits)
        self._properties = compiled(column_map.properties)

    def read(self, chunk: Chunk, rejects: Rejects, received_at: datetime | None) -> list[Event]:
        """The events of a chunk in order; rows with a fault go to `rejects`. Without `received_at` an event was
        received when it occurred."""
        faults, rows = Faults(), len(chunk)
        columns = {name: take(chunk) for name, take in self._fields.items()}
        names = self._names(chunk, faults)
        occurred = self._times(chunk, faults)
        received = [received_at] * rows if received_at else occurred
        read = zip(
            *(self._message_ids(chunk, columns), names, occurred, received),
            *_identities(columns, rows, faults),
            *self._contents(chunk, columns, names, faults),
            *(ids(columns, "session_id", rows), _visits(columns, rows)),
            *(_extras(self._traits, chunk), _extras(self._properties, chunk)),
            strict=True,
        )
        source = self._source  # the columns stand in the order of Event's fields: by name it takes twice as long
        events = [Event(source, *row) for place, row in enumerate(read) if place not in faults]
        faults.hand_over(chunk, rejects)
        return events

    def _contents(
        self, chunk: Chunk, columns: Columns, names: Sequence[str], faults: Faults
    ) -> tuple[Sequence[Any], ...]:
        """`lines` to `currency` of each event."""
        rows = len(names)
        codes = currencies(columns, rows, self._currency)
        arrays = [None] * rows if self._array is None else chunk.column(self._array)
        several = [
            lines_of(name, {"products": array}, code) if array else ()
            for name, array, code in zip(names, arrays, codes, strict=True)
        ]
        return (
            _lines(columns, names, codes, several, faults),
            ids(columns, "cart_id", rows),
            ids(columns, "checkout_id", rows),
            _order_ids(columns, names),
            amounts(columns, "total", codes, faults),
            codes,
        )

    def _names(self, chunk: Chunk, faults: Faults) -> list[str]:
        known, said = self._event.values, self._take_name(chunk)
        names = [None if each is None else known.get(each) if known else canonical_name(each) for each in said]
        for place, name in enumerate(names):
            if name is None:
                fault = RowFault.UNKNOWN_BEHAVIOUR if said[place] else RowFault.MISSING_VALUE
                faults.note(place, fault, said[place] or "no behaviour")
        return [name or "" for name in names]

    def _times(self, chunk: Chunk, faults: Faults) -> list[datetime]:
        values = chunk.column(self._time.column)
        micros, readable = read_times(values, self._time)
        for place in (~(readable & within(micros, self._time))).nonzero()[0].tolist():
            if readable[place]:
                faults.note(place, RowFault.WILD_TIME, f"{self._time.column}: {values[place]}")
            elif values[place] in (None, ""):
                faults.note(place, RowFault.MISSING_VALUE, f"no {self._time.column}")
            else:
                faults.note(place, RowFault.UNREADABLE_TIME, f"{self._time.column}: {values[place]}")
        return moments(micros)

    def _message_ids(self, chunk: Chunk, columns: Columns) -> Iterable[str]:
        """The file's own ids, else one of the row's content and line: the same for the same file read again."""
        given = ids(columns, "message_id", len(chunk))
        if "message_id" not in columns:
            return [_content_id(line, chunk.content(place)) for place, line in enumerate(chunk.lines)]
        return [found or _content_id(chunk.lines[place], chunk.content(place)) for place, found in enumerate(given)]


def _identities(columns: Columns, rows: int, faults: Faults) -> tuple[Values, ...]:
    """`anonymous_id` to `email` of each event."""
    users, strangers, mail = ids(columns, "user_id", rows), ids(columns, "anonymous_id", rows), addresses(columns, rows)
    require_somebody(users, strangers, mail, faults)
    return strangers, users, empty(rows), mail


def _content_id(line: int, content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12, salt=line.to_bytes(8, "big")).hexdigest()


def _lines(
    columns: Columns, names: Sequence[str], codes: Values, several: Sequence[tuple[Line, ...]], faults: Faults
) -> list[tuple[Line, ...]]:
    """The lines of each event: those of its array, else the one of its columns."""
    rows = len(names)
    products = ids(columns, "product_id", rows)
    for place, (product, name) in enumerate(zip(products, names, strict=True)):
        if product is None and name in PRODUCT_EVENTS and not several[place]:
            faults.note(place, RowFault.MISSING_VALUE, "no product_id")
    counted = whole_numbers(columns.get("quantity", empty(rows)), faults, "quantity", least=1)
    quantities = [_quantity(name) if each is None else each for name, each in zip(names, counted, strict=True)]
    prices = amounts(columns, "price", codes, faults)
    texts = zip(*(columns.get(name, empty(rows)) for name in _LINE_TEXTS), strict=True)
    return [
        array or (() if product is None else (_line(product, quantity, price, *rest),))
        for array, product, quantity, price, rest in zip(several, products, quantities, prices, texts, strict=True)
    ]


def _quantity(name: str) -> int:
    """Of a row that gives none: one piece, but a removal means the whole line, which is written as 0."""
    return 0 if name == EventName.PRODUCT_REMOVED else 1


def _only(name: str, sources: Mapping[str, FieldSource]) -> Mapping[str, FieldSource]:
    return {name: sources[name]} if name in sources else {}


def _order_ids(columns: Columns, names: Sequence[str]) -> Values:
    """Only orders have an order id, though a template gives one to every row."""
    found = columns.get("order_id")
    if found is None:
        return empty(len(names))
    return [identifier(each) if name in ORDER_EVENTS else None for each, name in zip(found, names, strict=True)]


def _visits(columns: Columns, rows: int) -> Sequence[Visit | None]:
    if not any(name in columns for name in _VISIT):
        return empty(rows)
    parts = zip(*(columns.get(name, empty(rows)) for name in _VISIT), strict=True)
    return [_visit(*each) if any(each) else None for each in parts]


def _extras(takes: Mapping[str, Take], chunk: Chunk) -> Sequence[Mapping[str, Any]]:
    if not takes:
        return [_NOTHING] * len(chunk)
    rows = zip(*(take(chunk) for take in takes.values()), strict=True)
    return [{name: value for name, value in zip(takes, row, strict=True) if value is not None} for row in rows]
