"""Skew and drift: do the shoppers being served look like those the models were trained on, or those served before?

The population stability index of each feature is compared with its own null, drawn by permutation at the very sample
sizes at hand: a small sample has a wide null and does not cry wolf, a large one a narrow null and hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints

BINS = 10
DRAWS = 1_000
LEVEL = 0.999  # of the null: eight features looked at together alarm for nothing less than once in a hundred times


@dataclass(frozen=True, slots=True)
class Drift:
    """The index of one feature, the 99.9 % point of its null, and the index that chance and nature give on average."""

    feature: str
    index: float
    null: float
    usual: float = 0.0

    @property
    def alarms(self) -> bool:
        """Above what chance (and nature, where two populations differ by it) explains."""
        return self.index > self.null


def stability_index(trained: Floats, served: Floats, bins: int = BINS) -> float:
    """Return the population stability index over quantile bins of the training values; NaN has a bin of its own."""
    edges = _edges(trained, bins)
    size = len(edges) + 2
    return float(_index(_counts(_codes(trained, edges), size), _counts(_codes(served, edges), size)))


def _edges(values: Floats, bins: int = BINS) -> Floats:
    finite = values[np.isfinite(values)]
    return np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1])) if len(finite) else np.zeros(0)


def _codes(values: Floats, edges: Floats) -> Ints:
    found = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), len(edges) + 1)
    return np.asarray(found.astype(np.int64))


def _counts(codes: Ints, size: int) -> Floats:
    return np.bincount(codes, minlength=size).astype(float)


def _index(expected: Floats, found: Floats) -> Floats:
    a = (expected + 0.5) / (expected + 0.5).sum(axis=-1, keepdims=True)
    b = (found + 0.5) / (found + 0.5).sum(axis=-1, keepdims=True)
    return np.asarray(((b - a) * np.log(b / a)).sum(axis=-1))


def drift_of(
    names: list[str],
    trained: Floats,
    served: Floats,
    *,
    natural: Floats | None = None,
    draws: int = DRAWS,
    seed: int = 7,
) -> list[Drift]:
    """Return the drift of each column of two feature matrices (rows are shoppers), worst first.

    Without `natural` the null is "both are one population": rows change sides at random. With it the two differ by
    nature (only some shoppers leave a cart behind), and `natural` are rows that differ as they should, such as those
    served before: the null is "served is like natural", whatever lies between these and the trained.
    """
    generator = np.random.default_rng(seed)
    reference = trained if natural is None else natural
    pool = np.concatenate([reference, served])
    sides = np.array([generator.permutation(len(pool))[: len(served)] for _ in range(draws)])
    found = [
        _drift(name, trained[:, column], pool[:, column], len(served), sides, natural is None)
        for column, name in enumerate(names)
    ]
    return sorted(found, key=lambda d: d.null - d.index)


def _drift(name: str, trained: Floats, pool: Floats, served: int, sides: Ints, is_one: bool) -> Drift:
    edges = _edges(pool if is_one else trained)
    size = len(edges) + 2
    codes = _codes(pool, edges)
    whole = _counts(codes, size)
    drawn = np.array([_counts(codes[rows], size) for rows in sides])
    fixed = _counts(_codes(trained, edges), size)
    null = _index(whole - drawn if is_one else fixed, drawn)
    index = float(_index(fixed, _counts(codes[len(codes) - served :], size)))
    return Drift(name, index, float(np.quantile(null, LEVEL)), float(np.median(null)))
