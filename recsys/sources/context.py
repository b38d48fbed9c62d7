"""Popularity in a context: the session's categories or brands, the referral source, the kind of shopper."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np

from recsys.arrays import Bools, Ints, Matrix, best_of_product, empty, matrix, top
from recsys.catalog import Catalog
from recsys.columns import ORDER
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays
from recsys.sources.popularity import decayed_weights, first_in_session

Context = Literal["category", "brand", "cohort", "referral"]

LIST = 300  # products kept per category, brand, source or cohort
COHORTS = 6


class PopularityBy(StoredArrays):
    """Time-decayed popularity in one context; where the context is unknown the answer is empty.

    `category` and `brand` follow the products of the session, recent ones more; `cohort` is how often a shopper came
    and ordered (`cohorts`); `referral` is where the visit came from.
    """

    abilities = Abilities(repeats=True)
    _stored = ("lists", "group")

    def __init__(self, by: Context, catalog: Catalog, *, half_life_days: float = 30.0, name: str = "") -> None:
        self.by, self.catalog, self.half_life_days, self.name = by, catalog, half_life_days, name or f"popular_{by}"
        self.needs = Needs(profiles=by == "cohort", attributes=by in ("category", "brand"))
        self.lists: Matrix = empty(0, 0)  # groups x products
        self.group: Ints = np.zeros(0, dtype=np.int64)  # of each product, or of each profile

    def fit(self, log: InteractionLog) -> Self:
        """Count interest per group and product."""
        rows, groups, size = self._groups(log)
        once = first_in_session(log)
        once = once[rows[once] >= 0]
        weight = decayed_weights(log, self.half_life_days)[once]
        shape = (max(size, 1), max(len(log.products), 1))
        self.lists, self.group = top(matrix(weight, rows[once], log.product[once], shape), LIST), groups
        return self

    def _groups(self, log: InteractionLog) -> tuple[Ints, Ints, int]:
        """Return the group of each row, what is kept to find a query's group by, and how many groups there are."""
        if self.by == "cohort":
            cohort = cohorts(log)
            return np.where(log.profile >= 0, cohort[log.profile] if len(cohort) else 0, 0), cohort, COHORTS
        if self.by == "referral":
            known = log.referral if log.referral is not None else np.full(len(log), -1)
            return known, np.zeros(0, dtype=np.int64), int(known.max(initial=-1)) + 1
        codes = self.catalog.category if self.by == "category" else self.catalog.brand
        return codes[log.product], codes, int(codes.max(initial=-1)) + 1

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return what is popular where each query stands."""
        return best_of_product(self._standing(queries), self.lists, depth)

    def _standing(self, queries: Queries) -> Matrix:
        size = self.lists.shape[0]
        if self.by in ("category", "brand"):
            touched = queries.prefix_matrix(self.lists.shape[1], 0.8, 10).tocoo()
            group, rows, weight = self.group[touched.col], touched.row, touched.data
        else:
            rows, weight = np.arange(len(queries), dtype=np.int32), np.ones(len(queries), dtype=np.float32)
            group = self._cohort(queries.profile) if self.by == "cohort" else _referral(queries)
        known = (group >= 0) & (group < size)
        return matrix(weight[known], rows[known], group[known], (len(queries), size))

    def _cohort(self, profile: Ints) -> Ints:
        known = (profile >= 0) & (profile < len(self.group))
        return np.asarray(np.where(known, self.group[np.where(known, profile, 0)] if len(self.group) else 0, 0))


def _referral(queries: Queries) -> Ints:
    return np.asarray(np.full(len(queries), -1) if queries.referral is None else queries.referral)


def cohorts(log: InteractionLog) -> Ints:
    """Return the cohort of each profile by frequency of visits and orders; strangers are cohort 0.

    1: one visit (0: none), 2: several visits, 3: one order, 4: two to four orders, 5: five and more.
    """
    size = len(log.profiles)
    visits, orders = _sessions_of(log, log.profile >= 0, size), _sessions_of(log, _ordered(log), size)
    by_orders = np.array([0, 3, 4, 4, 4, 5])[np.minimum(orders, 5)]
    return np.asarray(np.where(orders > 0, by_orders, np.minimum(visits, 2)))


def _ordered(log: InteractionLog) -> Bools:
    return np.asarray((log.profile >= 0) & (log.event == ORDER))


def _sessions_of(log: InteractionLog, rows: Bools, size: int) -> Ints:
    sessions = max(log.sessions, 1)
    visits = np.unique(log.profile[rows].astype(np.int64) * sessions + log.session[rows])
    return np.asarray(np.bincount(visits // sessions, minlength=size))
