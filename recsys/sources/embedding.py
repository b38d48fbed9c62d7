"""Product vectors learned from what is touched together, and from attributes where history is thin.

Two towers without a network. The product tower: positive pointwise mutual information of products that share a session,
factorised (Levy and Goldberg, "Neural word embedding as implicit matrix factorization", NIPS 2014). The attribute
tower: a ridge regression from title words, category, brand and price band onto those vectors. A product touched `n`
times gets `n / (n + trust)` of its own vector and the rest from its attributes, so a new product has a place from its
first day. A shopper is the sum of what they touched last.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, csr, row_numbers
from recsys.catalog import Catalog
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.attributes import attribute_matrix
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.factors import dense_top, products_of_rows
from recsys.sources.item_knn import session_matrix

STEPS = 30  # of conjugate gradients; the ridge makes more of them change nothing


class Embedding(StoredArrays):
    """Cosine between the end of the session and every product. With a catalog it knows products nobody touched yet."""

    needs = Needs()
    _stored = ("vectors",)

    def __init__(
        self,
        catalog: Catalog | None = None,
        *,
        size: int = 64,
        decay: float = 0.8,
        history_share: float = 0.1,
        trust: float = 5.0,
        ridge: float = 0.3,
        seed: int = 7,
        name: str = "embedding",
    ) -> None:
        self.catalog, self.size, self.decay, self.history_share = catalog, size, decay, history_share
        self.trust, self.ridge, self.seed, self.name = trust, ridge, seed, name
        self.abilities = Abilities(repeats=True, new_products=catalog is not None, judges=True)
        self.vectors: Floats = np.zeros((0, size), dtype=np.float32)

    def fit(self, log: InteractionLog) -> Self:
        """Learn both towers."""
        touched = session_matrix(log)
        counts = np.bincount(touched.indices, minlength=touched.shape[1]).astype(np.float64)
        own = _unit(factorised(shared_information(touched, counts), self.size, self.seed))
        if self.catalog is not None:
            told = from_attributes(attribute_matrix(self.catalog), own, counts, self.ridge)
            share = (counts / (counts + self.trust))[:, None].astype(np.float32)
            own = _unit(share * own + (1.0 - share) * told)
        self.vectors = np.ascontiguousarray(own, dtype=np.float32)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products whose vectors point where the shopper's does."""
        return dense_top(self._shoppers(queries), self.vectors, depth)

    def judge(self, queries: Queries, query: Ints, product: Ints) -> Floats:
        """Return how far the vectors of products point where the shoppers' do."""
        return products_of_rows(self._shoppers(queries), query, self.vectors, product)

    def _shoppers(self, queries: Queries) -> Floats:
        products = self.vectors.shape[0]
        touched = queries.prefix_matrix(products, self.decay)
        if self.history_share:
            touched = touched + queries.history_matrix(products, 0.95, 50) * np.float32(self.history_share)
        return _unit(np.asarray(csr(touched) @ self.vectors))


def shared_information(touched: Matrix, counts: Floats) -> Matrix:
    """Return the positive pointwise mutual information of products x products from sessions x products."""
    lengths = np.maximum(np.diff(touched.indptr), 2) - 1.0
    shared = csr(touched.T @ touched.multiply((1.0 / lengths)[:, None]))  # a session spreads one link per product
    shared.setdiag(0)
    shared.eliminate_zeros()
    total = np.maximum(np.asarray(shared.sum(axis=1)).ravel(), 1e-9)
    damped = np.maximum(counts, 1.0) ** 0.75
    expected = total[row_numbers(shared.indptr)] * damped[shared.indices] / damped.sum()
    shared.data = np.maximum(np.log(shared.data / expected), 0.0).astype(np.float32)
    shared.eliminate_zeros()
    return shared


def factorised(values: Matrix, size: int, seed: int) -> Floats:
    """Return row vectors U sqrt(S) of a truncated decomposition by random projection (Halko et al. 2011)."""
    rows, columns = values.shape
    kept = min(size, rows, columns)
    sketch = values @ np.random.default_rng(seed).standard_normal((columns, min(kept + 16, columns)), dtype=np.float32)
    for _ in range(2):
        basis, _ = np.linalg.qr(sketch)
        sketch = values @ (values.T @ basis)
    basis, _ = np.linalg.qr(sketch)
    left, strength, _ = np.linalg.svd(np.asarray(values.T @ basis).T, full_matrices=False)
    found = np.zeros((rows, size), dtype=np.float32)
    found[:, :kept] = (basis @ left[:, :kept]) * np.sqrt(strength[:kept])
    return found


def from_attributes(attributes: Matrix, vectors: Floats, counts: Floats, ridge: float) -> Floats:
    """Return vectors predicted from attributes by ridge regression, learned from products with history.

    Solved in its dual form by conjugate gradients, all columns at once: (XX' + ridge / weight) a = vectors.
    """
    known: Ints = np.flatnonzero(counts > 0)
    if not len(known):
        return np.zeros_like(vectors)
    mine = attributes[known]
    loss = (ridge * (1.0 + 5.0 / counts[known]))[:, None].astype(np.float32)  # a product seen once says little
    wanted = vectors[known]
    dual = np.zeros_like(wanted)
    rest, direction = wanted.copy(), wanted.copy()
    before = np.sum(rest * rest, axis=0)
    for _ in range(STEPS):
        forward = np.asarray(mine @ (mine.T @ direction)) + loss * direction
        step = before / np.maximum(np.sum(direction * forward, axis=0), 1e-12)
        dual += step * direction
        rest -= step * forward
        after = np.sum(rest * rest, axis=0)
        direction = rest + direction * (after / np.maximum(before, 1e-12))
        before = after
    return np.asarray(attributes @ (mine.T @ dual), dtype=np.float32)


def _unit(vectors: Floats) -> Floats:
    lengths = np.sqrt(np.sum(vectors * vectors, axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)
