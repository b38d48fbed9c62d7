"""Sample ratio: whether the groups have the sizes that the draw should have given. If not, nothing else is to be
believed, because something treats the groups differently before they are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scipy.special import chdtrc

SUSPICIOUS: Final = 0.001
"""Below this p the sizes are called wrong (Fabijan et al. 2019)."""


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """Sizes beside what was to be expected; `p` is that of the chi-square test with one degree of freedom."""

    mailed: int
    ghosts: int
    expected_share: float
    p: float

    @property
    def is_fine(self) -> bool:
        """Whether the sizes may have come from the draw."""
        return self.p >= SUSPICIOUS


def check_ratio(mailed: int, ghosts: int, share: float) -> RatioCheck:
    """Compares group sizes with the `share` (0 to 1, both excluded) that was to be held out."""
    if not 0 < share < 1:
        raise ValueError("the share held out must lie between 0 and 1")
    total = mailed + ghosts
    if not total:
        return RatioCheck(0, 0, share, 1.0)
    expected = (total * (1 - share), total * share)
    distance = sum((seen - due) ** 2 / due for seen, due in zip((mailed, ghosts), expected, strict=True))
    return RatioCheck(mailed, ghosts, share, float(chdtrc(1, distance)))
