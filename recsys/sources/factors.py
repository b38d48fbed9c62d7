"""Matrix factorisation by `implicit`: ALS folds a shopper in from what they touched; BPR ranks by item factors."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from implicit.cpu.topk import topk

from recsys.arrays import Floats, Ints, Matrix, csr, empty, from_rows, matrix
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.threads import one_thread

WIDTHS = (4, 8, 16, 32)  # products of the shoppers that are solved together
CHUNK = 8_000  # pairs at a time: their vectors stay in the cache


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
    abilities = Abilities(repeats=True, judges=True)
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
        self._inverted: tuple[Floats, Floats] | None = None

    def fit(self, log: InteractionLog) -> Self:
        """Factorise shoppers x products."""
        interest = interest_matrix(log)
        if self.method == "als":
            interest.data = interest.data * np.float32(self.confidence / 2)
            with one_thread():
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
        with one_thread():  # its own threads and those of BLAS stand in each other's way
            model.fit(interest, show_progress=False)
        self.factors = np.ascontiguousarray(model.item_factors, dtype=np.float32)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products whose factors fit the shopper best."""
        return dense_top(self._shoppers(queries), self.factors, depth)

    def judge(self, queries: Queries, query: Ints, product: Ints) -> Floats:
        """Return how well products fit shoppers."""
        return products_of_rows(self._shoppers(queries), query, self.factors, product)

    def _shoppers(self, queries: Queries) -> Floats:
        products = self.factors.shape[0]
        touched = queries.prefix_matrix(products, 0.95) * np.float32(self.prefix_share)
        if self.history_share:
            touched = touched + queries.history_matrix(products, 0.99) * np.float32(self.history_share)
        return self._vectors(csr(touched))

    def _inverse(self) -> Floats:
        """The inverse of Y'Y + rI, reckoned once for the factors in force."""
        if self._inverted is None or self._inverted[0] is not self.factors:
            with one_thread():
                gram = self.factors.T @ self.factors + self.regularization * np.eye(self.factors.shape[1])
                self._inverted = (self.factors, np.linalg.inv(gram).astype(np.float32))
        return self._inverted[1]

    def _vectors(self, touched: Matrix) -> Floats:
        if self.method == "als":
            return fold_in(touched * np.float32(self.confidence), self.factors, self._inverse())
        total = np.maximum(np.asarray(touched.sum(axis=1)), 1e-9)
        return np.asarray(touched @ self.factors) / total


def fold_in(confidence: Matrix, factors: Floats, inverse: Floats) -> Floats:
    """Return shopper vectors x solving (Y'Y + Y'(C - I)Y + rI) x = Y'C p (Hu, Koren, Volinsky 2008, eq. 4).

    `inverse` is that of Y'Y + rI. A shopper who touched fewer products than a vector has numbers is solved for the
    products (Woodbury's identity)."""
    size = factors.shape[1]
    vectors = np.zeros((confidence.shape[0], size), dtype=np.float32)
    touched, least = np.diff(confidence.indptr), 0
    with one_thread():  # many small products: threads only get in each other's way
        for most in (*WIDTHS, int(touched.max(initial=0))):
            rows = np.flatnonzero((touched > least) & (touched <= most))
            if len(rows):
                solved = _by_products if most < size else _by_dimensions
                vectors[rows] = solved(confidence, rows, factors, inverse)
            least = max(least, most)
    return vectors


def _padded(confidence: Matrix, rows: Ints) -> tuple[Ints, Floats]:
    """Return the products of some rows and their confidences, 0 behind the last one."""
    lengths = np.diff(confidence.indptr)[rows]
    inside = np.arange(int(lengths.max())) < lengths[:, None]
    place = np.where(inside, confidence.indptr[rows][:, None] + np.arange(inside.shape[1]), 0)
    return confidence.indices[place], np.where(inside, confidence.data[place], np.float32(0.0))


def _by_products(confidence: Matrix, rows: Ints, factors: Floats, inverse: Floats) -> Floats:
    products, trust = _padded(confidence, rows)
    known = (trust > 0)[:, :, None]
    mine = np.where(known, factors[products], np.float32(0.0))
    spread = mine @ inverse
    alike = spread @ mine.transpose(0, 2, 1)
    wanted = np.where(known, (trust + 1.0)[:, :, None], 0.0).astype(np.float32)
    doubt = 1.0 / np.where(trust > 0, trust, np.float32(1.0))
    system = alike + np.eye(trust.shape[1], dtype=np.float32) * doubt[:, :, None]
    share = wanted - np.linalg.solve(system, alike @ wanted)
    return np.asarray((spread.transpose(0, 2, 1) @ share)[:, :, 0])


def _by_dimensions(confidence: Matrix, rows: Ints, factors: Floats, inverse: Floats) -> Floats:
    found = np.empty((len(rows), len(inverse)), dtype=np.float32)
    gram = np.linalg.inv(inverse.astype(np.float64))
    for place, row in enumerate(rows):
        a, b = confidence.indptr[row], confidence.indptr[row + 1]
        chosen, trust = factors[confidence.indices[a:b]], confidence.data[a:b]
        found[place] = np.linalg.solve(gram + (chosen.T * trust) @ chosen, chosen.T @ (trust + 1.0))
    return found


def products_of_rows(left: Floats, row: Ints, right: Floats, other: Ints) -> Floats:
    """Return the inner product of `left[row]` and `right[other]` for each pair, 0 where it is negative."""
    found = np.empty(len(row), dtype=np.float32)
    for start in range(0, len(row), CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = np.einsum("ij,ij->i", left[row[part]], right[other[part]])
    return np.maximum(found, 0.0)


def dense_top(vectors: Floats, factors: Floats, depth: int) -> Matrix:
    """Return the `depth` products of the largest positive inner product for each row of `vectors`."""
    rows, products = len(vectors), len(factors)
    if not rows or not products:
        return empty(rows, products)
    columns, values = topk(factors, vectors.astype(np.float32), min(depth, products))
    positive = values > 0
    indptr = np.concatenate([[0], np.cumsum(positive.sum(axis=1))])
    return from_rows(values[positive], columns[positive], indptr, (rows, products))
