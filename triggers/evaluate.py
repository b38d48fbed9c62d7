"""One event, one profile: fold it into the state, and bring the profile's timers in line with what the state wants.

Timers follow from the folded state and never from the order in which events came, so late, repeated and shuffled
events end with the same timers. The common case - the newest event moves an enrollment that is already open - is
a comparison of two instants; only an event that opens, ends or re-orders something reconsiders the whole campaign.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from triggers.changes import Arm, Cancel, NotStarted, TimerChange, Touch
from triggers.competition import choose_openings
from triggers.enrollments import EnrollmentBook, EnrollmentMark, EnrollmentStatus
from triggers.events import Event
from triggers.instants import micros, moment
from triggers.rules import Rule, RuleSet
from triggers.state import ProfileState, cover_by_order, fold, order_id_of
from triggers.trigger import Ended, Passage

MAX_EVENT_AGE: Final = timedelta(hours=1)

REASON_REENTRY: Final = "entered_recently"
REASON_BACK_DATED: Final = "back_dated"
REASON_SUPERSEDED: Final = "superseded"
REASON_PAUSED: Final = "campaign_paused"


def evaluate(
    rules: RuleSet,
    state: ProfileState,
    book: EnrollmentBook,
    event: Event,
    *,
    now: datetime,
    max_event_age: timedelta = MAX_EVENT_AGE,
) -> list[TimerChange]:
    """Folds `event` into `state` and updates `book`, both in place; returns the rows to write, in order.

    `now` stamps exits. An event that arrived more than `max_event_age` after it happened still moves and ends
    enrollments, but opens none; one from the future (a wrong clock) counts from when it was received."""
    occurred_at, received_at = event.occurred_at, event.received_at
    at = micros(occurred_at if occurred_at <= received_at else received_at)
    is_history = received_at is not occurred_at and received_at - occurred_at > max_event_age
    reshaped = fold(state, event, at, is_history=is_history)
    turn = _Turn(state, book, event, at, now, is_history=is_history)
    changes: list[TimerChange] = []
    listening = rules.listening(event.name)
    for rule in listening:
        turn.apply(rule, changes, reshaped and rule.trigger.hears_sessions)
    if reshaped:
        for rule in rules.session_rules:
            if rule not in listening:
                turn.apply(rule, changes, True)
    return changes


def evaluate_covering_order(
    rules: RuleSet, state: ProfileState, book: EnrollmentBook, event: Event, *, now: datetime
) -> list[TimerChange]:
    """An order of somebody else that covers this profile too: the same cart, checkout or email address.

    Ends what an own order would end, and starts nothing; the order stays in the other profile's history."""
    at = micros(min(event.occurred_at, event.received_at))
    cover_by_order(state, order_id_of(event), at)
    turn = _Turn(state, book, event, at, now, is_history=True)
    changes: list[TimerChange] = []
    for rule in rules.listening(event.name):
        if event.name in rule.trigger.ends_on:
            turn.end_or_move(rule, changes)
    return changes


def reconsider(rules: RuleSet, state: ProfileState, book: EnrollmentBook, *, now: datetime) -> list[TimerChange]:
    """Brings all timers in line with the state, without an event: after two identities were joined."""
    changes: list[TimerChange] = []
    for rule in rules:
        turn = _Turn(state, book, None, state.last_at, now)
        turn.end_or_move(rule, changes)
        turn.settle(rule, changes)
    return changes


class _Turn:
    """One event's passage through the rules."""

    __slots__ = ("at", "book", "event", "is_history", "now", "state")

    def __init__(
        self,
        state: ProfileState,
        book: EnrollmentBook,
        event: Event | None,
        at: int,
        now: datetime,
        *,
        is_history: bool = False,
    ) -> None:
        self.state, self.book, self.event, self.at, self.now = state, book, event, at, now
        self.is_history = is_history

    def apply(self, rule: Rule, changes: list[TimerChange], reshaped: bool) -> None:
        """Brings one campaign's timers in line."""
        marks = self.book.of(rule.campaign_id)
        unsettled = self.end_or_move(rule, changes) if marks else False
        if unsettled or reshaped:
            self.settle(rule, changes)
        if not reshaped and self.event is not None and self.event.name in rule.trigger.opens_on:
            for key in rule.trigger.touched(self.state, self.event, self.at):
                self._consider(rule, marks, key, changes)

    def end_or_move(self, rule: Rule, changes: list[TimerChange]) -> bool:
        """Looks at each live enrollment again. Returns whether the competition between keys must be held anew."""
        unsettled = False
        for mark in [mark for mark in self.book.of(rule.campaign_id).values() if mark.is_live]:
            seen = rule.trigger.look(self.state, mark.key)
            if isinstance(seen, Ended):
                self._cancel(mark, seen.reason, changes)
                unsettled = True
            elif seen is not None:
                unsettled = self._move(rule, mark, seen, changes) or unsettled
        return unsettled

    def _move(self, rule: Rule, mark: EnrollmentMark, seen: Passage, changes: list[TimerChange]) -> bool:
        if seen.key != mark.key and not mark.is_settled:
            self._cancel(mark, REASON_SUPERSEDED, changes)
            return True
        last_at = moment(seen.last_at)
        if last_at != mark.last_activity_at:
            self._touch(rule, mark, last_at, changes)
        return not mark.is_settled and (
            self.at < seen.last_at or self.at < micros(mark.entered_at) or self._ends_at_once(rule, seen)
        )

    def _ends_at_once(self, rule: Rule, seen: Passage) -> bool:
        """Whether the event ends what stood before it, at the very instant at which the passage began anew."""
        return self.at == seen.last_at and self.event is not None and self.event.name in rule.trigger.ends_on

    def _touch(self, rule: Rule, mark: EnrollmentMark, last_at: datetime, changes: list[TimerChange]) -> None:
        due_at = None
        mark.last_activity_at = last_at
        wanted = due_of(rule, mark)
        if mark.due_at is not None and wanted < mark.due_at:
            due_at = mark.due_at = wanted
        changes.append(Touch(mark.campaign_id, mark.key, last_at, due_at))

    def _cancel(self, mark: EnrollmentMark, reason: str, changes: list[TimerChange]) -> None:
        mark.status, mark.reason, mark.due_at = EnrollmentStatus.EXITED, reason, None
        changes.append(Cancel(mark.campaign_id, mark.key, reason, self.now, mark.step))

    def _consider(self, rule: Rule, marks: dict[str, EnrollmentMark], key: str, changes: list[TimerChange]) -> None:
        mark = marks.get(key)
        if mark is not None and (mark.is_live or mark.is_settled):
            return
        is_told = (rule.campaign_id, key, REASON_REENTRY) in self.book.refused
        if is_told and self.at == self.state.last_at and self._entered_recently(rule, marks) is not None:
            return
        seen = rule.trigger.look(self.state, key)
        if not isinstance(seen, Passage):
            if isinstance(seen, Ended) and seen.reason == "ordered_recently":
                self._refuse(rule, key, seen.reason, {}, changes)
        elif self.is_history:
            self._refuse(rule, key, REASON_BACK_DATED, {}, changes)
        elif (until := self._blocked_until(rule, marks, seen)) is not None:
            self._refuse(rule, key, REASON_REENTRY, {"until": until.isoformat()}, changes)
        else:
            self.settle(rule, changes, (key,))

    def _blocked_until(self, rule: Rule, marks: dict[str, EnrollmentMark], seen: Passage) -> datetime | None:
        """A shortcut for the newest activity: an entry shortly before it stands in its way, whatever else is known."""
        return None if self.at != seen.last_at else self._entered_recently(rule, marks)

    def _entered_recently(self, rule: Rule, marks: dict[str, EnrollmentMark]) -> datetime | None:
        entries = [mark.entered_at for mark in marks.values() if mark.is_live or mark.is_settled] if marks else ()
        latest = max(entries, default=None)
        if latest is None:
            return None
        if rule.once_per_profile:
            return datetime.max.replace(tzinfo=latest.tzinfo)
        entered = micros(latest)
        return latest + rule.reentry if entered < self.at < entered + rule.reentry_micros else None

    def settle(self, rule: Rule, changes: list[TimerChange], keys: Iterable[str] = ()) -> None:
        """Holds the competition between all keys of one campaign anew and arms or cancels accordingly.

        Without re-entry rules keys do not compete, and only `keys` and open enrollments are looked at."""
        wanted = choose_openings(rule, self.state, self.book.of(rule.campaign_id), keys)
        marks = self.book.of(rule.campaign_id)
        for mark in list(marks.values()):
            if mark.is_live and not mark.is_settled:
                self._align(rule, mark, wanted, changes)
        for key, (opening, passage) in wanted.items():
            known = marks.get(key)
            if known is None or not known.is_live:
                self._start(rule, opening, passage, changes)

    def _align(
        self,
        rule: Rule,
        mark: EnrollmentMark,
        wanted: dict[str, tuple[int, Passage]],
        changes: list[TimerChange],
    ) -> None:
        chosen = wanted.get(mark.key)
        if chosen is None:
            if rule.trigger.look(self.state, mark.key) is not None:
                self._cancel(mark, REASON_REENTRY, changes)
            return
        entered_at = moment(chosen[0])
        if entered_at != mark.entered_at:
            mark.entered_at = entered_at
            changes.append(Touch(mark.campaign_id, mark.key, mark.last_activity_at, None, entered_at))

    def _start(self, rule: Rule, opening: int, passage: Passage, changes: list[TimerChange]) -> None:
        key = passage.key
        is_revival = self.book.find(rule.campaign_id, key) is not None
        if self.is_history or rule.is_paused:
            self._refuse(rule, key, REASON_BACK_DATED if self.is_history else REASON_PAUSED, {}, changes)
            return
        last_at = moment(passage.last_at)
        mark = EnrollmentMark(
            rule.campaign_id, key, EnrollmentStatus.ARMED, 0, None, moment(opening), last_at, rule.version
        )
        due_at = mark.due_at = due_of(rule, mark)
        self.book.put(mark)
        changes.append(
            Arm(rule.campaign_id, key, rule.version, mark.entered_at, last_at, due_at, passage.context, is_revival)
        )

    def _refuse(self, rule: Rule, key: str, reason: str, facts: dict[str, str], changes: list[TimerChange]) -> None:
        told = (rule.campaign_id, key, reason)
        if told in self.book.refused:
            return
        self.book.refused.add(told)
        changes.append(NotStarted(rule.campaign_id, key, reason, moment(self.at), facts))


def due_of(rule: Rule, mark: EnrollmentMark) -> datetime:
    """When the next step of an enrollment is due: its delay after the moment of abandonment, and never earlier
    than the first wait after the last activity."""
    quiet = mark.last_activity_at + rule.delays[0]
    if mark.step == 0 or mark.anchor_at is None:
        return quiet
    return max(quiet, mark.anchor_at + rule.delays[mark.step])
