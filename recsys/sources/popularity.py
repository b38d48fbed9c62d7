"""Popularity: what everybody wants, with older interest counting less."""

from __future__ import annotations

from typing import Self

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, csr, from_rows, group_sums, top
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays

DAY = 86_400.0


def decayed_counts(log: InteractionLog, half_life_days: float, now: float | None = None) -> Floats:
    """Return one score per product: event weights, halved every `half_life_days` before `now`.

    A session counts each product and event once, so that ten thousand identical events weigh as much as one. Logs
    without times take the share of sessions instead of days: half weight after `half_life_days` percent of them.
    """
    once = first_in_session(log)
    return group_sums(decayed_weights(log, half_life_days, now)[once], log.product[once], len(log.products))


def decayed_weights(log: InteractionLog, half_life_days: float, now: float | None = None) -> Floats:
    """Return the event weight of each row, halved every `half_life_days` before `now` (default: the last row)."""
    return np.asarray(log.weight * np.power(0.5, _age_days(log, now) / half_life_days))


def first_in_session(log: InteractionLog) -> Ints:
    """Return the row numbers where a session touches a product with an event for the first time."""
    key = (log.session.astype(np.int64) * len(log.products) + log.product) * 4 + log.event
    _, rows = np.unique(key, return_index=True)
    return np.asarray(rows)


def _age_days(log: InteractionLog, now: float | None) -> Floats:
    if not len(log):
        return np.zeros(0)
    if log.has_times:
        return np.maximum((log.at.max() if now is None else now) - log.at, 0.0) / DAY
    return np.asarray(log.sessions - 1 - log.session) * (100.0 / max(log.sessions, 1))


class Popularity(StoredArrays):
    """Time-decayed popularity of the whole shop; the same answer for every query."""

    needs = Needs()
    abilities = Abilities(repeats=True)
    _stored = ("counts",)

    def __init__(self, name: str = "popular", half_life_days: float = 30.0) -> None:
        self.name = name
        self.half_life_days = half_life_days
        self.counts: Floats = np.zeros(0)

    def fit(self, log: InteractionLog) -> Self:
        """Count interest per product."""
        self.counts = decayed_counts(log, self.half_life_days)
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the same `depth` products for every query."""
        row = top(csr(self.counts[None, :]), depth)
        size = len(queries)
        starts = np.arange(size + 1) * len(row.data)
        return from_rows(np.tile(row.data, size), np.tile(row.indices, size), starts, (size, len(self.counts)))
