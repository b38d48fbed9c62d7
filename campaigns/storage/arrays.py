"""Array parameters written as a whole: the driver quotes them element by element, which is most of a batch's time there.

Statements take their columns as arrays, thousands of elements long; nearly all hold plain texts, numbers or times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, Final

from psycopg.types.array import ListDumper


def _texts(values: list[Any]) -> str:
    joined = "".join(values)
    if '"' in joined or "\\" in joined:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}'


def _numbers(values: list[Any]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _times(values: list[Any]) -> str:
    return '{"' + '","'.join(map(str, values)) + '"}'


_WRITERS: Final[Mapping[type, Callable[[list[Any]], str]]] = {str: _texts, int: _numbers, datetime: _times}


class QuickListDumper(ListDumper):
    """Writes lists of one plain type at once; all others as the driver does, errors included."""

    def dump(self, obj: list[Any]) -> Any:
        types = set(map(type, obj))
        if len(types) != 1 or self.delimiter != b",":
            return super().dump(obj)
        [only] = types
        if only is NoneType:
            return b"{" + b",".join([b"NULL"] * len(obj)) + b"}"
        write = _WRITERS.get(only)
        if write is None:
            return super().dump(obj)
        written = write(obj)
        if "\x00" in written or not (self.connection is None or self.connection.info.encoding == "utf-8"):
            return super().dump(obj)
        return written.encode()
