"""Lengths of time as people read them in tables and alarms."""

from __future__ import annotations

import pytest

from campaigns.domain.campaign_values import tell_age


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (42.54, "42.5 s"),
        (119.9, "119.9 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (39_000, "10 h 50 min"),
        (47.99 * 3600, "47 h 59 min"),
        (48 * 3600 - 1, "2 days"),
        (51 * 3600, "2 days 3 h"),
        (22_464_451, "260 days"),
    ],
)
def test_a_length_is_told_in_at_most_two_units(seconds: float, words: str) -> None:
    assert tell_age(seconds) == words
