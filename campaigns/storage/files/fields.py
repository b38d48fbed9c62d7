"""Takes the values of a field out of a chunk: column, template or constant, translated and drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from typing import Any

from campaigns.domain.errors import InvalidInput
from campaigns.domain.segment_values import text
from campaigns.storage.files.mapping import FieldSource
from campaigns.storage.files.tables import Chunk, Table

Values = Sequence[str | None]
Take = Callable[[Chunk], Values]

_MANY = 131_072


def columns_of(source: FieldSource) -> tuple[str, ...]:
    """The columns a field is made of."""
    if source.template is not None:
        return tuple(name for _, name, _, _ in Formatter().parse(source.template) if name)
    return tuple(name for name in (source.column, source.otherwise) if name)


def compile_field(source: FieldSource) -> Take:
    """A function from a chunk to the field's values as clean text, None where there is none."""
    take = _origin(source)
    if source.values:
        take = _then(take, _translated(source.values))
    if source.default is not None:
        default = source.default
        take = _then(take, lambda value: default if value is None else value)
    if source.share < 1:
        take = _then(take, _drawn(source.share))
    return take


def known_fields(
    sources: Mapping[str, FieldSource], table: Table, *, optional: bool, where: str
) -> Mapping[str, FieldSource]:
    """The fields that `table` has the columns for. Raises InvalidInput for others unless they are optional."""
    found = {}
    for name, wanted in sources.items():
        source = _with_columns_of(wanted, table)
        missing = missing_column(source, table)
        if missing is None:
            found[name] = source
        elif not optional:
            raise other_columns(missing, table, where)
    return found


def _with_columns_of(source: FieldSource, table: Table) -> FieldSource:
    """The field with only that one of `column` and `otherwise` which the file has."""
    if source.otherwise is None or table.open_ended:
        return source
    if source.otherwise not in table.columns:
        return source.model_copy(update={"otherwise": None})
    if source.column not in table.columns:
        return source.model_copy(update={"column": source.otherwise, "otherwise": None})
    return source


def missing_column(source: FieldSource, table: Table) -> str | None:
    """The first column a field needs and the table has not."""
    if table.open_ended:
        return None
    return next((name for name in columns_of(source) if name not in table.columns), None)


def other_columns(missing: str, table: Table, where: str) -> InvalidInput:
    """The one line for a file whose columns are not those of the map."""
    shown = ", ".join(table.columns[:12]) + (", ..." if len(table.columns) > 12 else "")
    fix = "say by --map which column is which (docs/importing.md)"
    return InvalidInput(f"there is no column `{missing}`; the file has: {shown}", where=where, fix=fix)


def texts(chunk: Chunk, name: str) -> Values:
    """A column as clean text, made once per chunk: numbers as their digits, blanks as None."""
    found = chunk.texts.get(name)
    if found is None:
        values = chunk.column(name)
        try:
            found = [_clean(value) if value else None for value in values]
        except TypeError:  # not all of them are text
            found = [_as_text(value) for value in values]
        chunk.texts[name] = found
    return found


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return _clean(value) if value else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return text(value)
    return None if isinstance(value, list | dict) else text(str(value))


@lru_cache(maxsize=_MANY)
def _clean(value: str) -> str | None:
    if not isinstance(value, str):
        raise TypeError(value)
    return text(value)


def _origin(source: FieldSource) -> Take:
    if source.constant is not None:
        constant = text(source.constant)
        return lambda chunk: [constant] * len(chunk)
    if source.template is not None:
        return _template(source.template)
    column, otherwise = str(source.column), source.otherwise
    if otherwise is None:
        return lambda chunk: texts(chunk, column)
    return lambda chunk: [
        first or second for first, second in zip(texts(chunk, column), texts(chunk, otherwise), strict=True)
    ]


def _template(pattern: str) -> Take:
    """Values such as "{user_id}-{timestamp}"; None where one of the columns is empty."""
    parts = list(Formatter().parse(pattern))
    names = [name for _, name, _, _ in parts if name]
    shape = "".join(literal.replace("%", "%%") + ("%s" if name else "") for literal, name, _, _ in parts)

    def take(chunk: Chunk) -> Values:
        rows = zip(*(texts(chunk, name) for name in names), strict=True)
        return [None if None in row else shape % row for row in rows]

    return take


def _then(take: Take, change: Callable[[str | None], str | None]) -> Take:
    return lambda chunk: [change(value) for value in take(chunk)]


def _translated(values: Mapping[str, str]) -> Callable[[str | None], str | None]:
    return lambda value: None if value is None else values.get(value, value)


def _drawn(share: float) -> Callable[[str | None], str | None]:
    """Keeps this share of the values, always the same ones: the draw is a hash of the value."""

    @lru_cache(maxsize=_MANY)
    def draw(value: str | None) -> str | None:
        if value is None:
            return None
        digest = hashlib.sha256(f"share:{value}".encode()).digest()
        return value if int.from_bytes(digest[:8], "big") < share * 2**64 else None

    return draw
