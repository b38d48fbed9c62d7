"""Quiet hours and send windows in the shopper's own zone, right through daylight-saving changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.domain.campaign import SendWindow
from campaigns.domain.campaign_values import WEEKDAYS, Hours


class LocalZone(NamedTuple):
    """The zone to reckon in. `warning` says what was wrong with the profile's or the shop's own."""

    zone: ZoneInfo
    name: str
    warning: str = ""


@lru_cache(maxsize=2048)
def find_zone(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None where there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=8192)
def local_zone(profile_zone: str, shop_zone: str) -> LocalZone:
    """The profile's zone, else the shop's, else UTC; an unknown name falls back and says so."""
    warning = ""
    for name in (profile_zone, shop_zone):
        zone = find_zone(name)
        if zone is not None:
            return LocalZone(zone, name, f"{warning}{name} was used instead" if warning else "")
        if name:
            warning += f'"{name}" is not a time zone; '
    return LocalZone(ZoneInfo("UTC"), "UTC", f"{warning}UTC was used instead" if warning else "")


def quiet_until(now: datetime, hours: Hours, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours that hold now are over, in UTC; None when it is not quiet."""
    local = now.astimezone(zone)
    if local.time() not in hours:
        return None
    day = local.date() if local.time() < hours.end else local.date() + timedelta(days=1)
    return _next_instant(day, hours.end, zone, now)


def window_opens(now: datetime, window: SendWindow, zone: ZoneInfo) -> datetime | None:
    """When the send window opens next, in UTC; None when it is open now."""
    local = now.astimezone(zone)
    if local.weekday() in window.weekdays and (window.hours is None or local.time() in window.hours):
        return None
    start = time(0) if window.hours is None else window.hours.start
    days = (local.date() + timedelta(days=ahead) for ahead in range(9))
    starts = (_next_instant(day, start, zone, now) for day in days if day.weekday() in window.weekdays)
    return next((at for at in starts if at > now), None)


def spell_window(window: SendWindow) -> str:
    """The window in words: `mon, tue 09:00-17:00`."""
    days = ", ".join(WEEKDAYS[day] for day in sorted(window.weekdays)) if len(window.weekdays) < 7 else ""
    return " ".join(part for part in (days, str(window.hours or "")) if part)


def _next_instant(day: date, at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The instant of a local time. One that occurs twice is the first that is not past; one that daylight saving
    leaves out is as much later as the clock jumped."""
    first = datetime.combine(day, at, zone).astimezone(UTC)
    return first if first > now else datetime.combine(day, at.replace(fold=1), zone).astimezone(UTC)
