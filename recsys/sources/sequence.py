"""Association and sequential rules: what is touched together, and what is touched after what."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys.arrays import Matrix, best_of_product, csr, empty, group_sums, matrix, row_numbers, top
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays

DEPTH = 100  # rules kept per product


class Sequence(StoredArrays):
    """Rules "after A comes B": each pair counts 1 / distance, distances up to `steps`, divided by how often A occurs.

    With `backward` above 0 pairs also count against the direction of time by that share: association rules at 1.
    """

    needs = Needs()
    abilities = Abilities(repeats=True)
    _stored = ("rules",)

    def __init__(self, *, steps: int = 10, backward: float = 0.0, decay: float = 0.5, name: str = "sequence") -> None:
        self.steps, self.backward, self.decay, self.name = steps, backward, decay, name
        self.rules: Matrix = empty(0, 0)

    def fit(self, log: InteractionLog) -> Self:
        """Count the pairs."""
        size = max(len(log.products), 1)
        total = empty(size, size)
        for distance in range(1, self.steps + 1):
            together = np.flatnonzero(log.session[distance:] == log.session[:-distance])
            if not len(together):
                break
            weights = np.full(len(together), 1.0 / distance)
            total = total + matrix(weights, log.product[together], log.product[together + distance], (size, size))
        if self.backward:
            total = total + csr(total.T) * np.float32(self.backward)
        self.rules = _confidence(csr(total), log)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return what usually follows the last products of the session."""
        return best_of_product(queries.prefix_matrix(self.rules.shape[0], self.decay, 10), self.rules, depth)


def _confidence(total: Matrix, log: InteractionLog) -> Matrix:
    occurrences = group_sums(np.ones(len(log)), log.product, total.shape[0])
    rules = top(total, DEPTH)
    rules.data = (rules.data / (occurrences[row_numbers(rules.indptr)] + 1.0)).astype(np.float32)
    return rules
