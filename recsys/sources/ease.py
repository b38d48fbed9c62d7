"""EASE: a closed-form linear model between products (Steck, "Embarrassingly shallow autoencoders", WWW 2019)."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.linalg import lapack

from recsys.arrays import Floats, Ints, Matrix, best_of_product, csr, empty, from_rows, group_sums
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.item_knn import session_matrix


class Ease(StoredArrays):
    """Bounded to the `head` most wanted products, for its cost grows with their cube; keeps 100 weights per product."""

    needs = Needs()
    abilities = Abilities(repeats=False)
    _stored = ("weights",)

    def __init__(
        self,
        *,
        head: int = 3000,
        penalty: float = 200.0,
        by_actor: bool = False,
        decay: float = 0.95,
        history_share: float = 0.2,
        name: str = "ease",
    ) -> None:
        self.head, self.penalty, self.by_actor, self.name = head, penalty, by_actor, name
        self.decay, self.history_share = decay, history_share
        self.weights: Matrix = empty(0, 0)

    def fit(self, log: InteractionLog) -> Self:
        """Invert the Gram matrix of the head products."""
        counts = group_sums(np.ones(len(log)), log.product, len(log.products))
        head = np.sort(np.argsort(-counts, kind="stable")[: self.head])
        touched = session_matrix(log, self.by_actor)[:, head]
        gram = np.asarray((touched.T @ touched).todense(), dtype=np.float32)
        gram[np.diag_indices(len(head))] += self.penalty
        inverse = _inverse(gram)
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self.weights = _widened(weights.astype(np.float32), head, len(log.products))
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products the model rebuilds from what the shopper touched."""
        products = self.weights.shape[0]
        wanted = queries.prefix_matrix(products, self.decay)
        if self.history_share:
            wanted = csr(wanted + queries.history_matrix(products, 0.99) * np.float32(self.history_share))
        return best_of_product(wanted, self.weights, depth)


def _inverse(gram: Floats) -> Floats:
    """Return the inverse of a symmetric positive matrix by Cholesky: half the work of a general one."""
    if not len(gram):
        return gram
    factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)


def _widened(weights: Floats, head: Ints, products: int) -> Matrix:
    kept = min(100, weights.shape[1])
    best = np.argpartition(-weights, kept - 1, axis=1)[:, :kept] if kept else np.zeros((0, 0), dtype=np.int64)
    values = np.take_along_axis(weights, best, axis=1)
    lengths = np.zeros(products, dtype=np.int64)
    lengths[head] = kept
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return from_rows(values.ravel(), head[best].ravel(), indptr, (products, products))
