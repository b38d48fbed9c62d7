"""The kinds of value in campaign files: lengths of time, hours of the day, shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)[a-z]*")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_length(text: str) -> timedelta:
    """A length of time: `30s`, `90m`, `1h 30m`, `5d`, `2w`; `0s` is none. Raises ValueError, also for a bare number."""
    seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    if not text.strip() or _PART.sub("", text).strip(" ,"):
        raise ValueError('not a length of time; write for example "30m", "1h", "5d" or "2w"')
    return timedelta(seconds=seconds)


def spell_duration(length: timedelta) -> str:
    """The shortest text that reads back the same: `1h`, `1h 30m`, `10d`."""
    left = round(length.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts) or "0s"


def tell_age(seconds: float) -> str:
    """A length of time in figures, in at most two units: `42.5 s`, `10 h 50 min`, `2 days 3 h`, `260 days`."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return " ".join([f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0))
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days:,} days" + (f" {hours} h" if hours and days < 7 else "")


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of hours of the local day; `end` may lie on the next day."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours:
        """From `21:00-08:00`. Raises ValueError."""
        try:
            start, end = (time.fromisoformat(part.strip().zfill(5)) for part in text.split("-"))
        except ValueError:
            raise ValueError('not a span of hours; write for example "21:00-08:00"') from None
        if start == end:
            raise ValueError("begins and ends at once")
        return cls(start, end)

    def __contains__(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"
