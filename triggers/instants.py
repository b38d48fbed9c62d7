"""Instants: times inside folded state are whole microseconds since 1970 UTC, exact and cheap to compare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


def micros(at: datetime) -> int:
    """The instant of an aware time. Exact until the year 2255, where a float stops holding microseconds."""
    return round(at.timestamp() * 1_000_000)


def moment(instant: int) -> datetime:
    """The aware UTC time of an instant."""
    return EPOCH + timedelta(microseconds=instant)


def span(length: timedelta) -> int:
    """A length of time in microseconds."""
    return length // timedelta(microseconds=1)


def stamp(instant: int) -> str:
    """A short readable name of an instant, used in keys: `2017-11-25T01:21:10Z`."""
    return moment(instant).isoformat()[:-6] + "Z"  # in place of "+00:00"


def from_stamp(text: str) -> int | None:
    """The instant a `stamp` names, or None where the text is none."""
    try:
        return micros(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
