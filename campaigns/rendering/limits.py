"""How much a template may do: counted per rendering, so that no template and no data can stall or flood a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from jinja2.exceptions import SecurityError

MAX_RANGE = 1_000
MAX_TEXT = 1_000_000  # characters in any one string a template builds
MAX_OUTPUT = 2_000_000  # characters of one rendered part
MAX_STEPS = 100_000  # turns of loops and calls of macros in one rendering
MAX_INTEGER_BITS = 256
_BATCH = 50


class OverLimit(SecurityError):
    """A rendering asked for more than the limits give."""


class Budget(threading.local):
    """Steps left in the rendering under way on this thread."""

    left = MAX_STEPS

    def start(self) -> None:
        self.left = MAX_STEPS

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise OverLimit(f"more than {MAX_STEPS:,} loop turns and macro calls in one mail")


def counted(items: Iterable[Any], budget: Budget) -> Iterable[Any]:
    """The items of a loop, paid for: lists and tuples at once, anything lazy turn by turn."""
    if isinstance(items, list | tuple | dict | str | range):
        budget.spend(len(items))
        return items
    return _counted_lazily(items, budget)


def _counted_lazily(items: Iterable[Any], budget: Budget) -> Iterator[Any]:
    for item in items:
        budget.spend()
        yield item


def capped_range(*bounds: int) -> range:
    """`range` with at most MAX_RANGE numbers."""
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise OverLimit(f"range() of {len(numbers):,} numbers; {MAX_RANGE:,} are allowed")
    return numbers


def capped_concat(pieces: Iterable[str]) -> str:
    """Joins pieces of output, refusing more than MAX_OUTPUT characters before the memory is taken."""
    kept = pieces if isinstance(pieces, list) else _collected(pieces)
    if sum(map(len, kept)) > MAX_OUTPUT:
        raise OverLimit(f"the output is longer than {MAX_OUTPUT:,} characters")
    return "".join(kept)


def checked_length(text: str) -> str:
    """The text, unless it is longer than a part of a mail may be."""
    if len(text) > MAX_OUTPUT:
        raise OverLimit(f"the output is longer than {MAX_OUTPUT:,} characters")
    return text


def _collected(pieces: Iterable[str]) -> list[str]:
    """The pieces of a running template, their total looked at every few dozen."""
    kept: list[str] = []
    total, left = 0, iter(pieces)
    while batch := list(islice(left, _BATCH)):
        kept += batch
        total += sum(map(len, batch))
        if total > MAX_OUTPUT:
            break
    return kept


def capped_size(value: Any) -> Any:
    """The value, unless it is a string, list or integer grown out of all proportion."""
    if isinstance(value, str | list | tuple):
        if len(value) > MAX_TEXT:
            raise OverLimit(f"a text or list of {len(value):,} parts; {MAX_TEXT:,} are allowed")
    elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise OverLimit("a number with more than 77 digits")
    return value
