"""Variety: six variants of one product are one chance, not six. Maximal marginal relevance over attributes.

After Carbonell and Goldstein, "The use of MMR" (SIGIR 1998): each place goes to the candidate with the highest score
less `weight` times its likeness to the most alike product already placed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, from_rows
from recsys.evaluation.metrics import Answers, per_question

WINDOW = 40  # first candidates of a row that are re-ordered
PLACES = 20  # places that are given out one by one
WEIGHTS = (0.0, 0.25, 0.5, 1.0)
TO_GIVE = {"hit": 0.005, "ndcg": 0.015}  # shares of the metrics that variety may cost


def varied(scores: Matrix, attributes: Matrix, weight: float) -> Matrix:
    """Return the rows (best first, scores between 0 and 1) with their heads re-ordered; values stay falling."""
    if weight <= 0:
        return scores
    order = np.arange(scores.nnz)
    for row in range(scores.shape[0]):
        a, b = scores.indptr[row], min(scores.indptr[row] + WINDOW, scores.indptr[row + 1])
        if b - a > 2:
            head = attributes[scores.indices[a:b]]
            likeness = np.asarray((head @ head.T).todense())
            order[a:b] = a + _order(_logit(scores.data[a:b]), likeness, weight)
    return from_rows(scores.data, scores.indices[order], scores.indptr, scores.shape)


def _logit(share: Floats) -> Floats:
    bounded = np.clip(share.astype(float), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(bounded / (1.0 - bounded)))


def _order(values: Floats, likeness: Floats, weight: float) -> Ints:
    left, alike = values.copy(), np.zeros(len(values))
    chosen = []
    for _ in range(min(PLACES, len(values))):
        best = int(np.argmax(left - weight * alike))
        chosen.append(best)
        left[best] = -np.inf
        alike = np.maximum(alike, likeness[best])
    rest = np.flatnonzero(np.isfinite(left))
    return np.array([*chosen, *rest[np.argsort(-values[rest], kind="stable")]], dtype=np.int64)


def tuned_weight(
    scores: Matrix, attributes: Matrix, target_start: Ints, target: Ints, weights: Sequence[float] = WEIGHTS
) -> float:
    """Return the largest weight that costs at most 0.5 % of the hits in ten and 1.5 % of NDCG on these questions.

    Variety is worth having in a mail for its own sake, so it need not win, only not lose.
    """
    found = {w: per_question(Answers(varied(scores, attributes, w), target_start, target)) for w in (0.0, *weights)}
    floor = {metric: (1.0 - share) * found[0.0][metric].mean() for metric, share in TO_GIVE.items()}
    return max(w for w, values in found.items() if all(values[m].mean() >= floor[m] for m in floor))
