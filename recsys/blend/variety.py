"""Variety: six variants of one product are one chance, not six. Maximal marginal relevance over what makes them alike.

After Carbonell and Goldstein, "The use of MMR" (SIGIR 1998): each place goes to the candidate with the highest score
less `weight` times its likeness to the most alike product already placed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints, Matrix, from_rows, row_numbers
from recsys.compiled import kernels
from recsys.evaluation.metrics import Answers, per_question

BATCH = 250  # rows at a time, for memory
WINDOW = 40  # first candidates of a row that are re-ordered
PLACES = 20  # places that are given out one by one
WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
TO_GIVE = 0.02  # share of NDCG that variety may cost
DEPTHS = range(6, 16)  # of a slate, that hits are counted in


@dataclass(frozen=True)
class Traits:
    """What makes products alike: attributes (products x values) and, where there are any, vectors of what is wanted
    together. Rows have length 1; the likeness of two products is the mean of both products of rows."""

    attributes: Matrix
    vectors: Floats | None = None

    def likeness(self, products: Ints, inside: Bools) -> Floats:
        """Return rows x window x window for the products of rows x window."""
        loops, facts = kernels(), self.attributes
        if loops is None:
            found = _shared(facts, products[inside], inside)
        else:
            parts = (facts.indptr, facts.indices, facts.data)
            found = loops.likeness_within(parts, facts.shape[1], products, inside)
        if self.vectors is None:
            return found
        mine = self.vectors[products] * inside[:, :, None]
        return np.asarray((found + mine @ mine.transpose(0, 2, 1)) / 2.0)


def varied(scores: Matrix, traits: Traits, weight: float) -> Matrix:
    """Return the rows (best first, scores between 0 and 1) with their heads re-ordered; values stay falling."""
    if weight <= 0 or not scores.nnz:
        return scores
    order = np.arange(scores.nnz)
    for start in range(0, scores.shape[0], BATCH):
        rows = np.arange(start, min(start + BATCH, scores.shape[0]))
        lengths = np.minimum(np.diff(scores.indptr)[rows], WINDOW)
        inside = np.arange(WINDOW) < lengths[:, None]
        places = np.where(inside, scores.indptr[rows][:, None] + np.arange(WINDOW), 0)
        values = np.where(inside, _logit(scores.data[places]), -np.inf)
        chosen = _order(values, traits.likeness(scores.indices[places], inside), weight)
        order[places[inside]] = np.take_along_axis(places, chosen, 1)[inside]
    return from_rows(scores.data, scores.indices[order], scores.indptr, scores.shape)


def _logit(share: Floats) -> Floats:
    bounded = np.clip(share.astype(float), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(bounded / (1.0 - bounded)))


def _shared(attributes: Matrix, products: Ints, inside: Bools) -> Floats:
    """Return rows x window x window: the products of attribute vectors, through columns numbered anew in each row."""
    rows, places = np.nonzero(inside)
    facts = attributes[products]
    of = row_numbers(facts.indptr)
    columns, column = np.unique(rows[of] * facts.shape[1] + facts.indices, return_inverse=True)
    first = np.searchsorted(columns, np.arange(len(inside) + 1) * facts.shape[1])
    dense = np.zeros((*inside.shape, int(np.diff(first).max(initial=0))), np.float32)
    dense[rows[of], places[of], column - first[rows[of]]] = facts.data
    return np.asarray(dense @ dense.transpose(0, 2, 1))


def _order(values: Floats, likeness: Floats, weight: float) -> Ints:
    """Return the order of each row's window, places given out one by one; what is left over follows by value."""
    left, alike, rows = values.copy(), np.zeros_like(values), np.arange(len(values))
    rank = np.full(values.shape, PLACES, dtype=np.int64)
    for place in range(min(PLACES, values.shape[1])):
        best = np.argmax(left - weight * alike, axis=1)
        real = np.isfinite(left[rows, best])
        rank[rows[real], best[real]] = place
        left[rows, best] = -np.inf
        alike = np.maximum(alike, likeness[rows, best])
    return np.asarray(np.lexsort((-values, rank), axis=1))


def tuned_weight(
    scores: Matrix, traits: Traits, target_start: Ints, target: Ints, weights: Sequence[float] = WEIGHTS
) -> float:
    """Return the weight of variety that these questions speak for: 0 where more hits than without it may be chance.

    Variety is there so that more shoppers find one product they want. Hits are counted in 6, 7, ... 15 products, for
    those in ten alone are a coarse measure. Of the weights that bring more by at least one standard error, and cost at
    most 2 % of NDCG, it is the largest that is no standard error behind the best.
    """
    without, ndcg = _hits_of(scores, target_start, target)
    gains: dict[float, tuple[float, float]] = {}
    for weight in weights:
        hits, found = _hits_of(varied(scores, traits, weight), target_start, target)
        more = hits - without
        mean, error = float(more.mean()), standard_error(more)
        if mean > 1.001 * error and found >= (1.0 - TO_GIVE) * ndcg:
            gains[weight] = mean, error
    if not gains:
        return 0.0
    mean, error = max(gains.values())
    return max(weight for weight, gain in gains.items() if gain[0] >= mean - error)


def standard_error(values: Floats) -> float:
    """Return the standard error of the mean; infinite for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")


def _hits_of(ranked: Matrix, target_start: Ints, target: Ints) -> tuple[Floats, float]:
    """Return the share of the depths at which a question has a hit, and the mean NDCG at ten."""
    answers = Answers(ranked, target_start, target)
    first = 1.0 / np.maximum(per_question(answers, max(DEPTHS))["mrr"], 1e-9)
    return np.mean([first < depth + 0.5 for depth in DEPTHS], axis=0), float(per_question(answers)["ndcg"].mean())
