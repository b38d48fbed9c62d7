"""Quiet hours in the shopper's zone, on the days the clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.decisions.quiet_hours import find_zone, local_zone, quiet_until, window_opens
from campaigns.domain.campaign import SendWindow
from campaigns.domain.campaign_values import Hours

NIGHT = Hours(time(21), time(8))
BERLIN, NEW_YORK = find_zone("Europe/Berlin"), find_zone("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Europe/Berlin", "2026-01-10T19:59", None),
        ("Europe/Berlin", "2026-01-10T20:00", "2026-01-11T07:00"),
        ("Europe/Berlin", "2026-01-11T06:59", "2026-01-11T07:00"),
        ("Europe/Berlin", "2026-01-11T07:00", None),
        ("Europe/Berlin", "2026-03-28T20:30", "2026-03-29T06:00"),  # an hour is lost in this night
        ("Europe/Berlin", "2026-10-24T19:30", "2026-10-25T07:00"),  # and won in this one
        ("America/New_York", "2026-03-08T02:00", "2026-03-08T12:00"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T13:00"),
        ("Asia/Kolkata", "2026-01-10T15:30", "2026-01-11T02:30"),
        ("Australia/Lord_Howe", "2026-04-04T10:00", "2026-04-04T21:30"),  # half an hour of daylight saving
        ("Pacific/Apia", "2026-01-10T09:00", "2026-01-10T19:00"),
    ],
)
def test_night_ends_at_eight_on_the_local_clock(zone, now, until):
    assert quiet_until(at(now), NIGHT, find_zone(zone)) == (at(until) if until else None)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (Hours(time(1), time(2, 30)), "2026-03-29T00:30", "2026-03-29T01:30"),  # 02:30 does not exist in this night
        (Hours(time(1), time(2, 30)), "2026-10-25T00:10", "2026-10-25T00:30"),  # 02:30 occurs twice: the first
        (Hours(time(1), time(2, 30)), "2026-10-25T01:10", "2026-10-25T01:30"),  # past the first: the second
        (Hours(time(9), time(17)), "2026-06-01T08:00", "2026-06-01T15:00"),
    ],
)
def test_ends_that_the_clock_change_skips_or_repeats(hours, now, until):
    assert quiet_until(at(now), hours, BERLIN) == at(until)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"]),
    st.times(),
    st.times(),
)
def test_it_is_never_quiet_when_the_wait_is_over_and_the_wait_is_never_long(now, zone, start, end):
    if start == end:
        return
    hours, there = Hours(start, end), find_zone(zone)
    until = quiet_until(now, hours, there)
    if until is None:
        assert now.astimezone(there).time() not in hours
    else:
        assert now < until <= now + timedelta(hours=26)
        assert until.astimezone(there).time() not in hours or until.astimezone(there).fold == 1


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sets(st.integers(0, 6), min_size=1),
)
def test_a_send_window_opens_on_one_of_its_days_at_its_hour(now, days):
    window = SendWindow(Hours(time(9), time(17)), frozenset(days))
    opens = window_opens(now, window, NEW_YORK)
    local = (opens or now).astimezone(NEW_YORK)
    assert local.weekday() in days and local.time() in window.hours
    assert opens is None or now < opens <= now + timedelta(days=8)


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd", "UTC+25", "\x00", "europe/berlin\n"])
def test_an_invalid_zone_falls_back_and_says_so(name):
    found = local_zone(name, "Europe/Berlin")
    assert (found.zone, found.name) == (BERLIN, "Europe/Berlin")
    assert "is not a time zone; Europe/Berlin was used instead" in found.warning


def test_no_zone_at_all_is_utc_without_a_warning():
    assert local_zone("", "")[1:] == ("UTC", "")
    assert "UTC was used instead" in local_zone("", "Nowhere").warning
