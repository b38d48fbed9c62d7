"""What came out of a batch of due timers, and its rows: decisions, messages and where each enrollment stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.campaign_reasons import ExitReason, Reason
from campaigns.domain.decision import Decision, Defer, Send, Skip
from campaigns.domain.message import RenderedEmail
from campaigns.storage.decisions import DecisionRow, add_decisions
from campaigns.storage.enrollments import EnrollmentRow, MovedEnrollment, move_on
from campaigns.storage.messages import NewMessage, queue_messages
from triggers.enrollments import EnrollmentMark, EnrollmentStatus
from triggers.rules import Rule
from triggers.wake import advance, leave


@dataclass(slots=True)
class DecideReport:
    """Timers claimed, and decisions as (campaign, outcome, reason); `asleep` timers fired early and went back."""

    claimed: int = 0
    asleep: int = 0
    decisions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    queued: int = 0

    def add(self, other: DecideReport) -> None:
        self.claimed += other.claimed
        self.asleep += other.asleep
        self.queued += other.queued
        self.decisions += other.decisions


@dataclass(slots=True)
class Outcome:
    """One claimed timer after its turn. `decision` is None where it only went back to sleep."""

    row: EnrollmentRow
    mark: EnrollmentMark
    at: datetime
    due_at: datetime
    decision: Decision | None = None
    step: int = 0
    message_ref: str = ""
    address: str = ""
    email: RenderedEmail | None = None
    slates: Mapping[str, Any] | None = None

    @classmethod
    def asleep(cls, row: EnrollmentRow, mark: EnrollmentMark, until: datetime) -> Outcome:
        """A timer that fired early: something happened since."""
        mark.due_at = until
        return cls(row, mark, until, until)

    @classmethod
    def retired(cls, row: EnrollmentRow, now: datetime) -> Outcome:
        """A timer whose campaign is gone."""
        mark = EnrollmentMark(
            row.campaign_id,
            row.key,
            status=EnrollmentStatus(row.status),
            step=row.step,
            due_at=None,
            entered_at=row.entered_at,
            last_activity_at=row.last_activity_at,
        )
        decision = Skip(Reason.EXITED, {"exit_reason": ExitReason.CAMPAIGN_RETIRED.value}, ends_enrollment=True)
        leave(mark, ExitReason.CAMPAIGN_RETIRED)
        return cls(row, mark, now, row.due_at or now, decision, step=row.step + 1)

    @classmethod
    def decided(
        cls, row: EnrollmentRow, mark: EnrollmentMark, decision: Decision, *, due_at: datetime, at: datetime
    ) -> Outcome:
        """A decision fell."""
        if isinstance(decision, Defer):
            mark.due_at = decision.until
        return cls(row, mark, at, due_at, decision, step=mark.step + 1)

    def advance(self, rule: Rule) -> None:
        """On to the next step."""
        advance(rule, self.mark)

    def decision_row(self) -> DecisionRow | None:
        decision = self.decision
        if decision is None:
            return None
        return DecisionRow(
            decision_id=0,
            enrollment_id=self.row.enrollment_id,
            step=self.step,
            campaign_id=self.row.campaign_id,
            campaign_version=self.row.campaign_version,
            profile_id=self.row.profile_id,
            due_at=self.due_at,
            decided_at=self.at,
            outcome=decision.outcome,
            reason=decision.reason.value,
            until=decision.until if isinstance(decision, Defer) else None,
            variant=decision.variant or None,
            facts=decision.facts,
            slates=self.slates,
        )

    def message(self) -> NewMessage | None:
        if not isinstance(self.decision, Send) or self.email is None:
            return None
        return NewMessage(
            message_ref=self.message_ref,
            enrollment_id=self.row.enrollment_id,
            step=self.step,
            campaign_id=self.row.campaign_id,
            profile_id=self.row.profile_id,
            address=self.address,
            email=self.email,
            created_at=self.at,
        )

    def moved(self) -> MovedEnrollment:
        mark = self.mark
        return MovedEnrollment(
            enrollment_id=self.row.enrollment_id,
            status=mark.status.value,
            step=mark.step,
            anchor_at=mark.anchor_at,
            due_at=mark.due_at,
            exit_reason=mark.reason or None,
            closed_at=None if mark.is_live else self.at,
        )


def write_outcomes(connection: Connection, outcomes: Sequence[Outcome]) -> DecideReport:
    """Writes a batch: decisions, messages and enrollments, a statement each."""
    decisions = [row for outcome in outcomes if (row := outcome.decision_row())]
    messages = [message for outcome in outcomes if (message := outcome.message())]
    add_decisions(connection, decisions)
    queue_messages(connection, messages)
    move_on(connection, [outcome.moved() for outcome in outcomes])
    report = DecideReport(asleep=sum(outcome.decision is None for outcome in outcomes), queued=len(messages))
    report.decisions.update((row.campaign_id, row.outcome, row.reason) for row in decisions)
    return report
