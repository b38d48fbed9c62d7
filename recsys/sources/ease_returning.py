"""EASE for shoppers who come back: what the session calls for, and what the shopper's history does."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.sparse as sp

from recsys.arrays import Matrix, best_of_product, csr, empty
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.ease import head_of, rebuilding, widened

LONGEST_SESSION, LONGEST_HISTORY = 200, 200  # latest rows of either that count


class EaseReturning(StoredArrays):
    """A linear model that rebuilds a session from its other products and from what the shopper touched before it.

    A product has weights of its own for either. In the history it may speak for itself, so that the model learns what
    is bought again; in the session it may not, for it would only copy itself. Bounded like `Ease`, and to the latest
    `sessions`.
    """

    needs = Needs(profiles=True)
    abilities = Abilities(repeats=True)
    _stored = ("weights", "history_weights")

    def __init__(
        self,
        *,
        head: int = 2500,
        penalty: float = 200.0,
        decay: float = 0.85,
        history_decay: float = 0.98,
        sessions: int = 60_000,
        name: str = "ease_returning",
    ) -> None:
        self.head, self.penalty, self.sessions, self.name = head, penalty, sessions, name
        self.decay, self.history_decay = decay, history_decay
        self.weights: Matrix = empty(0, 0)
        self.history_weights: Matrix = empty(0, 0)
        self._kept: tuple[Matrix, Matrix, Matrix] | None = None

    def fit(self, log: InteractionLog) -> Self:
        """Invert the Gram matrix of the head products, each once as part of sessions and once of histories."""
        head, size = head_of(log, self.head), len(log.products)
        visits = sessions_with_history(log, self.sessions)
        touched = visits.prefix_matrix(size, 1.0, LONGEST_SESSION)[:, head]
        weights = rebuilding(csr(sp.hstack([touched, self._history(visits, size)[:, head]])), len(head), self.penalty)
        self.weights = widened(weights[: len(head)], head, size)
        self.history_weights = widened(weights[len(head) :], head, size)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products the model rebuilds from session and history."""
        size = self.weights.shape[0]
        wanted = sp.hstack([queries.prefix_matrix(size, self.decay), self._history(queries, size)])
        return best_of_product(csr(wanted), self._joined(), depth)

    def _joined(self) -> Matrix:
        """Both kinds of weights below each other, put together once for those in force."""
        if self._kept is None or self._kept[0] is not self.weights or self._kept[1] is not self.history_weights:
            both = csr(sp.vstack([self.weights, self.history_weights]))
            self._kept = (self.weights, self.history_weights, both)
        return self._kept[2]

    def _history(self, queries: Queries, products: int) -> Matrix:
        return queries.history_matrix(products, self.history_decay, LONGEST_HISTORY)


def sessions_with_history(log: InteractionLog, most: int) -> Queries:
    """Return the latest `most` sessions as queries, each with what its profile touched in sessions before it."""
    session = np.arange(max(log.sessions - most, 0), log.sessions)
    starts, stops = np.searchsorted(log.session, session), np.searchsorted(log.session, session, side="right")
    profile = log.profile[starts]
    rows = np.flatnonzero(log.profile >= 0)
    rows = rows[np.argsort(log.profile[rows], kind="stable")]  # rows of one profile stay in the order of its sessions
    key = log.profile[rows] * max(log.sessions, 1) + log.session[rows]
    end = np.searchsorted(key, profile * max(log.sessions, 1) + session)
    begin = np.maximum(np.searchsorted(key, profile * max(log.sessions, 1)), end - LONGEST_HISTORY)
    length = np.where(profile >= 0, end - begin, 0)
    history_start = np.concatenate([[0], np.cumsum(length)])
    place = np.repeat(begin - history_start[:-1], length) + np.arange(history_start[-1])
    first = int(starts[0]) if len(starts) else 0
    return Queries(
        np.append(starts, stops[-1:] if len(stops) else [0]) - first,
        log.product[first:],
        history_start,
        log.product[rows[place]],
        profile,
        log.at[starts],
    )
