"""Enrollments of one profile: what is armed, under way and over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final


class EnrollmentStatus(StrEnum):
    """armed (no step decided yet) -> active (a later step waits) -> completed; exited from either."""

    ARMED = "armed"
    ACTIVE = "active"
    COMPLETED = "completed"
    EXITED = "exited"


_LIVE: Final = (EnrollmentStatus.ARMED, EnrollmentStatus.ACTIVE)
_DECIDED: Final = (EnrollmentStatus.ACTIVE, EnrollmentStatus.COMPLETED)


@dataclass(slots=True)
class EnrollmentMark:
    """One passage of a profile through a campaign, as far as timers need it.

    `step` is the index of the next step to decide (0 = nothing decided yet). `anchor_at` is the moment of abandonment,
    fixed when the first step is decided: later steps count from it. `version` is the campaign version it runs on."""

    campaign_id: str
    key: str
    status: EnrollmentStatus
    step: int
    due_at: datetime | None
    entered_at: datetime
    last_activity_at: datetime
    version: int = 1
    anchor_at: datetime | None = None
    reason: str = ""

    @property
    def is_live(self) -> bool:
        """Whether a timer belongs to it."""
        return self.status in _LIVE

    @property
    def is_settled(self) -> bool:
        """Whether a step was decided: its key is used up and its entry counts for re-entry."""
        return self.step > 0 or self.status in _DECIDED


@dataclass(slots=True)
class EnrollmentBook:
    """All enrollments of one profile that still matter: live ones, and those recent enough for re-entry and keys.

    `refused` remembers starts that were already reported as not started, so that each is told once."""

    marks: dict[str, dict[str, EnrollmentMark]] = field(default_factory=dict)
    refused: set[tuple[str, str, str]] = field(default_factory=set)

    def put(self, mark: EnrollmentMark) -> None:
        """Adds an enrollment, or replaces the one of the same campaign and key."""
        self.marks.setdefault(mark.campaign_id, {})[mark.key] = mark

    def find(self, campaign_id: str, key: str) -> EnrollmentMark | None:
        """The enrollment of a campaign and key, if there was one."""
        return self.marks.get(campaign_id, {}).get(key)

    def of(self, campaign_id: str) -> dict[str, EnrollmentMark]:
        """The enrollments of one campaign by key."""
        found = self.marks.get(campaign_id)
        if found is None:
            found = self.marks[campaign_id] = {}
        return found

    def live(self) -> Iterator[EnrollmentMark]:
        """All enrollments with a timer."""
        for marks in self.marks.values():
            for mark in marks.values():
                if mark.status in _LIVE:
                    yield mark
