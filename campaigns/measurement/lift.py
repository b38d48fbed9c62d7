"""Lift: what mailing caused, from mailed profiles beside ghosts, by intention to treat.

Relative lifts are ratios of two means; their intervals come from the delta method on the logarithm of the ratio:
var(ln(a/b)) = var(a) / a^2 + var(b) / b^2, which for shares is (1 - p) / (n p) (Deng et al. 2018, "Applying the Delta
Method in Metric Analytics"). Revenue takes the t quantile with Welch's degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, nan, sqrt
from typing import Final

from scipy.special import ndtri, stdtrit

from campaigns.measurement.arms import Arm

ENOUGH_BUYERS: Final = 100
"""Buyers that each group needs before a lift is claimed: with fewer, intervals are wrong more often than they say."""


@dataclass(frozen=True, slots=True)
class NotEnoughData:
    """No lift is claimed: a group has fewer buyers than are needed."""

    mailed_buyers: int
    ghost_buyers: int
    needed: int = ENOUGH_BUYERS

    def __str__(self) -> str:
        return (
            f"not enough data: {self.mailed_buyers:,} buyers among the mailed and {self.ghost_buyers:,} among the held "
            f"out; each group needs {self.needed:,}"
        )


@dataclass(frozen=True, slots=True)
class Lift:
    """An effect with its interval. `relative` 0.1 is ten per cent more than without mail; `difference` is in a profile
    (a share for conversion, minor units for revenue)."""

    relative: float
    relative_low: float
    relative_high: float
    difference: float
    difference_low: float
    difference_high: float
    confidence: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.relative_low > 0 or self.relative_high < 0


def conversion_lift(mailed: Arm, ghosts: Arm, *, confidence: float = 0.95) -> Lift | NotEnoughData:
    """How many more of the mailed profiles bought."""
    if not _is_enough(mailed, ghosts):
        return NotEnoughData(mailed.buyers, ghosts.buyers)
    quantile = float(ndtri(0.5 + confidence / 2))
    variances = tuple(arm.rate * (1 - arm.rate) / arm.profiles for arm in (mailed, ghosts))
    return _lift(mailed.rate, ghosts.rate, variances[0], variances[1], quantile, confidence)


def revenue_lift(mailed: Arm, ghosts: Arm, *, confidence: float = 0.95) -> Lift | NotEnoughData:
    """How much more revenue a mailed profile brought (Welch's t)."""
    if not _is_enough(mailed, ghosts) or mailed.mean <= 0 or ghosts.mean <= 0:
        return NotEnoughData(mailed.buyers, ghosts.buyers)
    first, second = (arm.variance / arm.profiles for arm in (mailed, ghosts))
    freedom = (first + second) ** 2 / (first**2 / (mailed.profiles - 1) + second**2 / (ghosts.profiles - 1))
    quantile = float(stdtrit(freedom, 0.5 + confidence / 2))
    return _lift(mailed.mean, ghosts.mean, first, second, quantile, confidence)


def minimum_detectable_lift(
    rate: float, mailed: int, ghosts: int, *, confidence: float = 0.95, power: float = 0.8
) -> float:
    """The smallest relative lift of conversion that groups of these sizes would show with `power`, where `rate` of the
    held out buy: (z_confidence + z_power) sqrt(var) / rate, at the variance of the held out. nan where nobody buys."""
    if not 0 < rate < 1 or not mailed or not ghosts:
        return nan
    quantiles = float(ndtri(0.5 + confidence / 2) + ndtri(power))
    return quantiles * sqrt(rate * (1 - rate) * (1 / mailed + 1 / ghosts)) / rate


def _is_enough(mailed: Arm, ghosts: Arm) -> bool:
    return min(mailed.buyers, ghosts.buyers) >= ENOUGH_BUYERS


def _lift(one: float, other: float, first: float, second: float, quantile: float, confidence: float) -> Lift:
    spread = quantile * sqrt(first / one**2 + second / other**2)
    ratio = log(one / other)
    apart, reach = one - other, quantile * sqrt(first + second)
    bounds = (exp(ratio) - 1, exp(ratio - spread) - 1, exp(ratio + spread) - 1)
    return Lift(*bounds, apart, apart - reach, apart + reach, confidence)
