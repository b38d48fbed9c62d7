"""Reads a column of times at once: seconds, ISO 8601 or a pattern, with or without a zone, to microseconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaigns.storage.files.mapping import TimeSource

Micros = NDArray[np.int64]
Mask = NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PER_UNIT = {"s": 1e6, "ms": 1e3, "us": 1.0}
_FURTHEST = 2.5e17  # microseconds: the year 9892, near the last one a datetime knows
_HAS_ZONE = r"(?:[Zz]|[+-]\d\d:?\d\d)$"


def read_times(values: Sequence[Any], source: TimeSource) -> tuple[Micros, Mask]:
    """Microseconds since 1970 (UTC), and which values are times at all; shape (n,) each."""
    if source.unit in _PER_UNIT:
        return _whole(_numbers(values) * _PER_UNIT[source.unit])
    if source.unit:
        return _written(pd.Series(values, dtype=object), source)
    numbers = _numbers(values)
    micros, readable = _whole(numbers * _scale(numbers))
    rest = ~np.isfinite(numbers)
    if rest.any():
        written = pd.Series(values, dtype=object)[rest]
        micros[rest], readable[rest] = _written(written, source)
    return micros, readable


def within(micros: Micros, source: TimeSource) -> Mask:
    """Which times lie in the bounds that the map believes."""
    return (micros >= _micros(source.earliest)) & (micros < _micros(source.latest))


def moments(micros: Micros) -> list[datetime]:
    """Aware datetimes in UTC."""
    return [_EPOCH + timedelta(microseconds=each) for each in micros.tolist()]


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    if values and isinstance(values[0], datetime):
        return np.full(len(values), np.nan)
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        found = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
        return found.to_numpy(dtype=np.float64, na_value=np.nan)


def _whole(micros: NDArray[np.float64]) -> tuple[Micros, Mask]:
    readable = np.isfinite(micros) & (np.abs(micros) < _FURTHEST)
    return np.where(readable, np.round(micros), 0.0).astype(np.int64), readable


def _scale(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Microseconds per unit by the size of the number, as for times of the event API."""
    size = np.abs(numbers)
    return np.where(size < 1e11, 1e6, np.where(size < 1e14, 1e3, 1.0))


def _written(values: pd.Series[Any], source: TimeSource) -> tuple[Micros, Mask]:
    pattern = "ISO8601" if source.unit in ("", "iso") else source.unit
    texts = values.map(lambda value: value.isoformat() if isinstance(value, datetime) else value)
    texts = texts.where(texts.map(lambda value: isinstance(value, str)), "").astype(str).str.strip()
    zoned = texts.str.contains(_HAS_ZONE, regex=True).to_numpy(dtype=bool)
    micros = np.zeros(len(texts), dtype=np.int64)
    readable = np.zeros(len(texts), dtype=bool)
    for mask, aware in ((zoned, True), (~zoned, False)):
        if mask.any():
            parsed = pd.to_datetime(texts[mask], format=pattern, errors="coerce", utc=aware)
            micros[mask], readable[mask] = _settled(parsed if aware else _placed(parsed, source.zone))
    return micros, readable


def _placed(local: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """Local times in UTC. The hour that occurs twice is the first one, the hour that is skipped comes after the gap."""
    first = np.ones(len(local), dtype=bool)
    placed = local.dt.tz_localize(ZoneInfo(zone), ambiguous=first, nonexistent="shift_forward")
    return cast("pd.Series[Any]", placed.dt.tz_convert("UTC"))


def _settled(parsed: pd.Series[Any]) -> tuple[Micros, Mask]:
    readable = parsed.notna().to_numpy(dtype=bool)
    plain = parsed.dt.tz_convert(None).to_numpy(dtype="datetime64[us]").astype(np.int64)
    return np.where(readable, plain, 0), readable
