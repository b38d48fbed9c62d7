"""Precomputed slates: what a fitted model says about many profiles at once, as bytes for the cache.

A record holds the list `blend`, whatever the shopper most likely wants next, and the list `unseen`: products the
shopper never touched, beyond those that `blend` has already, so that slots for new products do not run dry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from recsys import keys
from recsys.arrays import Bools, Ints, Matrix, csr, row_numbers, scaled, top
from recsys.catalog import Catalog
from recsys.ids import IdMap
from recsys.log import InteractionLog, build_log
from recsys.packing import pack_lists
from recsys.queries import Queries
from recsys.sources.popularity import DAY

HISTORY = 400
UNSEEN = 20
DEEPEST = 120  # candidates asked for, so that enough of them were never touched


class Scores(Protocol):
    """Anything that ranks: a fitted source or blend."""

    def score(self, queries: Queries, depth: int) -> Matrix: ...


@dataclass(frozen=True)
class Slates:
    """Slates of some profiles, a row each: `best` whatever is wanted next, `unseen` never touched and not in `best`."""

    best: Matrix
    unseen: Matrix

    def packed(
        self, profile_ids: Sequence[str], names: Sequence[str], *, version: str, made_at: datetime
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (key, bytes) of every profile that has a slate; `names` are the product ids by column."""
        encoded = [name.encode() for name in names]
        parts = {"blend": self.best, "unseen": self.unseen}
        for row, record in enumerate(pack_lists(parts, encoded, "blend", version=version, made_at=made_at)):
            if record:
                yield keys.profile(profile_ids[row]), record


def slates_of(model: Scores, queries: Queries, depth: int) -> Slates:
    """Ask a model about all queries, best first, and part what the shopper touched from what is new to them."""
    scores = scaled(model.score(queries, max(depth, DEEPEST)))
    best, fresh = top(scores, depth), scores.copy()
    fresh.data = np.where(_touched(scores, queries), 0.0, scores.data).astype(np.float32)
    fresh = top(csr(fresh), UNSEEN)
    fresh.data = np.where(_held(fresh, best), 0.0, fresh.data).astype(np.float32)
    return Slates(best, top(csr(fresh), UNSEEN))


def _keys(matrix: Matrix) -> Ints:
    return np.asarray(row_numbers(matrix.indptr) * matrix.shape[1] + matrix.indices)


def _held(matrix: Matrix, by: Matrix) -> Bools:
    return np.isin(_keys(matrix), _keys(by))


def _touched(scores: Matrix, queries: Queries) -> Bools:
    products = scores.shape[1]
    touched = [
        row_numbers(starts) * products + items
        for starts, items in ((queries.prefix_start, queries.prefix), (queries.history_start, queries.history))
    ]
    return np.isin(_keys(scores), np.concatenate(touched))


def profile_queries(log: InteractionLog, recent: int, chosen: Ints, days: float | None = None) -> Queries:
    """Return one query per chosen profile: its latest session as the prefix, its other recent rows as the history.

    The prefix holds at most `recent` rows, the history 400, oldest first, of the last `days` where given; the time
    asked is that of the profile's own last row, as in the examples the order was learned from.
    """
    rows, starts, stops = log.rows_of(chosen)
    prefixes, histories, at = [], [], np.full(len(chosen), np.nan)
    came_from = None if log.referral is None else np.full(len(chosen), -1)
    for place, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        mine = rows[max(start, stop - HISTORY) : stop]
        if days is not None and log.has_times and len(mine):
            mine = mine[log.at[mine] >= log.at[mine[-1]] - days * DAY]
        live = log.session[mine] == (log.session[mine[-1]] if len(mine) else -1)
        prefixes.append(log.product[mine[live]][-recent:].tolist())
        histories.append(log.product[mine[~live]].tolist())
        if log.has_times and len(mine):
            at[place] = log.at[mine[-1]]
        if came_from is not None and log.referral is not None and len(mine):
            told = log.referral[mine[live]]
            came_from[place] = told[told >= 0][-1] if (told >= 0).any() else -1
    return Queries.of(prefixes, histories, chosen, at, came_from)


@dataclass(frozen=True)
class Model:
    """A fitted model with the log it learned from: it can be asked again, about shoppers who came back since.

    `days` is how far before a question it looks into a shopper's history, None: as far as there is one. A model that
    learned from the latest sessions only saw no longer histories than these span, and is asked with no longer ones.
    """

    catalog: Catalog
    log: InteractionLog
    scores: Scores
    version: str
    depth: int = 40
    recent: int = 30
    days: float | None = None

    def answer(
        self, queries: Queries, profile_ids: Sequence[str], made_at: datetime, **numbered: IdMap
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (key, bytes) for queries in the numbers of some id maps: `products`, `profiles` and, where queries say
        where shoppers came from, `referrals` (default: its own)."""
        asked = self._translated(queries, **numbered) if numbered else queries
        names = [str(one) for one in self.catalog.products.external]
        slates = slates_of(self.scores, asked, self.depth)
        return slates.packed(profile_ids, names, version=self.version, made_at=made_at)

    def answer_rows(self, interactions: pd.DataFrame, made_at: datetime) -> Iterator[tuple[str, bytes]]:
        """Yield (key, bytes) for every profile of some interactions, from these rows alone."""
        queries, ids = self.queries_of(interactions)
        return self.answer(queries, ids, made_at)

    def queries_of(self, interactions: pd.DataFrame) -> tuple[Queries, list[str]]:
        """Return what to ask about every profile of some interactions, in this model's numbers, and their ids."""
        log = build_log(interactions, self.catalog.products)
        queries = profile_queries(log, self.recent, np.arange(len(log.profiles)), self.days)
        asked = self._translated(queries, self.catalog.products, log.profiles, log.referrals)
        return asked, [str(one) for one in log.profiles.external]

    def _translated(
        self, queries: Queries, products: IdMap, profiles: IdMap, referrals: IdMap | None = None
    ) -> Queries:
        who = np.append(self.log.profiles.numbers(profiles.external), -1)
        came_from = None
        if queries.referral is not None and referrals is not None:
            came_from = np.append(self.log.referrals.numbers(referrals.external), -1)[queries.referral]
        if products is self.catalog.products:
            return replace(queries, profile=who[queries.profile], referral=came_from)
        numbers = np.asarray(self.catalog.products.numbers(products.external))
        prefixes = [row.tolist() for row in _rows(queries.prefix_start, numbers[queries.prefix])]
        histories = [row.tolist() for row in _rows(queries.history_start, numbers[queries.history])]
        return Queries.of(prefixes, histories, who[queries.profile], queries.at, came_from)


def _rows(starts: Ints, items: Ints) -> list[Ints]:
    return np.split(items, starts[1:-1])
