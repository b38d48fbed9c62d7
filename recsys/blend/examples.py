"""Examples for the re-ranker, cut out of the latest part of the log: what was known, and what came then.

Where the cut falls follows the data: at an add to cart where the shop has carts (the moment triggered mail starts
from), within a basket whose lines share one moment, else anywhere in the session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Bools, Ints, positions, row_numbers
from recsys.columns import CART
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.popularity import DAY

LONGEST_HISTORY = 400


@dataclass(frozen=True)
class Examples:
    """Questions and, ragged, their later products.

    `target_next` marks the product that came first, where order is all there is; with times what is wanted within the
    day counts alike."""

    queries: Queries
    target_start: Ints
    target: Ints
    target_next: Bools
    shopper: Ints  # of each question: one number per profile, for strangers per session

    def __len__(self) -> int:
        return len(self.queries)

    def slice(self, start: int, stop: int) -> Examples:
        """Return examples `start` to `stop` (excluded)."""
        a, b = self.target_start[start], self.target_start[min(stop, len(self))]
        starts = self.target_start[start : stop + 1] - a
        shopper = self.shopper[start:stop]
        return Examples(self.queries.slice(start, stop), starts, self.target[a:b], self.target_next[a:b], shopper)


def split_log(log: InteractionLog, start: float, end: float = 1.0) -> tuple[InteractionLog, InteractionLog]:
    """Return (earlier, later): sessions begun in the shares `start` .. `end` of all sessions, and what came before.

    The earlier part holds no row at or after the first moment of the later one; without times order stands for time.
    """
    if not len(log):
        return log, log
    began = log.began
    border, stop = np.quantile(began, start), np.quantile(began, end)
    of_row = began[log.session]
    late = (of_row >= border) & ((of_row < stop) | (end >= 1.0))
    early = (of_row < border) & ((log.at < border) | (not log.has_times))
    return log.select(early), log.select(late)


def latest_sessions(log: InteractionLog, most: int) -> InteractionLog:
    """Return the latest whole sessions of the log that hold at most `most` rows together; all of them where they do.

    The cut lies at one moment for everybody: what began after it is there whole, and nothing that began before it.
    """
    if len(log) <= most:
        return log
    of_row = log.began[log.session]
    last_left_out = np.partition(of_row, len(log) - most - 1)[len(log) - most - 1]
    return log.select(of_row > last_left_out)


def window_share(log: InteractionLog, examples: int, smallest: float, largest: float) -> float:
    """Return the share of the latest sessions that gives `examples`, within bounds.

    The smaller the window, the nearer the sources that are learned from come to those that serve; but a window must
    hold what shoppers do within a day.
    """
    share = examples / max(len(_cuts(log)), 1)
    if log.has_times and log.has_profiles and len(log):
        share = max(share, 3 * DAY / max(float(log.at.max() - log.at.min()), DAY))
    return float(np.clip(share, smallest, largest))


def cut_examples(past: InteractionLog, later: InteractionLog, *, most: int, seed: int) -> Examples:
    """Return at most `most` examples from the sessions of `later`, with histories from `past` only."""
    generator = np.random.default_rng(seed)
    cuts = _cuts(later)
    if len(cuts) > most:
        cuts = np.sort(generator.choice(cuts, most, replace=False))
    prefixes, targets, firsts = _around(later, cuts)
    histories = _histories(past, later.profile[cuts])
    at = later.at[cuts] if later.has_times else np.full(len(cuts), np.nan)
    queries = Queries.of(prefixes, histories, later.profile[cuts], at)
    starts = np.concatenate([[0], np.cumsum([len(t) for t in targets])]).astype(np.int64)
    flat = np.array([p for t in targets for p in t], dtype=np.int64)
    nexts = np.array(
        [p == first and not later.has_times for t, first in zip(targets, firsts, strict=True) for p in t], dtype=bool
    )
    return Examples(queries, starts, flat, nexts, later.actor[cuts])


def _cuts(log: InteractionLog) -> Ints:
    """Return the row of the last product of each prefix."""
    last = np.searchsorted(log.session, log.session, side="right") - 1
    first = np.searchsorted(log.session, log.session, side="left")
    row = np.arange(len(log))
    inside = row < last
    cart = (log.event == CART) & (inside | (log.has_profiles & log.has_times))
    if int(cart.sum()) >= 200:
        return np.flatnonzero(cart)
    starts = np.unique(first)
    at_once = log.at[starts] == log.at[last[starts]] if log.has_times else np.zeros(len(starts), dtype=bool)
    if float(at_once[last[starts] > starts].mean() if (last[starts] > starts).any() else 0.0) > 0.5:
        return _basket_cuts(starts[at_once & (last[starts] - starts >= 3)], last)
    return np.flatnonzero(inside)


def _basket_cuts(baskets: Ints, last: Ints) -> Ints:
    """Cut baskets in the middle, and those of six lines and more after a third and two thirds as well."""
    size = last[baskets] - baskets + 1
    long = size >= 6
    thirds = [baskets[long] + size[long] * part // 3 - 1 for part in (1, 2)]
    return np.sort(np.concatenate([baskets + size // 2 - 1, *thirds]))


def _around(log: InteractionLog, cuts: Ints) -> tuple[list[list[int]], list[list[int]], list[int]]:
    """Return prefix, later products and the first of them for each cut."""
    horizon = _profile_horizon(log) if log.has_profiles and log.has_times else None
    prefixes, targets, firsts = [], [], []
    begin = np.searchsorted(log.session, log.session[cuts], side="left")
    end = np.searchsorted(log.session, log.session[cuts], side="right")
    for cut, start, stop in zip(cuts.tolist(), begin.tolist(), end.tolist(), strict=True):
        rest = log.product[cut + 1 : stop].tolist()
        if horizon is not None and log.profile[cut] >= 0:
            rest = rest + horizon(cut)
        prefixes.append(log.product[start : cut + 1].tolist())
        firsts.append(rest[0] if rest else -1)
        targets.append(list(dict.fromkeys(rest)))
    return prefixes, targets, firsts


class _profile_horizon:  # noqa: N801 - called like a function
    """What a profile touches within a day after a row, in other sessions too."""

    def __init__(self, log: InteractionLog) -> None:
        self.log = log
        self.order = np.lexsort((log.at, log.profile))
        self.key = log.profile[self.order] * 1e11 + log.at[self.order]

    def __call__(self, row: int) -> list[int]:
        profile, at = self.log.profile[row] * 1e11, self.log.at[row]
        a, b = np.searchsorted(self.key, [profile + at, profile + at + DAY], side="right")
        rows = self.order[a : min(b, a + LONGEST_HISTORY)]  # a bot's day holds a hundred thousand
        others = rows[self.log.session[rows] != self.log.session[row]]
        return [int(p) for p in self.log.product[others]]


def looking_back(queries: Queries, past: InteractionLog, days: float) -> Queries:
    """Return queries cut out of a log that know of `past` what happened within `days` before they are asked."""
    rows, a, b = past.rows_of(queries.profile)
    at = past.at[rows]
    since = (queries.at - days * DAY).tolist()
    seen = [y - x - int(np.searchsorted(at[x:y], t)) for x, y, t in zip(a.tolist(), b.tolist(), since, strict=True)]
    lengths = np.diff(queries.history_start)
    kept = np.minimum(lengths, np.array(seen, dtype=np.int64))
    late = positions(queries.history_start) >= (lengths - kept)[row_numbers(queries.history_start)]
    starts = np.concatenate([[0], np.cumsum(kept)])
    return replace(queries, history_start=starts, history=queries.history[late])


def _histories(past: InteractionLog, profile: Ints) -> list[list[int]]:
    rows, a, b = past.rows_of(profile)
    a = np.maximum(a, b - LONGEST_HISTORY)
    return [
        past.product[rows[x:y]].tolist() if p >= 0 else []
        for x, y, p in zip(a.tolist(), b.tolist(), profile.tolist(), strict=True)
    ]
