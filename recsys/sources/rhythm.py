"""Buy again: products a shopper ordered before, when their time has come round."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from recsys.arrays import Floats, Ints, Matrix, matrix, top
from recsys.columns import ORDER
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.popularity import DAY

FEWEST_REPEATS = 3  # repeat purchases a product needs before its rhythm is believed
SPREAD = 0.7  # doublings of the rhythm that one standard deviation of "about time" covers


def repeat_rhythm(log: InteractionLog) -> Floats:
    """Return the median days between two purchases of a product by the same profile, 0 with fewer than 3 repeats."""
    rhythm = np.zeros(len(log.products))
    rows = np.flatnonzero((log.event == ORDER) & (log.profile >= 0))
    if not log.has_times or not len(rows):
        return rhythm
    order = rows[np.lexsort((log.at[rows], log.product[rows], log.profile[rows]))]
    profile, product, at = log.profile[order], log.product[order], log.at[order]
    repeat = (np.diff(profile) == 0) & (np.diff(product) == 0) & (np.diff(at) > DAY)
    gaps = pd.DataFrame({"product": product[1:][repeat], "days": np.diff(at)[repeat] / DAY})
    found = gaps.groupby("product")["days"].agg(["median", "size"])
    found = found[found["size"] >= FEWEST_REPEATS]
    rhythm[found.index.to_numpy(dtype=np.int64)] = found["median"].to_numpy()
    return rhythm


class BuyAgain(StoredArrays):
    """Own orders of products with a rhythm; 1 exactly when it has passed since the last one, less before and after."""

    needs = Needs(profiles=True, times=True, orders=True)
    abilities = Abilities(strangers=False, repeats=True)
    _stored = ("starts", "product", "last_at", "rhythm_days")

    def __init__(self, *, name: str = "buy_again") -> None:
        self.name = name
        self.starts: Ints = np.zeros(1, dtype=np.int64)  # of each profile in `product`
        self.product: Ints = np.zeros(0, dtype=np.int64)
        self.last_at: Floats = np.zeros(0)
        self.rhythm_days: Floats = np.zeros(0)

    def fit(self, log: InteractionLog) -> Self:
        """Learn the rhythm of products and when each profile last ordered one that has a rhythm."""
        self.rhythm_days = repeat_rhythm(log)
        rows = np.flatnonzero((log.event == ORDER) & (log.profile >= 0))
        rows = rows[self.rhythm_days[log.product[rows]] > 0]
        key, place = np.unique(log.profile[rows] * max(len(log.products), 1) + log.product[rows], return_inverse=True)
        self.last_at = np.full(len(key), -np.inf)
        np.maximum.at(self.last_at, place, log.at[rows])
        profile, self.product = np.divmod(key, max(len(log.products), 1))
        self.starts = np.searchsorted(profile, np.arange(len(log.profiles) + 1))
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return own products by how near their time is; a query without a time gets none."""
        known = (queries.profile >= 0) & (queries.profile < len(self.starts) - 1) & np.isfinite(queries.at)
        rows = np.flatnonzero(known)
        a, b = self.starts[queries.profile[rows]], self.starts[queries.profile[rows] + 1]
        row = np.repeat(rows, b - a)
        place = np.arange(len(row)) - np.repeat(np.cumsum(b - a) - (b - a), b - a) + np.repeat(a, b - a)
        days = np.maximum((queries.at[row] - self.last_at[place]) / DAY, 1e-3)
        product = self.product[place]
        doublings = np.log2(days / self.rhythm_days[product]) / SPREAD
        shape = (len(queries), len(self.rhythm_days))
        return top(matrix(np.exp(-0.5 * doublings**2), row, product, shape), depth)
