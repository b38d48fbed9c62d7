"""How a personal ranking weighs its parts: the live session, the shopper's own products, the precomputed slate.

The defaults do well in shops of different kinds; the full training tunes them on the shop's own past and puts them into
the cache beside the slates. A cache without them serves by the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime
from typing import Final

from recsys import keys
from recsys.packing import Ranked, Unpacked, pack

OWN_DECAY: Final = 0.85  # of an own product's share, per own product that is newer
SLATE_DECAY: Final = 0.93  # of a slate product's share, per place
_STEPS: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
_OLD_STEPS: Final = (0.0, 0.1, 0.25, 0.5, 1.0)  # an old slate may know less than nothing


@dataclass(frozen=True, slots=True)
class Mix:
    """Weights of the parts, each part's best product counting 1. Only their ratios matter.

    `slate` is for a slate made after the shopper's last touch, which knows the session; `old_slate` for an older one.
    """

    session: float = 0.25
    own: float = 1.0
    slate: float = 1.0
    old_slate: float = 0.3

    def packed(self, *, version: str, made_at: datetime) -> tuple[str, bytes]:
        """Return key and bytes of the cache record."""
        names = [one.name for one in fields(self)]
        return keys.MIX, pack({"mix": Ranked(names, astuple(self), "unknown")}, version=version, made_at=made_at)

    @classmethod
    def of(cls, record: Unpacked | None) -> Mix:
        """Return the weights of a record; the defaults where there is none, or one of other names."""
        at = record.find("mix") if record else 0
        if not record or not at:
            return cls()
        names, values = record.first(at, 99)
        known = {one.name for one in fields(cls)}
        return cls(**{n: v for n, v in zip(names, values, strict=True) if n in known})


PLAIN: Final = Mix(slate=0.1, old_slate=0.1)
"""For slates made of the same neighbours that the session is asked of: they know little that the session does not."""


def tuned(gain: Callable[[Mix], float], start: Mix | None = None) -> Mix:
    """Return the best mix found by changing `session` and `slate` in turn until neither changes, `own` staying the
    measure. Only a gain of 1 % changes a weight."""
    return _climbed(gain, start or Mix(), {"session": _STEPS, "slate": _STEPS})


def tuned_for_old(gain: Callable[[Mix], float], start: Mix) -> Mix:
    """Return the mix with the weight of a slate that does not know the session; `gain` is measured with such slates."""
    return _climbed(gain, start, {"old_slate": _OLD_STEPS})


def _climbed(gain: Callable[[Mix], float], best: Mix, steps: Mapping[str, Sequence[float]]) -> Mix:
    most, before = gain(best), None
    while best != before:
        before = best
        for name, values in steps.items():
            for other in [replace(best, **{name: value}) for value in values if value != getattr(best, name)]:
                found = gain(other)
                if found > 1.01 * most:
                    best, most = other, found
    return best
