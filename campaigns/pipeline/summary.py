"""What an engine did, in numbers: read from the database, so that live, replay and demo say the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.decisions import count_decisions, read_decision_lag
from campaigns.storage.enrollments import count_enrollments
from campaigns.storage.events import count_events
from campaigns.storage.messages import count_messages
from campaigns.storage.profiles import count_profiles


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over a whole database. `decisions` are (campaign, step, outcome, reason, count)."""

    events: int
    first_at: datetime | None
    last_at: datetime | None
    known: int
    anonymous: int
    enrollments: dict[tuple[str, str, str], int]
    decisions: list[tuple[str, int, str, str, int]]
    messages: dict[tuple[str, str], int]
    lag_median_seconds: float
    lag_longest_seconds: float

    def outcomes(self) -> Counter[tuple[str, str, str]]:
        """(campaign, outcome, reason) -> decisions, steps taken together."""
        found: Counter[tuple[str, str, str]] = Counter()
        for campaign_id, _, outcome, reason, count in self.decisions:
            found[campaign_id, outcome, reason] += count
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "profiles": {"known": self.known, "anonymous": self.anonymous},
            "enrollments": [
                {"campaign": c, "status": s, "exit_reason": r or None, "count": n}
                for (c, s, r), n in sorted(self.enrollments.items())
            ],
            "decisions": [
                {"campaign": c, "step": s, "outcome": o, "reason": r, "count": n} for c, s, o, r, n in self.decisions
            ],
            "messages": [{"campaign": c, "status": s, "count": n} for (c, s), n in sorted(self.messages.items())],
            "lag_seconds": {"median": self.lag_median_seconds, "longest": self.lag_longest_seconds},
        }


def summarise(engine: Engine) -> Summary:
    """Reads the counts."""
    with transaction(engine.database) as connection:
        events, first_at, last_at = count_events(connection)
        known, anonymous = count_profiles(connection)
        _, median, longest = read_decision_lag(connection)
        return Summary(
            events=events,
            first_at=first_at,
            last_at=last_at,
            known=known,
            anonymous=anonymous,
            enrollments=count_enrollments(connection),
            decisions=count_decisions(connection),
            messages=count_messages(connection),
            lag_median_seconds=median,
            lag_longest_seconds=longest,
        )
