"""How much a template may do: counted per rendering, so that no template and no data can stall or flood a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from time import monotonic, thread_time
from typing import Any

from jinja2.exceptions import SecurityError

MAX_RANGE = 1_000
MAX_TEXT = 1_000_000  # characters in any one string a template builds
MAX_OUTPUT = 2_000_000  # characters of one rendered part
MAX_STEPS = 100_000  # turns of loops and calls of macros in one rendering
MAX_INTEGER_BITS = 256
MAX_PARTS = 50_000  # lists, dicts and values in one value a template builds, counted as often as they would be printed
MAX_SECONDS = 2.0  # of processor time for one part of a mail
_UNMEASURED = 0.5  # seconds by the clock before processor time is looked at, which takes as long as a dozen values
_BATCH = 50
_CHECK_EVERY = 16  # steps


class OverLimit(SecurityError):
    """A rendering asked for more than the limits give."""


class Budget(threading.local):
    """Steps left in the rendering under way on this thread."""

    left = MAX_STEPS
    checked = MAX_STEPS
    measured_from = 0.0
    until: float | None = None

    def start(self) -> None:
        self.left = self.checked = MAX_STEPS
        self.measured_from, self.until = monotonic() + _UNMEASURED, None

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise OverLimit(f"more than {MAX_STEPS:,} loop turns and macro calls in one mail")
        if self.checked - self.left >= _CHECK_EVERY:
            self.checked = self.left
            if monotonic() > self.measured_from:
                self._look_at_the_time()

    def _look_at_the_time(self) -> None:
        if self.until is None:
            self.until = thread_time() + MAX_SECONDS - _UNMEASURED
        elif thread_time() > self.until:
            raise OverLimit(f"more than {MAX_SECONDS:.0f} seconds of computing in one part of a mail")


def counted(items: Iterable[Any], budget: Budget) -> Iterable[Any]:
    """The items of a loop, paid for: a few at once, many or lazy ones turn by turn, so that time is looked at."""
    if isinstance(items, _SIZED) and len(items) < _CHECK_EVERY:
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


def weighed(value: Any) -> Any:
    """The value, unless it holds more than MAX_PARTS parts. A list that holds another twice, which holds a third twice
    and so on is small in memory, and endless when printed, compared or hashed."""
    waiting, parts, characters = [value], 0, 0
    while waiting:
        held = waiting.pop()
        parts += 1 + len(held)
        inner = held.values() if isinstance(held, dict) else held
        characters += sum([len(each) for each in inner if isinstance(each, str)])
        if parts > MAX_PARTS:
            raise OverLimit(f"a list or mapping of more than {MAX_PARTS:,} parts, inner ones included")
        if characters > MAX_OUTPUT:
            raise OverLimit(f"a list or mapping with more than {MAX_OUTPUT:,} characters in it")
        waiting += [each for each in inner if isinstance(each, _HOLDERS)]
    return value


def collected(items: Any) -> Any:
    """What a filter is about to gather, gathered here: no more parts and characters than one value may hold."""
    if not isinstance(items, Iterator):
        return items
    kept: list[Any] = []
    characters = 0
    for item in items:
        kept.append(item)
        characters += len(item) if isinstance(item, str) else 0
        if len(kept) > MAX_PARTS or characters > MAX_OUTPUT:
            raise OverLimit(f"a list of more than {MAX_PARTS:,} parts or {MAX_OUTPUT:,} characters")
    return kept


def together(texts: Iterable[str], between: str = "") -> str:
    """The texts as one, refused before it takes the memory where it would be longer than a text may be."""
    kept = texts if isinstance(texts, list) else list(texts)
    length = sum(map(len, kept)) + len(between) * len(kept)
    if length > MAX_TEXT + len(between):
        raise OverLimit(f"a text or list of {length:,} parts; {MAX_TEXT:,} are allowed")
    return between.join(kept)


_HOLDERS = (list, tuple, dict)
_SIZED = (*_HOLDERS, str, range)


def capped_size(value: Any) -> Any:
    """The value, unless it is a string, list or integer grown out of all proportion."""
    if isinstance(value, str | list | tuple):
        if len(value) > MAX_TEXT:
            raise OverLimit(f"a text or list of {len(value):,} parts; {MAX_TEXT:,} are allowed")
    elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise OverLimit("a number with more than 77 digits")
    return value
