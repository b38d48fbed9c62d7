"""What measurement sees of a group of shoppers: counts and sums, never a table.

The unit is the profile, because it is profiles that were drawn into groups: mails of one shopper are not independent of
each other, and an analysis by mail finds effects that are not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class Arm:
    """One group. `buyers` are profiles with at least one order within the window; revenue is in minor units, a profile
    without an order counts 0. `revenue_squares` is the sum of the squares of the profiles' revenues."""

    profiles: int = 0
    buyers: int = 0
    orders: int = 0
    revenue: float = 0.0
    revenue_squares: float = 0.0

    @property
    def rate(self) -> float:
        """Buyers in a profile, 0 to 1; nan for an empty group."""
        return self.buyers / self.profiles if self.profiles else nan

    @property
    def mean(self) -> float:
        """Revenue in a profile, in minor units."""
        return self.revenue / self.profiles if self.profiles else nan

    @property
    def variance(self) -> float:
        """Sample variance (n - 1) of the revenue of a profile."""
        if self.profiles < 2:
            return nan
        spread = self.revenue_squares - self.revenue**2 / self.profiles
        return max(spread, 0.0) / (self.profiles - 1)
