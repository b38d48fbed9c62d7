"""Candidates: the union of what the sources propose for each query, with every source's opinion of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from recsys.arrays import Bools, Floats, Ints, Matrix, positions, row_numbers, row_peaks


@dataclass(frozen=True)
class Pairs:
    """(query, product) pairs sorted by query then product; `scores` and `ranks` have one column per source.

    A score of 0 and a rank of `depth` mean that the source did not propose the product.
    """

    query: Ints
    product: Ints
    scores: Floats
    shares: Floats  # score divided by the source's best score for this query
    ranks: Floats

    def __len__(self) -> int:
        return len(self.query)

    def at(self, rows: Ints | Bools) -> Pairs:
        """Return the chosen pairs."""
        return Pairs(*(getattr(self, f.name)[rows] for f in fields(self)))


def united(answers: Sequence[Matrix], depth: int, allowed: Floats | None = None) -> Pairs:
    """Return the pairs of all answers (queries x products, rows best first); `allowed` masks products."""
    products = answers[0].shape[1]
    rows = [row_numbers(a.indptr) for a in answers]
    keys = [r.astype(np.int64) * products + a.indices for r, a in zip(rows, answers, strict=True)]
    union = np.unique(np.concatenate(keys))
    if allowed is not None:
        union = union[allowed[union % products]]
    shape = (len(union), len(answers))
    scores, shares = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    ranks = np.full(shape, depth, np.float32)
    for column, (answer, row, key) in enumerate(zip(answers, rows, keys, strict=True)):
        place, found = _places(union, key)
        scores[place, column] = answer.data[found]
        shares[place, column] = (answer.data / np.maximum(row_peaks(answer)[row], 1e-12))[found]
        ranks[place, column] = positions(answer.indptr)[found]
    return Pairs(union // products, union % products, scores, shares, ranks)


def _places(union: Ints, key: Ints) -> tuple[Ints, Ints]:
    place = np.searchsorted(union, key)
    found = place < len(union)
    found[found] = union[place[found]] == key[found]
    return place[found], found


def fused(pairs: Pairs, weights: Floats, constant: float = 20.0) -> Floats:
    """Return weighted reciprocal-rank fusion (Cormack et al., SIGIR 2009) of the sources for each pair."""
    return np.asarray(np.where(pairs.scores > 0, 1.0 / (constant + pairs.ranks), 0.0) @ weights)


def strongest(pairs: Pairs, values: Floats, most: int) -> Pairs:
    """Keep the `most` pairs of each query with the largest values, in their old order."""
    starts = np.searchsorted(pairs.query, np.arange(int(pairs.query.max(initial=-1)) + 2))
    if not len(pairs) or int(np.diff(starts).max()) <= most:
        return pairs
    order = np.lexsort((-values, pairs.query))
    keep = np.sort(order[positions(starts) < most])
    return pairs.at(keep)
