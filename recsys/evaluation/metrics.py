"""Metrics of ranked answers. Those of single questions are arrays, so that any segment can be averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, group_sums, positions, row_numbers


@dataclass(frozen=True)
class Answers:
    """Ranked products (rows best first) beside the wanted ones (ragged), for the same questions."""

    ranked: Matrix
    target_start: Ints
    target: Ints

    def __len__(self) -> int:
        return self.ranked.shape[0]


def per_question(answers: Answers, depth: int = 10) -> dict[str, Floats]:
    """Return hit, recall, mrr and ndcg at `depth`, one value per question.

    NDCG has binary gains, log2 discounts and the ideal of min(depth, targets) hits (Jarvelin and Kekalainen 2002).
    """
    size, products = answers.ranked.shape
    rows, place = row_numbers(answers.ranked.indptr), positions(answers.ranked.indptr)
    counts = np.diff(answers.target_start)
    wanted = np.repeat(np.arange(size), counts) * products + answers.target
    near = place < depth
    hit = near & np.isin(rows * products + answers.ranked.indices, wanted)
    gains = group_sums(1.0 / np.log2(place[hit] + 2.0), rows[hit], size)
    hits = np.bincount(rows[hit], minlength=size)
    first = np.full(size, np.inf)
    np.minimum.at(first, rows[hit], place[hit].astype(float))
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(depth) + 2.0))])
    return {
        "hit": (hits > 0).astype(float),
        "recall": hits / np.maximum(counts, 1),
        "mrr": np.where(np.isfinite(first), 1.0 / (first + 1.0), 0.0),
        "ndcg": gains / np.maximum(ideal[np.minimum(counts, depth)], 1e-12),
    }


def coverage(ranked: Matrix, depth: int = 10) -> float:
    """Return the share of all products that appear in any slate."""
    shown = ranked.indices[positions(ranked.indptr) < depth]
    return len(np.unique(shown)) / max(ranked.shape[1], 1)


def novelty(ranked: Matrix, counts: Floats, depth: int = 10) -> float:
    """Return the mean surprise of the shown products: -log2 of their share of all touches, in bits."""
    shown = ranked.indices[positions(ranked.indptr) < depth]
    share = (counts + 1.0) / (counts.sum() + len(counts))
    return float(-np.log2(share[shown]).mean()) if len(shown) else 0.0


def popularity_bias(answers: Answers, counts: Floats, depth: int = 10) -> float:
    """Return the mean popularity of what is shown over that of what is wanted; above 1 leans to bestsellers."""
    shown = answers.ranked.indices[positions(answers.ranked.indptr) < depth]
    if not len(shown) or not len(answers.target):
        return 1.0
    return float((counts[shown].mean() + 1.0) / (counts[answers.target].mean() + 1.0))


def miscalibration(ranked: Matrix, starts: Ints, touched: Ints, category: Ints, depth: int = 10) -> float:
    """Return the mean Kullback-Leibler divergence of slate categories from the shopper's own (Steck, RecSys 2018).

    0 means that slates hold categories in the shares in which the shopper touched them;
    shoppers without any are left out.
    """
    if category.max(initial=-1) < 0:
        return 0.0
    size, kinds = ranked.shape[0], int(category.max()) + 2
    near = positions(ranked.indptr) < depth
    shown = _shares(row_numbers(ranked.indptr)[near], category[ranked.indices[near]] + 1, size, kinds)
    own = _shares(row_numbers(starts), category[touched] + 1, size, kinds)
    divergence = []
    for row in range(size):
        if own[row] and shown[row]:
            divergence.append(
                sum(p * np.log(p / (0.99 * shown[row].get(kind, 0.0) + 0.01 * p)) for kind, p in own[row].items())
            )
    return float(np.mean(divergence)) if divergence else 0.0


def _shares(rows: Ints, codes: Ints, size: int, kinds: int) -> list[dict[int, float]]:
    key, counts = np.unique(rows * kinds + codes, return_counts=True)
    shares: list[dict[int, float]] = [{} for _ in range(size)]
    for k, count in zip(key.tolist(), counts.tolist(), strict=True):
        if k % kinds:
            shares[k // kinds][k % kinds] = float(count)
    return [{c: n / sum(s.values()) for c, n in s.items()} for s in shares]
