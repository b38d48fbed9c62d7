"""A batch of questions "what will this shopper want next?", as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, from_rows, positions, ragged, row_numbers


@dataclass(frozen=True)
class Queries:
    """One row per shopper: the live session (`prefix`) and earlier products (`history`), oldest first, ragged.

    `profile` is a row number of the training log's profiles or -1; `at` is seconds since 1970, NaN where unknown.
    Products that were never in training are left out of the arrays.
    """

    prefix_start: Ints
    prefix: Ints
    history_start: Ints
    history: Ints
    profile: Ints
    at: Floats
    referral: Ints | None = None  # a row number of the training log's referral sources or -1

    def __len__(self) -> int:
        return len(self.profile)

    @classmethod
    def of(
        cls,
        prefixes: Sequence[Sequence[int]],
        histories: Sequence[Sequence[int]] | None = None,
        profile: Sequence[int] | Ints | None = None,
        at: Sequence[float] | Floats | None = None,
        referral: Sequence[int] | Ints | None = None,
    ) -> Queries:
        """Build a batch from lists of product numbers; negative numbers (unknown products) are dropped."""
        size = len(prefixes)
        prefix_start, prefix = _known(prefixes)
        history_start, history = _known(histories if histories is not None else [[]] * size)
        profiles = np.full(size, -1) if profile is None else np.asarray(profile, dtype=np.int64)
        times = np.full(size, np.nan) if at is None else np.asarray(at, dtype=np.float64)
        sources = None if referral is None else np.asarray(referral, dtype=np.int64)
        return cls(prefix_start, prefix, history_start, history, profiles, times, sources)

    def slice(self, start: int, stop: int) -> Queries:
        """Return rows `start` to `stop` (excluded)."""
        a, b = self.prefix_start[start], self.prefix_start[min(stop, len(self))]
        c, d = self.history_start[start], self.history_start[min(stop, len(self))]
        return Queries(
            self.prefix_start[start : stop + 1] - a,
            self.prefix[a:b],
            self.history_start[start : stop + 1] - c,
            self.history[c:d],
            self.profile[start:stop],
            self.at[start:stop],
            None if self.referral is None else self.referral[start:stop],
        )

    def prefix_matrix(self, products: int, decay: float = 1.0, longest: int = 50) -> Matrix:
        """Return queries x products: weight `decay ** steps from the end` of each product's latest place."""
        return self._prefix_places.faded(products, decay, longest)

    def history_matrix(self, products: int, decay: float = 1.0, longest: int = 200) -> Matrix:
        """Return queries x products for the history, like `prefix_matrix`."""
        return self._history_places.faded(products, decay, longest)

    @cached_property
    def _prefix_places(self) -> _Places:
        return _Places.of(self.prefix_start, self.prefix)

    @cached_property
    def _history_places(self) -> _Places:
        return _Places.of(self.history_start, self.history)


@dataclass(frozen=True)
class _Places:
    """Each product of a row once, by row and product, with its latest place: steps from the end of the row."""

    rows: int
    row: Ints
    product: Ints
    from_end: Ints

    @classmethod
    def of(cls, indptr: Ints, items: Ints) -> _Places:
        row = row_numbers(indptr)
        from_end = np.diff(indptr)[row] - 1 - positions(indptr)
        order = np.lexsort((from_end, items, row))
        row, items = row[order], items[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (row[1:] != row[:-1]) | (items[1:] != items[:-1])
        return cls(len(indptr) - 1, row[first], items[first], from_end[order][first])

    def faded(self, products: int, decay: float, longest: int) -> Matrix:
        near = self.from_end < longest
        row, product, steps = (x[near] for x in (self.row, self.product, self.from_end))
        indptr = np.searchsorted(row, np.arange(self.rows + 1))
        return from_rows(np.power(min(decay, 1.0), steps.astype(np.float64)), product, indptr, (self.rows, products))


def _known(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    indptr, items = ragged([[int(x) for x in row if x >= 0] for row in lists])
    return indptr, items
