"""Features of shoppers who come back: what they did on which visits, and what lay near what in their own history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints, group_sums, positions, row_numbers
from recsys.columns import CART, ORDER, VIEW, WISH
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.popularity import DAY

PROFILE = (
    *("views", "wishes", "carts", "orders", "hours_since_touched", "sessions_with_product"),
    *("visit_share", "visits_since", "visits", "hours_since_visit"),
)
OWN = ("own_after", "own_near", "own_link")
HISTORY = ("session_in_history", "session_place_in_history")
LATEST = 10  # products of the session that are looked for in the history
AFTER = 4  # of those: the ones that a product may come after
WINDOW = 30  # places in the history to either side of them
OFTEN = 8  # latest places of one product in a history


@dataclass(frozen=True)
class Touches:
    """What each profile did with each product, sorted by key profile * products + product, and on how many visits."""

    key: Ints
    by_event: Floats  # one column per event
    last_at: Floats
    sessions: Floats
    visits_since: Floats  # of the profile, after the last one that touched the product
    visits: Ints  # per profile
    last_visit_at: Floats

    @classmethod
    def of(cls, log: InteractionLog) -> Touches:
        """Return what the known profiles of the log did."""
        rows = np.flatnonzero(log.profile >= 0)
        profile, session = log.profile[rows].astype(np.int64), log.session[rows]
        key, cell = np.unique(profile * len(log.products) + log.product[rows], return_inverse=True)
        visit, of_row = np.unique(profile * max(log.sessions, 1) + session, return_inverse=True)
        visits = np.bincount(visit // max(log.sessions, 1), minlength=len(log.profiles))
        number = positions(np.concatenate([[0], np.cumsum(visits)]))[of_row]  # of the visit, among its profile's
        latest = np.zeros(len(key), dtype=np.int64)
        np.maximum.at(latest, cell, number)
        events = [group_sums((log.event[rows] == e).astype(float), cell, len(key)) for e in (VIEW, WISH, CART, ORDER)]
        last, seen = np.zeros(len(key)), np.full(len(log.profiles), np.nan)
        np.maximum.at(last, cell, log.at[rows])
        np.fmax.at(seen, profile, log.at[rows])
        both = np.unique(cell.astype(np.int64) * max(len(visit), 1) + of_row) // max(len(visit), 1)
        sessions = np.bincount(both, minlength=len(key)).astype(float)
        since = visits[key // max(len(log.products), 1)] - 1 - latest
        return cls(key, np.stack(events, axis=1), last, sessions, since, visits, seen)

    def block(self, queries: Queries, query: Ints, product: Ints, products: int) -> Floats:
        """Return the columns of PROFILE for pairs of a row of `queries` and a product."""
        result = _strangers(len(query))
        profile = queries.profile[query]
        known = np.flatnonzero((profile >= 0) & (profile < len(self.visits)))
        if not len(known) or not len(self.key):
            return result
        visits, asked_at = self.visits[profile[known]], queries.at[query[known]]
        result[known, 6] = 0.0
        result[known, 8] = visits
        result[known, 9] = _hours(asked_at - self.last_visit_at[profile[known]])
        key = profile[known] * products + product[known]
        place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        found = self.key[place] == key
        at, rows = place[found], known[found]
        result[rows, :4] = self.by_event[at]
        result[rows, 4] = _hours(asked_at[found] - self.last_at[at])
        result[rows, 5] = self.sessions[at]
        result[rows, 6] = self.sessions[at] / np.maximum(visits[found], 1)
        result[rows, 7] = self.visits_since[at]
        return result


def profile_block(touches: Touches | None, queries: Queries, query: Ints, product: Ints, products: int) -> Floats:
    """Return `Touches.block`, or what strangers get where the log knows nobody."""
    return _strangers(len(query)) if touches is None else touches.block(queries, query, product, products)


def _strangers(rows: int) -> Floats:
    result = np.zeros((rows, len(PROFILE)), np.float32)
    result[:, [4, 6, 7, 9]] = np.nan
    return result


def _hours(seconds: Floats) -> Floats:
    return np.asarray(np.log1p(np.maximum(seconds, 0.0) / DAY * 24.0))


def history_block(queries: Queries, products: int) -> Floats:
    """Return, for each query, which share of the session's products its history holds (NaN without history), and how
    far back they lie in it on average: 0 at its end, 1 at its start, NaN where it holds none."""
    rows, row = row_numbers(queries.history_start), row_numbers(queries.prefix_start)
    length = np.diff(queries.history_start)
    back = (length[rows] - 1 - positions(queries.history_start)) / np.maximum(length[rows], 1)
    held, inverse = np.unique(rows * products + queries.history, return_inverse=True)
    nearest = np.ones(len(held))
    np.minimum.at(nearest, inverse, back)
    asked = np.unique(row * products + queries.prefix)
    known = np.isin(asked, held)
    of, size = asked // max(products, 1), len(queries)
    hits = np.bincount(of[known], minlength=size)
    places = group_sums(nearest[np.searchsorted(held, asked[known])], of[known], size)
    share = np.where(length > 0, hits / np.maximum(np.bincount(of, minlength=size), 1), np.nan)
    return np.stack([share, np.where(hits > 0, places / np.maximum(hits, 1), np.nan)], axis=1)


def own_block(queries: Queries, key: Ints, products: int) -> Floats:
    """Return how the product stands in the history to the last products of the session: how soon it came after one of
    them (1 right after the last one, falling), near how many of them it lay, and how near (sum of 1 / (3 + places)).

    `key` is the sorted query * products + product of each pair. A regular orders in the same order again.
    """
    result = np.zeros((len(key), len(OWN)), np.float32)
    at, back = _met_again(queries, products)
    if not len(at) or not len(key):
        return result
    rows = row_numbers(queries.history_start)
    steps = np.array([*range(-WINDOW, 0), *range(1, WINDOW + 1)])
    place = (at[:, None] + steps).ravel()
    inside = (place >= 0) & (place < len(rows))
    place, met = place[inside], np.repeat(np.arange(len(at)), len(steps))[inside]
    step = np.tile(steps, len(at))[inside]
    inside = rows[place] == rows[at[met]]
    place, met, step = place[inside], met[inside], step[inside]
    cell = rows[place] * products + queries.history[place]
    found = np.minimum(np.searchsorted(key, cell), len(key) - 1)
    hit = key[found] == cell
    found, behind, step = found[hit], back[met[hit]], step[hit]
    follows = (step > 0) & (behind < AFTER)
    np.maximum.at(result[:, 0], found[follows], (1.0 / (step + behind)[follows]).astype(np.float32))
    nearest, first = _nearest(found * LATEST + behind, np.abs(step))
    result[:, 1] = np.bincount(nearest // LATEST, minlength=len(key))
    result[:, 2] = group_sums(1.0 / (3.0 + first), nearest // LATEST, len(key))
    return result


def _nearest(cell: Ints, distance: Ints) -> tuple[Ints, Ints]:
    """Return each cell once, with its smallest distance."""
    order = np.lexsort((distance, cell))
    cells, first = np.unique(cell[order], return_index=True)
    return cells, distance[order][first]


def _met_again(queries: Queries, products: int) -> tuple[Ints, Ints]:
    """Return the places in `queries.history` of the session's last products, and how many steps before its end each of
    them stands. A product counts at its latest place in the session, and at its latest few of the history."""
    row, size = row_numbers(queries.prefix_start), np.diff(queries.prefix_start)
    back = size[row] - 1 - positions(queries.prefix_start)
    near = back < LATEST
    asked, behind = _nearest(row[near] * products + queries.prefix[near], back[near])
    cell = row_numbers(queries.history_start) * products + queries.history
    if not len(asked):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    place = np.minimum(np.searchsorted(asked, cell), len(asked) - 1)
    rows = np.flatnonzero(asked[place] == cell)[::-1]
    rows = rows[np.argsort(place[rows], kind="stable")]  # by product, the latest first
    starts = np.searchsorted(place[rows], np.arange(len(asked) + 1))
    rows = rows[positions(starts) < OFTEN]
    return rows, behind[place[rows]]
