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

KEPT = 100  # weights of each product


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
        head = head_of(log, self.head)
        weights = rebuilding(session_matrix(log, self.by_actor)[:, head], len(head), self.penalty)
        self.weights = widened(weights, head, len(log.products))
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products the model rebuilds from what the shopper touched."""
        products = self.weights.shape[0]
        wanted = queries.prefix_matrix(products, self.decay)
        if self.history_share:
            wanted = csr(wanted + queries.history_matrix(products, 0.99) * np.float32(self.history_share))
        return best_of_product(wanted, self.weights, depth)


def head_of(log: InteractionLog, most: int) -> Ints:
    """Return the numbers of the most touched products, rising."""
    counts = group_sums(np.ones(len(log)), log.product, len(log.products))
    return np.asarray(np.sort(np.argsort(-counts, kind="stable")[:most]))


def rebuilding(facts: Matrix, targets: int, penalty: float) -> Floats:
    """Return the weights, facts x targets, that rebuild the first `targets` columns from all others."""
    gram = np.asarray((facts.T @ facts).todense(), dtype=np.float32)
    gram[np.diag_indices(len(gram))] += penalty
    inverse = _inverse(gram)
    weights = -inverse[:, :targets] / np.diag(inverse)[:targets]
    weights[np.diag_indices(targets)] = 0.0
    return np.asarray(weights, dtype=np.float32)


def _inverse(gram: Floats) -> Floats:
    """Return the inverse of a symmetric positive matrix by Cholesky: half the work of a general one."""
    if not len(gram):
        return gram
    factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)


def widened(weights: Floats, head: Ints, products: int) -> Matrix:
    """Return the weights of the head as a matrix of all products: those furthest from 0 of each row.

    What speaks against a product counts as much as what speaks for it.
    """
    kept = min(KEPT, weights.shape[1])
    best = np.argpartition(-np.abs(weights), kept - 1, axis=1)[:, :kept] if kept else np.zeros((0, 0), dtype=np.int64)
    values = np.take_along_axis(weights, best, axis=1)
    lengths = np.zeros(products, dtype=np.int64)
    lengths[head] = kept
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return from_rows(values.ravel(), head[best].ravel(), indptr, (products, products))
