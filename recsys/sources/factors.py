"""Matrix factorisation by `implicit`: ALS folds a shopper in from what they touched; BPR ranks by item factors."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from implicit.cpu.topk import topk
from threadpoolctl import threadpool_limits

from recsys.arrays import Floats, Matrix, csr, empty, from_rows, matrix
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays


def interest_matrix(log: InteractionLog, longest: float = 6.0) -> Matrix:
    """Return shoppers (strangers: sessions) x products with summed event weights, capped at `longest`."""
    _, rows = np.unique(log.actor, return_inverse=True)
    size = int(rows.max(initial=-1)) + 1
    result = matrix(log.weight, rows, log.product, (max(size, 1), max(len(log.products), 1)))
    result.data = np.minimum(result.data, longest)
    return result


class Factors(StoredArrays):
    """Shopper vectors are solved at asking time, so that strangers and new sessions are served as well."""

    needs = Needs()
    abilities = Abilities(repeats=True)
    _stored = ("factors",)

    def __init__(
        self,
        method: Literal["als", "bpr"] = "als",
        *,
        size: int = 64,
        iterations: int = 12,
        regularization: float = 0.05,
        history_share: float = 0.4,
        prefix_share: float = 1.0,
        confidence: float = 10.0,
        seed: int = 7,
        name: str = "",
    ) -> None:
        self.method, self.size, self.iterations, self.seed = method, size, iterations, seed
        self.regularization, self.history_share, self.confidence = regularization, history_share, confidence
        self.prefix_share = prefix_share
        self.name = name or method
        self.factors: Floats = np.zeros((0, size), dtype=np.float32)

    def fit(self, log: InteractionLog) -> Self:
        """Factorise shoppers x products."""
        interest = interest_matrix(log)
        if self.method == "als":
            interest.data = interest.data * np.float32(self.confidence / 2)
            with threadpool_limits(1, "blas"):
                model = AlternatingLeastSquares(
                    factors=self.size,
                    iterations=self.iterations,
                    regularization=self.regularization,
                    random_state=self.seed,
                )
        else:
            model = BayesianPersonalizedRanking(
                factors=self.size, iterations=40, learning_rate=0.05, random_state=self.seed, num_threads=1
            )
        with threadpool_limits(1, "blas"):  # its own threads and those of BLAS stand in each other's way
            model.fit(interest, show_progress=False)
        self.factors = np.ascontiguousarray(model.item_factors, dtype=np.float32)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products whose factors fit the shopper best."""
        products = self.factors.shape[0]
        touched = queries.prefix_matrix(products, 0.95) * np.float32(self.prefix_share)
        if self.history_share:
            touched = touched + queries.history_matrix(products, 0.99) * np.float32(self.history_share)
        return dense_top(self._vectors(csr(touched)), self.factors, depth)

    def _vectors(self, touched: Matrix) -> Floats:
        if self.method == "als":
            return fold_in(touched * np.float32(self.confidence), self.factors, self.regularization)
        total = np.maximum(np.asarray(touched.sum(axis=1)), 1e-9)
        return np.asarray(touched @ self.factors) / total


def fold_in(confidence: Matrix, factors: Floats, regularization: float) -> Floats:
    """Return shopper vectors x solving (Y'Y + Y'(C - I)Y + rI) x = Y'C p (Hu, Koren, Volinsky 2008, eq. 4)."""
    gram = factors.T @ factors + regularization * np.eye(factors.shape[1], dtype=np.float32)
    vectors = np.zeros((confidence.shape[0], factors.shape[1]), dtype=np.float32)
    filled = np.flatnonzero(np.diff(confidence.indptr))
    if not len(filled):
        return vectors
    systems = np.repeat(gram[None].astype(np.float32), len(filled), axis=0)
    with threadpool_limits(1, "blas"):  # many small products: threads only get in each other's way
        for place, row in enumerate(filled):
            a, b = confidence.indptr[row], confidence.indptr[row + 1]
            chosen = factors[confidence.indices[a:b]]
            systems[place] += (chosen.T * confidence.data[a:b]) @ chosen
        raised = confidence.copy()
        raised.data = confidence.data + np.float32(1.0)
        wanted = np.asarray(raised[filled] @ factors)
        vectors[filled] = np.linalg.solve(systems, wanted[:, :, None])[:, :, 0]
    return vectors


def dense_top(vectors: Floats, factors: Floats, depth: int) -> Matrix:
    """Return the `depth` products of the largest positive inner product for each row of `vectors`."""
    rows, products = len(vectors), len(factors)
    if not rows or not products:
        return empty(rows, products)
    columns, values = topk(factors, vectors.astype(np.float32), min(depth, products))
    positive = values > 0
    indptr = np.concatenate([[0], np.cumsum(positive.sum(axis=1))])
    return from_rows(values[positive], columns[positive], indptr, (rows, products))
