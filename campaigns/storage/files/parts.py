"""Parts of a row that events, products and profiles have in common: who, how many, how much - and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from campaigns.domain.segment_values import currency_code, email_address, identifier, minor_units
from campaigns.storage.files.fields import Values
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.tables import Chunk

Columns = Mapping[str, Values]
T = TypeVar("T")

_MEMORY = 131_072  # the same shoppers and products come again and again
_identifier = lru_cache(maxsize=_MEMORY)(identifier)
_address = lru_cache(maxsize=_MEMORY)(email_address)
_amount = lru_cache(maxsize=_MEMORY)(minor_units)


class Faults:
    """The first fault of each row of a chunk, by the row's place."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[RowFault, str]] = {}

    def note(self, place: int, fault: RowFault, detail: str) -> None:
        self._first.setdefault(place, (fault, detail))

    def __contains__(self, place: int) -> bool:
        return place in self._first

    def hand_over(self, chunk: Chunk, rejects: Rejects) -> None:
        """Puts the rows with a fault into the rejects, in order."""
        for place in sorted(self._first):
            fault, detail = self._first[place]
            rejects.add(chunk.lines[place], fault, detail, chunk.raw(place))


def empty(rows: int) -> list[None]:
    """A column without values."""
    return [None] * rows


def ids(columns: Columns, name: str, rows: int) -> Values:
    """Ids as text; placeholders such as "null" count as none."""
    found = columns.get(name)
    return empty(rows) if found is None else [_identifier(value) for value in found]


def addresses(columns: Columns, rows: int) -> Values:
    """Plausible addresses in lower case; others count as none."""
    found = columns.get("email")
    return empty(rows) if found is None else [_address(value) for value in found]


def require_somebody(users: Values, strangers: Values, mail: Values, faults: Faults) -> None:
    """Notes the rows that name nobody."""
    for place, known in enumerate(zip(users, strangers, mail, strict=True)):
        if known == (None, None, None):
            faults.note(place, RowFault.NO_IDENTITY, "no user_id, anonymous_id or email")


def currencies(columns: Columns, rows: int, default: str | None) -> Values:
    """ISO codes; the shop's own where a row has none."""
    found = columns.get("currency")
    return [default] * rows if found is None else [currency_code(value) or default for value in found]


def amounts(columns: Columns, name: str, codes: Values, faults: Faults) -> Sequence[int | None]:
    """Money in minor units: what the column `<name>_minor` says, else `<name>` in whole units."""
    rows = len(codes)
    whole = _in_minor_units(columns[name], codes, faults, name) if name in columns else empty(rows)
    if f"{name}_minor" not in columns:
        return whole
    return either(whole_numbers(columns[f"{name}_minor"], faults, f"{name}_minor"), whole)


def either(first: Sequence[T | None], second: Sequence[T | None]) -> list[T | None]:
    """The first of two columns, and the second where the first has nothing."""
    return [other if found is None else found for found, other in zip(first, second, strict=True)]


def _in_minor_units(values: Values, codes: Values, faults: Faults, name: str) -> Sequence[int | None]:
    found: list[int | None] = []
    for place, (value, code) in enumerate(zip(values, codes, strict=True)):
        amount = None if value is None else _amount(value, code)
        if amount is None and value is not None:
            faults.note(place, RowFault.BAD_NUMBER, f"{name}: {value}")
        found.append(amount)
    return found


def whole_numbers(values: Values, faults: Faults, name: str, *, least: int = 0) -> list[int | None]:
    """Whole numbers of at least `least`; "3.0" is one, "3.5" is a fault."""
    return parsed(values, _whole(least), faults, RowFault.BAD_NUMBER, name)


def truths(values: Values, faults: Faults, name: str) -> list[bool | None]:
    """Yes or no, as people and programs write it."""
    return parsed(values, lambda value: _TRUTHS.get(value.lower()), faults, RowFault.BAD_VALUE, name)


def parsed(
    values: Values, read: Callable[[str], T | None], faults: Faults, fault: RowFault, name: str
) -> list[T | None]:
    """Each value by `read`; a value that is there and gives None is a fault."""
    found: list[T | None] = []
    for place, value in enumerate(values):
        result = None if value is None else read(value)
        if result is None and value is not None:
            faults.note(place, fault, f"{name}: {value}")
        found.append(result)
    return found


def _whole(least: int) -> Callable[[str], int | None]:
    @lru_cache(maxsize=4_096)
    def read(value: str) -> int | None:
        try:
            number = float(value)
            return int(number) if number.is_integer() and least <= number < 2**53 else None
        except (ValueError, OverflowError):
            return None

    return read


_TRUTHS = {
    **dict.fromkeys(("yes", "y", "true", "t", "1", "on", "in stock", "in_stock"), True),
    **dict.fromkeys(("no", "n", "false", "f", "0", "off", "out of stock", "out_of_stock"), False),
}
