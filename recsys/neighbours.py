"""Neighbours of every product: what comes next, what is similar, what complements, what would be a substitute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.arrays import Floats, Ints, Matrix, csr, empty, row_numbers, scaled, top
from recsys.catalog import Catalog
from recsys.columns import ORDER
from recsys.log import InteractionLog
from recsys.sources.item_knn import ItemKnn
from recsys.sources.popularity import DAY

SUBSTITUTES = 10
FEWEST_REPEATS = 3  # repeat purchases a product needs before its rhythm is believed


@dataclass(frozen=True)
class Neighbours:
    """Products x products, rows scaled to a best score of 1; `rhythm_days` is 0 where a product has no rhythm."""

    next: Matrix
    similar: Matrix
    complement: Matrix
    substitute: Matrix
    rhythm_days: Floats


def neighbours_of(log: InteractionLog, catalog: Catalog, depth: int) -> Neighbours:
    """Compute all lists; with views and orders apart where both exist."""
    ordered = log.event == ORDER
    following = _knn(log, depth)
    browsed = _knn(log.select(~ordered), depth) if bool((~ordered).any()) else empty(len(catalog), len(catalog))
    bought = _knn(log.select(ordered), depth) if bool(ordered.any()) else empty(len(catalog), len(catalog))
    alike = _same_category(browsed, catalog)
    substitute = top(alike, SUBSTITUTES)
    return Neighbours(
        next=scaled(following),
        similar=scaled(top(csr(alike + browsed * np.float32(0.2)), depth)),
        complement=scaled(_without(bought, substitute, depth)),
        substitute=scaled(substitute),
        rhythm_days=repeat_rhythm(log),
    )


def _knn(log: InteractionLog, depth: int) -> Matrix:
    similarity = ItemKnn("tfidf", neighbours=depth + 1).fit(log).similarity.copy()
    similarity.setdiag(0)
    similarity.eliminate_zeros()
    return top(csr(similarity), depth)


def _same_category(similarity: Matrix, catalog: Catalog) -> Matrix:
    rows = row_numbers(similarity.indptr)
    category = catalog.category
    same = (category[rows] == category[similarity.indices]) & (category[rows] >= 0)
    result = similarity.copy()
    result.data = np.where(same | (not catalog.categories), similarity.data, 0).astype(np.float32)
    result.eliminate_zeros()
    return result


def _without(similarity: Matrix, barred: Matrix, depth: int) -> Matrix:
    mask = barred.copy()
    mask.data = np.ones_like(mask.data)
    return top(csr(similarity - similarity.multiply(mask)), depth)


def repeat_rhythm(log: InteractionLog) -> Floats:
    """Return the median days between two purchases of a product by the same profile, 0 with fewer than 3 repeats."""
    rhythm = np.zeros(len(log.products))
    rows = np.flatnonzero((log.event == ORDER) & (log.profile >= 0))
    if not log.has_times or not len(rows):
        return rhythm
    order = rows[np.lexsort((log.at[rows], log.product[rows], log.profile[rows]))]
    profile, product, at = log.profile[order], log.product[order], log.at[order]
    repeat = (np.diff(profile) == 0) & (np.diff(product) == 0) & (np.diff(at) > DAY)
    gaps = pd.DataFrame({"product": product[1:][repeat], "days": np.diff(at)[repeat] / DAY})
    found = gaps.groupby("product")["days"].agg(["median", "size"])
    found = found[found["size"] >= FEWEST_REPEATS]
    rhythm[found.index.to_numpy(dtype=np.int64)] = found["median"].to_numpy()
    return rhythm


def rows_of(lists: Matrix, row: int) -> tuple[Ints, Floats]:
    """Return column numbers and values of one row, best first."""
    a, b = lists.indptr[row], lists.indptr[row + 1]
    return lists.indices[a:b], lists.data[a:b]
