"""Rows of a file of coupon codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from campaigns.domain.coupon import MOST_CHARACTERS
from campaigns.storage.files.fields import compile_field, known_fields
from campaigns.storage.files.mapping import ColumnMap, TimeSource
from campaigns.storage.files.parts import Faults, empty
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.tables import Chunk, Table
from campaigns.storage.files.times import moments, read_times


class CodeLine(NamedTuple):
    """A code and its own end."""

    code: str
    expires_at: datetime | None


Keep = Callable[[Sequence[CodeLine]], Set[str]]
"""Puts codes into their pool and returns those that were new there."""


class CouponRows:
    """Turns chunks of `table` into codes by `column_map` and hands them to `keep`. A code that stands twice in the file,
    or is in its pool already, is a fault. Raises InvalidInput where the columns do not fit."""

    def __init__(self, table: Table, column_map: ColumnMap, keep: Keep, *, where: str) -> None:
        self._keep = keep
        known_fields({"code": column_map.fields["code"]}, table, optional=False, where=where)
        fields = known_fields(column_map.fields, table, optional=column_map.optional, where=where)
        self._fields = {name: compile_field(source) for name, source in fields.items()}
        self._seen: set[str] = set()

    def read(self, chunk: Chunk, rejects: Rejects) -> list[CodeLine]:
        """The codes of a chunk in order; rows with a fault go to `rejects`."""
        faults, rows = Faults(), len(chunk)
        columns = {name: take(chunk) for name, take in self._fields.items()}
        codes = columns["code"]
        for place, code in enumerate(codes):
            self._check(place, code, faults)
        ends = _ends(columns.get("expires_at", empty(rows)), faults)
        rows_by_code = {code: place for place, code in enumerate(codes) if code is not None and place not in faults}
        found = [CodeLine(code, ends[place]) for code, place in rows_by_code.items()]
        fresh = self._keep(found)
        for code in rows_by_code.keys() - fresh:
            faults.note(rows_by_code[code], RowFault.REPEATED_CODE, f"{code} is in the pool already")
        faults.hand_over(chunk, rejects)
        return [line for line in found if line.code in fresh]

    def _check(self, place: int, code: str | None, faults: Faults) -> None:
        if code is None:
            faults.note(place, RowFault.MISSING_VALUE, "no code")
        elif len(code) > MOST_CHARACTERS or not code.isprintable() or any(sign.isspace() for sign in code):
            faults.note(place, RowFault.BAD_VALUE, f"code: {code[:MOST_CHARACTERS]}")
        elif code.upper() in self._seen:
            faults.note(place, RowFault.REPEATED_CODE, f"{code} stands in this file before")
        else:
            self._seen.add(code.upper())


def _ends(values: Sequence[str | None], faults: Faults) -> Sequence[datetime | None]:
    micros, readable = read_times(values, TimeSource(column="expires_at"))
    for place, said in enumerate(values):
        if said is not None and not readable[place]:
            faults.note(place, RowFault.UNREADABLE_TIME, f"expires_at: {said}")
    return [found if readable[place] else None for place, found in enumerate(moments(micros))]
