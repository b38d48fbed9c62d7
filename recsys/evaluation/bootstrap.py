"""Confidence intervals by resampling shoppers, because one shopper's questions are not independent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints, group_sums


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the bounds of its interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def shopper_interval(
    values: Floats, shopper: Ints, *, draws: int = 500, level: float = 0.95, seed: int = 7
) -> Interval:
    """Return the mean of `values` with the percentile interval of a bootstrap over shoppers (numbers from 0)."""
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    _, group = np.unique(shopper, return_inverse=True)
    size = int(group.max()) + 1
    sums, counts = group_sums(values, group, size), np.bincount(group, minlength=size)
    chosen = np.random.default_rng(seed).integers(0, size, size=(draws, size))
    means = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))
