"""Bounded collections that do not care in which order they were filled.

"The newest N of a set" is the same however the set was built up, so a state made of such sets and of
minima and maxima converges: late, repeated and shuffled events all end in the same state.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Protocol, TypeVar


class Sortable(Protocol):
    def __lt__(self, other: object, /) -> bool: ...


Item = TypeVar("Item", bound=tuple[object, ...])


def insert_newest(items: list[Item], item: Item, limit: int) -> bool:
    """Puts `item` at its place in the ascending list; the oldest leave when there are more than `limit`.

    Returns whether the list holds something new now."""
    if not items or items[-1] < item:
        items.append(item)
    else:
        index = bisect_left(items, item)
        if items[index] == item or (index == 0 and len(items) >= limit):
            return False
        items.insert(index, item)
    if len(items) > limit:
        del items[0]
    return True


def join_newest(items: Iterable[Item], others: Iterable[Item], limit: int) -> list[Item]:
    """The newest `limit` of both lists together."""
    return sorted({*items, *others})[-limit:]
