"""What the sources of a blend say about one query, beside the order that the blend makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsys.blend.model import Blend
from recsys.queries import Queries


@dataclass(frozen=True, slots=True)
class Opinion:
    """One product (its number) with the blend's score, 0 to 1, and its place (from 1) with each source that proposes
    it, the most convinced first."""

    product: int
    score: float
    places: Mapping[str, int]


def opinions(blend: Blend, query: Queries, most: int) -> list[Opinion]:
    """Return the `most` products the blend puts first for the one query, best first, with what its sources say."""
    ranked, pairs = blend.score(query, most), blend.candidates(query)
    names = [source.name for source in blend.sources]
    row_of = {int(product): row for row, product in enumerate(pairs.product)}
    silent = blend.settings.scored  # the rank of what a source does not propose
    found = []
    for product, score in zip(ranked.indices.tolist(), ranked.data.tolist(), strict=True):
        ranks = pairs.ranks[row_of[product]]
        loudest = [n for n in np.argsort(ranks, kind="stable").tolist() if ranks[n] < silent]
        said = {names[n]: int(ranks[n]) + 1 for n in loudest}
        found.append(Opinion(product, score, said))
    return found
