"""Session kNN (V-SKNN / STAN family): sessions like this one vote for their products.

After Ludewig and Jannach, "Evaluation of session-based recommendation algorithms" (2018), and Garg et al., "Sequence
and time aware neighborhood for session-based recommendations" (SIGIR 2019), as sparse products over whole batches: only
the most recent sessions of each product are compared.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys.arrays import Floats, Matrix, best_of_product, csr, empty, group_sums, stacked, top
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.item_knn import session_age, session_matrix

BATCH = 256


class SessionKnn(StoredArrays):
    """Cosine between sessions with recent products of the query weighing more, older sessions less.

    With `by_actor` whole shoppers are compared and vote instead of sessions.

    `recent` sessions per product are compared, `neighbours` vote; `fade` is the share of the log's time span (or of its
    sessions) after which a session counts 1/e.
    """

    needs = Needs()
    abilities = Abilities(repeats=True)
    _stored = ("index", "sessions", "idf")

    def __init__(
        self,
        *,
        neighbours: int = 200,
        recent: int = 300,
        decay: float = 0.75,
        fade: float = 0.5,
        history_share: float = 0.0,
        by_actor: bool = False,
        name: str = "session_knn",
    ) -> None:
        self.neighbours, self.recent, self.decay, self.fade, self.name = neighbours, recent, decay, fade, name
        self.history_share, self.by_actor = history_share, by_actor
        self.index: Matrix = empty(0, 0)
        self.sessions: Matrix = empty(0, 0)
        self.idf: Floats = np.zeros(0)

    def fit(self, log: InteractionLog) -> Self:
        """Index the most recent sessions of every product."""
        self.sessions = session_matrix(log, self.by_actor)
        lengths = np.maximum(np.diff(self.sessions.indptr), 1)
        age = session_age(log, self.by_actor)
        strength = np.exp(-age / self.fade) / np.sqrt(lengths)
        by_product = csr(self.sessions.T)
        newest = by_product.copy()
        newest.data = (2.0 - age[by_product.indices]).astype(np.float32)
        newest = top(newest, self.recent)
        newest.data = strength[newest.indices].astype(np.float32)
        self.index = newest
        seen = group_sums(np.ones(self.sessions.nnz), self.sessions.indices, self.sessions.shape[1])
        self.idf = np.log(self.sessions.shape[0] / np.maximum(seen, 1.0)) + 0.1
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products of the nearest sessions."""
        parts = [self._score(queries.slice(i, i + BATCH), depth) for i in range(0, len(queries), BATCH)]
        return stacked(parts, self.sessions.shape[1])

    def _score(self, queries: Queries, depth: int) -> Matrix:
        products = self.sessions.shape[1]
        wanted = queries.prefix_matrix(products, self.decay, 30)
        if self.history_share:
            wanted = csr(wanted + queries.history_matrix(products, 0.99) * np.float32(self.history_share))
        weighted = wanted.copy()
        weighted.data = (wanted.data * np.sqrt(np.maximum(self.idf[wanted.indices], 0.0))).astype(np.float32)
        near = best_of_product(weighted, self.index, self.neighbours, in_order=False)
        return best_of_product(near, self.sessions, depth, np.sqrt(np.maximum(self.idf, 0.0)))
