"""What a timer does when it fires: go on, sleep again because something happened since, or end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from triggers.enrollments import EnrollmentMark, EnrollmentStatus
from triggers.evaluate import due_of
from triggers.instants import moment
from triggers.rules import Rule
from triggers.state import ProfileState
from triggers.trigger import Ended


@dataclass(frozen=True, slots=True)
class Due:
    """The step is to be decided. `due_at` is when it really became due; `max_late` counts from there."""

    step: int
    due_at: datetime
    last_activity_at: datetime


@dataclass(frozen=True, slots=True)
class Sleep:
    """Activity moved it: look again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Exit:
    """The reason to mail is gone."""

    reason: str


def wake(rule: Rule, mark: EnrollmentMark, state: ProfileState, *, now: datetime) -> Due | Sleep | Exit:
    """How a fired timer goes on, from the state as it is now. Brings `mark.last_activity_at` up to date in place;
    the caller writes `Sleep.until` to `due_at`."""
    seen = rule.trigger.look(state, mark.key)
    if isinstance(seen, Ended):
        return Exit(seen.reason)
    if seen is not None:
        mark.last_activity_at = moment(seen.last_at)
    due_at = due_of(rule, mark)
    if due_at > now:
        mark.due_at = due_at
        return Sleep(due_at)
    return Due(mark.step, due_at, mark.last_activity_at)


def advance(rule: Rule, mark: EnrollmentMark) -> None:
    """Moves an enrollment past the step just decided, in place: the first decision fixes the moment of abandonment;
    after the last step the enrollment is completed."""
    if mark.step == 0:
        mark.anchor_at = mark.last_activity_at
    mark.step += 1
    if mark.step >= len(rule.delays):
        mark.status, mark.due_at = EnrollmentStatus.COMPLETED, None
    else:
        mark.status = EnrollmentStatus.ACTIVE
        mark.due_at = due_of(rule, mark)


def leave(mark: EnrollmentMark, reason: str, *, is_decided: bool = False) -> None:
    """Ends an enrollment, in place. One that ends before its first step was decided may be opened again by the
    shopper's next doings; `is_decided` says that a decision ended it, so that its key is used up."""
    mark.step += int(is_decided)
    mark.status, mark.reason, mark.due_at = EnrollmentStatus.EXITED, reason, None
