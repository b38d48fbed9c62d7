"""What an event does to timers: each value is one row to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Arm:
    """Open an enrollment: insert the row, or revive one that exited before its first step was decided."""

    campaign_id: str
    key: str
    version: int
    entered_at: datetime
    last_activity_at: datetime
    due_at: datetime
    context: Mapping[str, Any] = field(default_factory=dict)
    is_revival: bool = False


@dataclass(frozen=True, slots=True)
class Touch:
    """Activity moved: write `last_activity_at` only. `due_at` is given where it must come earlier than the row says,
    `entered_at` where a late event shows an earlier entry; None leaves the column alone."""

    campaign_id: str
    key: str
    last_activity_at: datetime
    due_at: datetime | None = None
    entered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The enrollment is over before its next step. `reason` is a documented exit reason."""

    campaign_id: str
    key: str
    reason: str
    at: datetime
    step: int = 0


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The event would have opened an enrollment, but did not. `facts` says what stood in the way."""

    campaign_id: str
    key: str
    reason: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


TimerChange = Arm | Touch | Cancel | NotStarted
