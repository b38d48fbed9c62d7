"""Skew and drift: do the shoppers being served look like those the models were trained on?

The population stability index of each feature is compared with its own null: what two random halves of the training
population would give at these sample sizes. Without that, small samples always alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats

BINS = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """The index of one feature, the 99.5 % point of its null, and whether it alarms."""

    feature: str
    index: float
    null: float

    @property
    def alarms(self) -> bool:
        """Above its null by half, and large enough to matter (0.02)."""
        return self.index > max(1.5 * self.null, 0.02)


def stability_index(trained: Floats, served: Floats, bins: int = BINS) -> float:
    """Return the population stability index over quantile bins of the training values; NaN has a bin of its own."""
    finite = trained[np.isfinite(trained)]
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1])) if len(finite) else np.zeros(0)
    expected, found = _shares(trained, edges), _shares(served, edges)
    return float(((found - expected) * np.log(found / expected)).sum())


def _shares(values: Floats, edges: Floats) -> Floats:
    code = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), len(edges) + 1)
    counts = np.bincount(code.astype(np.int64), minlength=len(edges) + 2) + 0.5
    return np.asarray(counts / counts.sum())


def drift_of(names: list[str], trained: Floats, served: Floats, *, draws: int = 100, seed: int = 7) -> list[Drift]:
    """Return the drift of each column of two feature matrices (rows are shoppers or pairs), worst first."""
    generator = np.random.default_rng(seed)
    size = min(len(served), len(trained))
    found = []
    for column, name in enumerate(names):
        values = trained[:, column]
        null = [stability_index(values, values[generator.integers(0, len(values), size)]) for _ in range(draws)]
        index = stability_index(values, served[:, column])
        found.append(Drift(name, index, float(np.quantile(null, 0.995)) if null else 0.0))
    return sorted(found, key=lambda d: d.null - d.index)
