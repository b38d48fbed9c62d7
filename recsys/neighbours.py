"""Neighbours of every product: what comes next, what is similar, what complements, what would be a substitute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Matrix, csr, empty, scaled, top
from recsys.catalog import Catalog
from recsys.columns import ORDER
from recsys.log import InteractionLog
from recsys.sources.complements import SUBSTITUTES, nearest, others, same_category, without
from recsys.sources.item_knn import ItemKnn
from recsys.sources.rhythm import repeat_rhythm


@dataclass(frozen=True)
class Neighbours:
    """Products x products, rows scaled to a best score of 1; `rhythm_days` is 0 where a product has no rhythm."""

    next: Matrix
    similar: Matrix
    complement: Matrix
    substitute: Matrix
    rhythm_days: Floats


def neighbours_of(log: InteractionLog, catalog: Catalog, depth: int, known: ItemKnn | None = None) -> Neighbours:
    """Compute all lists; with views and orders apart where both exist. `known` is fitted on the log, more than `depth`
    deep: then what comes next is read off it."""
    ordered = log.event == ORDER
    following = others(known, depth) if known else nearest(log, depth)
    browsed = nearest(log.select(~ordered), depth) if bool((~ordered).any()) else empty(len(catalog), len(catalog))
    bought = nearest(log.select(ordered), depth) if bool(ordered.any()) else empty(len(catalog), len(catalog))
    alike = same_category(browsed, catalog)
    substitute = top(alike, SUBSTITUTES)
    return Neighbours(
        next=scaled(following),
        similar=scaled(top(csr(alike + browsed * np.float32(0.2)), depth)),
        complement=scaled(without(bought, substitute, depth)),
        substitute=scaled(substitute),
        rhythm_days=repeat_rhythm(log),
    )
