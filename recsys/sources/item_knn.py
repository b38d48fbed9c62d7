"""Item kNN: products wanted by the same shoppers are neighbours (TF-IDF, BM25 or cosine weights, by `implicit`)."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import scipy.sparse as sp
from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight, normalize, tfidf_weight

from recsys.arrays import Floats, Matrix, best_of_product, csr, empty, matrix, row_numbers, scaled, stacked, top
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays

Weighting = Literal["tfidf", "bm25", "cosine", "walk"]

CHUNK = 20_000  # products at a time, for memory
NEAR = 30  # neighbours that are followed a second time


def weighted(interest: Matrix, weighting: Weighting) -> Matrix:
    """Return shoppers x products, weighted as `implicit` does it: rare products and short sessions say more."""
    if weighting == "bm25":
        return sp.csr_matrix(bm25_weight(interest.T, 1.2, 0.75).T, dtype=np.float64)
    if weighting == "tfidf":
        with np.errstate(invalid="ignore"):  # a product of every session weighs nothing, and has no direction
            found = sp.csr_matrix(normalize(tfidf_weight(interest.T)).T, dtype=np.float64)
        found.data = np.nan_to_num(found.data)
        return found
    if weighting == "walk":
        return _walk(interest)
    return sp.csr_matrix(normalize(interest.T).T, dtype=np.float64)


def _twice(near: Matrix, neighbours: int) -> Matrix:
    parts = [best_of_product(csr(near[i : i + CHUNK]), near, neighbours) for i in range(0, near.shape[0], CHUNK)]
    return stacked(parts, near.shape[1])


def _walk(interest: Matrix) -> Matrix:
    """Weights of a random walk product - session - product, popular targets damped (RP3beta, Paudel et al. 2017)."""
    lengths = np.maximum(np.diff(interest.indptr), 1.0)[row_numbers(interest.indptr)]
    seen = np.maximum(np.bincount(interest.indices, minlength=interest.shape[1]), 1.0)[interest.indices]
    return sp.csr_matrix((lengths**-0.25 * seen**-0.4, interest.indices, interest.indptr), shape=interest.shape)


def session_matrix(log: InteractionLog, by_actor: bool = False) -> Matrix:
    """Return sessions (or shoppers) x products with ones."""
    rows = log.actor if by_actor else log.session
    size = len(log.profiles) + log.sessions if by_actor else log.sessions
    result = matrix(np.ones(len(log)), rows, log.product, (max(size, 1), max(len(log.products), 1)))
    result.data[:] = 1.0
    return result


def session_age(log: InteractionLog, by_actor: bool = False) -> Floats:
    """Return the age of each session (or shopper) as a share of the log's span, 0 newest .. 1 oldest."""
    rows = log.actor if by_actor else log.session
    latest = np.full(max(len(log.profiles) + log.sessions if by_actor else log.sessions, 1), -np.inf)
    stamp = log.at if log.has_times else log.session
    np.maximum.at(latest, rows, stamp)
    span = float(stamp.max() - stamp.min()) if len(log) else 0.0
    age = (stamp.max(initial=0) - latest) / max(span, 1e-9) if span else np.zeros(len(latest))
    return np.asarray(np.clip(age, 0.0, 1.0))


def faded(interest: Matrix, log: InteractionLog, fade: float, by_actor: bool = False) -> Matrix:
    """Weigh sessions by age: 1/e after the share `fade` of the log's span."""
    weight = np.sqrt(np.exp(-session_age(log, by_actor) / fade))  # both sides of a pair of products carry it
    result = interest.copy()
    result.data = result.data * weight[row_numbers(interest.indptr)]
    return result


class ItemKnn(StoredArrays):
    """Sums the similarities to the products of the session (recent ones count more) and, weakly, of the history.

    With `fade` links of recent sessions count more: 1/e after that share of the log's span.
    """

    needs = Needs()
    abilities = Abilities(repeats=True)
    _stored = ("similarity",)

    def __init__(
        self,
        weighting: Weighting = "tfidf",
        *,
        neighbours: int = 100,
        by_actor: bool = False,
        decay: float = 0.8,
        history_share: float = 0.0,
        hops: Literal[1, 2] = 1,
        fade: float = 0.0,
        name: str = "",
    ) -> None:
        self.name = name or f"item_knn_{weighting}"
        self.hops, self.fade = hops, fade
        self.weighting, self.neighbours, self.by_actor = weighting, neighbours, by_actor
        self.decay, self.history_share = decay, history_share
        self.similarity: Matrix = empty(0, 0)

    def fit(self, log: InteractionLog) -> Self:
        """Compute the nearest neighbours of every product."""
        if not len(log):  # `implicit` would divide by the mean length of no sessions
            size = max(len(log.products), 1)
            self.similarity = empty(size, size)
            return self
        model = ItemItemRecommender(K=self.neighbours, num_threads=0)
        interest = weighted(session_matrix(log, self.by_actor), self.weighting)
        if self.fade:
            interest = faded(interest, log, self.fade, self.by_actor)
        model.fit(interest, show_progress=False)
        self.similarity = csr(model.similarity)
        if self.hops == 2:
            self.similarity = _twice(scaled(top(self.similarity, NEAR)), self.neighbours)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products nearest to what the shopper touched."""
        products = self.similarity.shape[0]
        wanted = queries.prefix_matrix(products, self.decay)
        if self.history_share:
            wanted = wanted + queries.history_matrix(products) * np.float32(self.history_share)
        return best_of_product(csr(wanted), self.similarity, depth)
