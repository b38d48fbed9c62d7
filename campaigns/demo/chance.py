"""Chance that falls the same way in every process and on every Python version."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Lottery(Generic[Item]):
    """Items drawn in proportion to their weights. Raises ValueError when nothing can be drawn."""

    def __init__(self, items: Sequence[Item], weights: Sequence[float]) -> None:
        self.items = tuple(items)
        self._edges = list(accumulate(weights))
        if not self.items or len(self.items) != len(self._edges) or self._edges[-1] <= 0:
            raise ValueError("a lottery needs as many weights as items, and one above zero")

    def at(self, fraction: float) -> Item:
        """The item that owns `fraction` (0 <= fraction < 1) of the total weight."""
        return self.items[min(bisect_right(self._edges, fraction * self._edges[-1]), len(self.items) - 1)]


class Chance:
    """A seeded source. Only `random.Random.random` is promised to stay the same between Python versions,
    so everything here is built on it. The seed parts name the thing drawn: `Chance(seed, "catalog")`."""

    def __init__(self, *seed: object) -> None:
        self.fraction = random.Random("/".join(map(str, seed))).random  # noqa: S311 - shop scenery, no secrets

    def real(self, low: float, high: float) -> float:
        return low + (high - low) * self.fraction()

    def whole(self, low: int, high: int) -> int:
        """An integer between `low` and `high`, both included."""
        return low + int(self.fraction() * (high - low + 1))

    def happens(self, probability: float) -> bool:
        return self.fraction() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.fraction() * len(items))]

    def draw(self, lottery: Lottery[Item]) -> Item:
        return lottery.at(self.fraction())

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` different items (all of them if there are fewer), in random order."""
        left = list(items)
        return [left.pop(int(self.fraction() * len(left))) for _ in range(min(count, len(left)))]

    def around(self, median: float, spread: float) -> float:
        """A log-normal value: half fall below `median`; `spread` is the deviation of its logarithm."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.fraction()))
        return median * math.exp(spread * radius * math.cos(2.0 * math.pi * self.fraction()))
