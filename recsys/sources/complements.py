"""Bought together: what completes an order, never what would replace something in it."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys.arrays import Matrix, csr, empty, row_numbers, top
from recsys.catalog import Catalog
from recsys.columns import ORDER
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.item_knn import ItemKnn

SUBSTITUTES = 10


def nearest(log: InteractionLog, depth: int) -> Matrix:
    """Return the `depth` nearest other products of every product, best first."""
    return others(ItemKnn("tfidf", neighbours=depth + 1).fit(log), depth)


def others(known: ItemKnn, depth: int) -> Matrix:
    """Return the `depth` nearest of every product but itself."""
    similarity = known.similarity.copy()
    similarity.setdiag(0)
    similarity.eliminate_zeros()
    return top(csr(similarity), depth)


def same_category(similarity: Matrix, catalog: Catalog) -> Matrix:
    """Keep neighbours of the product's own category; all of them in a shop without categories."""
    rows = row_numbers(similarity.indptr)
    category = catalog.category
    same = (category[rows] == category[similarity.indices]) & (category[rows] >= 0)
    result = similarity.copy()
    result.data = np.where(same | (not catalog.categories), similarity.data, 0).astype(np.float32)
    result.eliminate_zeros()
    return result


def without(similarity: Matrix, barred: Matrix, depth: int) -> Matrix:
    """Return the best `depth` neighbours that are not in `barred`."""
    mask = barred.copy()
    mask.data = np.ones_like(mask.data)
    return top(csr(similarity - similarity.multiply(mask)), depth)


class Complements(StoredArrays):
    """Products ordered with those of the session, less their substitutes: what is compared with them before a purchase.

    A substitute is one of the ten nearest products of the same category by what is looked at together.
    """

    needs = Needs(orders=True)
    abilities = Abilities()
    _stored = ("together", "substitute")

    def __init__(
        self, catalog: Catalog, *, neighbours: int = 100, decay: float = 0.9, name: str = "complements"
    ) -> None:
        self.catalog, self.neighbours, self.decay, self.name = catalog, neighbours, decay, name
        self.together: Matrix = empty(0, 0)
        self.substitute: Matrix = empty(0, 0)

    def fit(self, log: InteractionLog) -> Self:
        """Learn complements from orders and substitutes from everything else."""
        ordered, size = log.event == ORDER, max(len(log.products), 1)
        browsed = nearest(log.select(~ordered), self.neighbours) if bool((~ordered).any()) else empty(size, size)
        bought = nearest(log.select(ordered), self.neighbours) if bool(ordered.any()) else empty(size, size)
        self.substitute = top(same_category(browsed, self.catalog), SUBSTITUTES)
        self.together = without(bought, self.substitute, self.neighbours)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return what goes with the session; neither its products nor a substitute of any of them."""
        touched = queries.prefix_matrix(self.together.shape[0], self.decay)
        barred = csr(touched + touched @ self.substitute)
        return without(csr(touched @ self.together), barred, depth)
