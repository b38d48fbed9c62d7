"""Bestseller lists by context: shop, trend, category, brand, referral source, locality, and the new products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys import keys
from recsys.arrays import Bools, Floats, Ints, group_sums
from recsys.catalog import Catalog
from recsys.columns import Columns
from recsys.log import InteractionLog
from recsys.packing import Ranked
from recsys.sources.popularity import DAY, decayed_counts

Key = Callable[[str], str]

NEW_DAYS = 30.0
FEW_TOUCHES = 5  # a product with fewer sessions than this is new where publishing times are unknown
TREND_DAYS = 3.0


@dataclass(frozen=True)
class Visits:
    """The product of each interaction as a number of the catalog (-1: none of it) and, by column, where it came from: a
    place in a list of names, -1 unknown."""

    product: Ints
    by: Mapping[str, tuple[Ints, list[str]]]


def visits_of(frame: pd.DataFrame, catalog: Catalog) -> Visits:
    """Where the interactions of a frame came from, as far as it has columns for that."""
    by = {}
    for column in (Columns.REFERRAL, Columns.LOCALITY):
        if column in frame:
            codes, names = pd.factorize(frame[column].where(frame[column] != ""), use_na_sentinel=True)
            by[column] = (codes.astype(np.int64), [str(name) for name in names])
    product = catalog.products.numbers(frame[Columns.PRODUCT]) if by else np.zeros(0, dtype=np.int64)
    return Visits(product, by)


def bestseller_lists(
    log: InteractionLog, catalog: Catalog, visits: Visits, *, half_life_days: float, depth: int, now: float
) -> Iterator[tuple[str, Ranked]]:
    """Yield (cache key, ranked list) for every list that has at least one product of the catalog."""
    sellable = catalog.listed if catalog.listed.any() else np.ones(len(catalog), dtype=bool)
    counts = decayed_counts(log, half_life_days, now) * sellable
    trend = decayed_counts(log, TREND_DAYS, now) * sellable
    lists = [(keys.GLOBAL, "popular", counts), (keys.TRENDING, "trending", _rising(trend, counts))]
    lists.append((keys.NEW, "new", new_products(log, catalog, now)))
    for key, source, scores in lists:
        yield key, ranked(scores, catalog, source, depth)
    yield from _by_code(
        counts, catalog.category, catalog.categories, catalog, key=keys.category, source="category", depth=depth
    )
    yield from _by_code(counts, catalog.brand, catalog.brands, catalog, key=keys.brand, source="brand", depth=depth)
    kinds = ((Columns.REFERRAL, keys.referral, "referral"), (Columns.LOCALITY, keys.locality, "local"))
    for column, named, source in kinds:
        yield from _by_visit(visits, catalog, column, key=named, source=source, depth=depth, sellable=sellable)


def ranked(scores: Floats, catalog: Catalog, source: str, depth: int, rows: Ints | None = None) -> Ranked:
    """Return the best positive scores as a list; `rows` numbers the products where scores are only some of them."""
    best = np.argsort(-scores, kind="stable")[:depth]
    best = best[scores[best] > 0]
    peak = float(scores[best[0]]) if len(best) else 1.0
    chosen = best if rows is None else rows[best]
    return Ranked([str(p) for p in catalog.products.ids(chosen)], (scores[best] / peak).tolist(), source)


def _rising(trend: Floats, counts: Floats) -> Floats:
    return np.where(trend > 1.0, trend * trend / np.maximum(counts, 1e-9), 0.0)


def new_products(log: InteractionLog, catalog: Catalog, now: float) -> Floats:
    """Return a score per product, above 0 for new ones: the younger and the more wanted so far, the higher."""
    touches = group_sums(np.ones(len(log)), log.product, len(catalog))
    age = (now - catalog.published_at) / DAY
    if np.isfinite(catalog.published_at).any():
        young = catalog.listed & (age >= 0) & (age < NEW_DAYS)
        return np.where(young, (1.0 - np.nan_to_num(age) / (NEW_DAYS + 1)) * (1.0 + np.log1p(touches)), 0.0)
    return np.where(catalog.listed & (touches < FEW_TOUCHES), 1.0 + touches, 0.0)


def _by_code(
    counts: Floats, codes: Ints, names: list[str], catalog: Catalog, *, key: Key, source: str, depth: int
) -> Iterator[tuple[str, Ranked]]:
    order = np.lexsort((-counts, codes))
    starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
    for code, name in enumerate(names):
        rows = order[starts[code] : starts[code + 1]][:depth]
        found = ranked(counts[rows], catalog, source, depth, rows)
        if found.ids:
            yield key(name), found


def _by_visit(
    visits: Visits, catalog: Catalog, column: str, *, key: Key, source: str, depth: int, sellable: Bools
) -> Iterator[tuple[str, Ranked]]:
    if column not in visits.by:
        return
    codes, names = visits.by[column]
    used = (codes >= 0) & (visits.product >= 0)
    order = np.argsort(codes[used], kind="stable")
    product = visits.product[used][order]
    starts = np.searchsorted(codes[used][order], np.arange(len(names) + 1))
    for code in sorted(range(len(names)), key=names.__getitem__):
        mine = product[starts[code] : starts[code + 1]]
        found = ranked(group_sums(np.ones(len(mine)), mine, len(catalog)) * sellable, catalog, source, depth)
        if found.ids:
            yield key(names[code]), found
