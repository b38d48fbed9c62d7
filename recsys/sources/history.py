"""The shopper's own products: pick up where you left off, and buy again."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys.arrays import Matrix, csr, top
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays


class History(StoredArrays):
    """Own products, recent ones first, often touched ones more; the control every evaluation is compared with."""

    needs = Needs()
    abilities = Abilities(strangers=False, repeats=True)
    _stored = ("products",)

    def __init__(self, *, decay: float = 0.98, name: str = "history") -> None:
        self.decay, self.name = decay, name
        self.products = np.zeros(1, dtype=np.int64)

    def fit(self, log: InteractionLog) -> Self:
        """Only the number of products matters: the rest comes with the query."""
        self.products = np.array([len(log.products)])
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return own products by recency."""
        size = int(self.products[0])
        recent = queries.prefix_matrix(size, self.decay, 200) * np.float32(2.0)
        earlier = queries.history_matrix(size, self.decay, 400)
        return top(csr(recent + earlier), depth)
