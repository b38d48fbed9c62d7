"""What would have been mailed: evaluate and decide over recorded events, in memory, with timers on a virtual clock.

This is the code that runs live; only storing, rendering and sending are left out, and content is taken for granted. One
profile's mails depend on no other profile, so histories are played one after the other and memory stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from campaigns.decisions.arbitration import decision_order, rivals_of
from campaigns.decisions.candidate import Candidate, PastSend, ShopPolicy
from campaigns.decisions.gates import decide
from campaigns.domain.campaign import Campaign
from campaigns.domain.decision import Decision, Defer, Ghost, Send
from campaigns.domain.enrollment import EnrollmentBook, EnrollmentMark
from campaigns.domain.profile import Profile
from campaigns.domain.suppression import Suppression
from triggers.changes import Arm, Cancel, NotStarted, Touch
from triggers.evaluate import MAX_EVENT_AGE, evaluate
from triggers.events import Event
from triggers.rules import RuleSet
from triggers.state import ProfileState
from triggers.wake import Due, Exit, Sleep, advance, leave, wake


@dataclass(frozen=True, slots=True)
class SimulatedDecision:
    """One decision as it would have fallen."""

    profile_id: str
    campaign_id: str
    key: str
    step: int
    due_at: datetime
    decided_at: datetime
    decision: Decision


@dataclass(frozen=True, slots=True)
class SimulatedEnding:
    """An enrollment that ended, or a start that was refused, without a decision."""

    profile_id: str
    campaign_id: str
    key: str
    at: datetime
    reason: str
    is_refusal: bool = False


Happening = SimulatedDecision | SimulatedEnding
SuppressedAt = Callable[[Profile], Sequence[Suppression]]


@dataclass(frozen=True)
class Simulation:
    """The setting of a simulation. Timers that are due after `until` stay undecided."""

    campaigns: Mapping[str, Campaign]
    shop: ShopPolicy
    until: datetime
    max_event_age: timedelta = MAX_EVENT_AGE
    suppressions: SuppressedAt = field(default=lambda profile: ())
    rules: RuleSet = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", RuleSet(campaign.live_rule for campaign in self.campaigns.values()))

    @classmethod
    def of(cls, campaigns: Iterable[Campaign], shop: ShopPolicy, *, until: datetime) -> Simulation:
        """A simulation of these campaigns together: they compete as they would live."""
        return cls({campaign.campaign_id: campaign for campaign in campaigns}, shop, until)

    def play(self, histories: Iterable[tuple[Profile, Iterable[Event]]]) -> Iterator[Happening]:
        """Plays each profile's events, which must come in the order in which they were received."""
        for profile, events in histories:
            yield from _Life(self, profile).live(events)

    def foresee(
        self,
        profile: Profile,
        state: ProfileState,
        book: EnrollmentBook,
        past_sends: Sequence[PastSend] = (),
        *,
        now: datetime | None = None,
    ) -> list[Happening]:
        """What will happen next to a profile if it does nothing more, up to `until`. Changes none of its arguments.

        A timer that is overdue at `now` is decided then, as live; without it each is decided at its own time."""
        life = _Life(self, profile)
        life.state, life.sends, life.earliest = state, list(past_sends), now
        for mark in book.live():
            if mark.campaign_id in self.campaigns:
                life.book.put(replace(mark))
        return life.wait()


class _Life:
    """One profile's way through the simulation."""

    __slots__ = ("book", "earliest", "happened", "next_due", "profile", "sends", "setting", "state")

    def __init__(self, setting: Simulation, profile: Profile) -> None:
        self.setting, self.profile = setting, profile
        self.state, self.book = ProfileState(), EnrollmentBook()
        self.sends: list[PastSend] = []
        self.happened: list[Happening] = []
        self.next_due: datetime | None = None
        self.earliest: datetime | None = None

    def live(self, events: Iterable[Event]) -> list[Happening]:
        setting = self.setting
        rules, age, state, book = setting.rules, setting.max_event_age, self.state, self.book
        for event in events:
            now = event.received_at
            if now > setting.until:
                break
            if self.next_due is not None and self.next_due < now:
                self._fire_before(now)
            changes = evaluate(rules, state, book, event, now=now, max_event_age=age)
            if changes:
                self._note(changes)
        return self.wait()

    def wait(self) -> list[Happening]:
        """Lets the time run out without further events."""
        self._look_ahead()
        self._fire_before(self.setting.until + timedelta(microseconds=1))
        return self.happened

    def _note(self, changes: Sequence[Arm | Touch | Cancel | NotStarted]) -> None:
        for change in changes:
            if isinstance(change, (Cancel, NotStarted)):
                refused = isinstance(change, NotStarted)
                self._end(change.campaign_id, change.key, change.at, change.reason, is_refusal=refused)
        if not (len(changes) == 1 and isinstance(changes[0], Touch)):
            self._look_ahead()

    def _end(self, campaign_id: str, key: str, at: datetime, reason: str, *, is_refusal: bool = False) -> None:
        self.happened.append(SimulatedEnding(self.profile.profile_id, campaign_id, key, at, reason, is_refusal))

    def _look_ahead(self) -> None:
        self.next_due = min((mark.due_at for mark in self.book.live() if mark.due_at is not None), default=None)

    def _fire_before(self, until: datetime) -> None:
        """Fires timers in the order of their times; events of an instant come before its timers."""
        while self.next_due is not None and self.next_due < until:
            now = self.next_due if self.earliest is None else max(self.next_due, self.earliest)
            ripe = [mark for mark in self.book.live() if mark.due_at is not None and mark.due_at <= now]
            for mark in sorted(ripe, key=lambda mark: decision_order(mark, self.setting.campaigns)):
                self._fire(mark, now)
            self._look_ahead()

    def _fire(self, mark: EnrollmentMark, now: datetime) -> None:
        rule = self.setting.campaigns[mark.campaign_id].live_rule
        match wake(rule, mark, self.state, now=now):
            case Sleep(until):
                mark.due_at = until
            case Exit(reason):
                leave(mark, reason)
                self._end(mark.campaign_id, mark.key, now, reason)
            case Due(_, due_at, _):
                self._decide(mark, due_at, now)

    def _decide(self, mark: EnrollmentMark, due_at: datetime, now: datetime) -> None:
        setting, campaign = self.setting, self.setting.campaigns[mark.campaign_id]
        candidate = Candidate(
            campaign,
            mark,
            due_at,
            self.profile,
            self.state,
            suppressions=setting.suppressions(self.profile),
            past_sends=self.sends,
            rivals=rivals_of(self.book.live(), setting.campaigns, self.state, setting.shop),
        )
        decision = decide(candidate, setting.shop, now=now)
        step = mark.step
        if isinstance(decision, (Send, Ghost)) and setting.shop.frequency_cap_of(candidate.step.policy) is not None:
            self.sends.append(PastSend(mark.campaign_id, now))
        self._move(mark, campaign, decision)
        key = (self.profile.profile_id, mark.campaign_id, mark.key)
        self.happened.append(SimulatedDecision(*key, step, due_at, now, decision))

    def _move(self, mark: EnrollmentMark, campaign: Campaign, decision: Decision) -> None:
        if isinstance(decision, Defer):
            mark.due_at = decision.until
        elif decision.ends_enrollment:
            leave(mark, str(decision.reason), is_decided=True)
        else:
            advance(campaign.live_rule, mark)
