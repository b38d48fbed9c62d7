"""Histories played by the simulation: what a shopper is known by grows with the events, as it does live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.decisions.assignment import assignment_key
from campaigns.decisions.simulate import Happening, Simulation, _Life
from campaigns.domain.enrollment import EnrollmentMark
from campaigns.domain.profile import Profile
from campaigns.domain.suppression import Suppression, SuppressionReason
from campaigns.pipeline.history import Happened
from campaigns.pipeline.people import Person
from campaigns.pipeline.policy import profile_of
from campaigns.storage.histories import (
    list_named_before,
    read_all_consents,
    read_all_suppressions,
    read_people,
)
from campaigns.storage.identities import keys_of
from campaigns.storage.profiles import ProfileRow
from triggers.changes import Arm, Cancel, NotStarted, Touch
from triggers.evaluate import evaluate, evaluate_covering_order, reconsider
from triggers.events import Event, EventName
from triggers.merging import merge, merge_books

_ZONES = ("zone", "timezone", "time_zone")
_CONSENTS = ("marketing_consent", "email_consent", "accepts_marketing")
_NEVER_ENDING = datetime.max.replace(tzinfo=UTC)
_Key = tuple[int, int]


@dataclass(slots=True)
class Registry:
    """Who there is, as the tables say now, and since when addresses are known and suppressed. `now` is played time."""

    rows: Mapping[int, ProfileRow]
    consents: Mapping[int, tuple[bool, datetime]]
    suppressions: Mapping[str, Sequence[Suppression]]
    named_before: frozenset[int] = frozenset()
    now: datetime = _NEVER_ENDING

    @classmethod
    def read(cls, connection: Connection, since: datetime) -> Registry:
        """Reads all of it: histories are played from `since` on."""
        suppressions: dict[str, list[Suppression]] = {}
        for address, scope, reason, at in read_all_suppressions(connection):
            suppressions.setdefault(address, []).append(Suppression(address, SuppressionReason(reason), at, scope))
        named = frozenset(list_named_before(connection, since))
        return cls(read_people(connection), read_all_consents(connection), suppressions, named)

    def suppressed(self, profile: Profile) -> Sequence[Suppression]:
        """What stood against a profile's address at the time that is played."""
        found = self.suppressions.get(profile.email, ())
        return [one for one in found if one.created_at <= self.now] if found else ()

    def first_row(self, profile_id: int, events: Iterable[Event]) -> ProfileRow:
        """The profile as it was before `events`: what they say first was not known yet."""
        row = self.rows.get(profile_id)
        if row is None:
            return ProfileRow(profile_id)
        said: dict[str, Any] = {}
        has_email = False
        for event in events:
            if event.traits:
                said |= event.traits
            has_email = has_email or event.email is not None
        if not said and not has_email:
            return replace(row)
        knew = profile_id in self.named_before
        return ProfileRow(
            profile_id,
            row.user_id,
            row.email if knew or not has_email else None,
            None if any(name in said for name in _ZONES) and not knew else row.zone,
            None if "locale" in said and not knew else row.locale,
            {name: value for name, value in (row.traits or {}).items() if name not in said},
            row.merged_arms,
            assignment_key=row.assignment_key,
        )

    def first_consent(self, profile_id: int, events: Iterable[Event]) -> bool | None:
        """What the profile had said to marketing mail before `events`."""
        found = self.consents.get(profile_id)
        if found is None or any(name in event.traits for event in events if event.traits for name in _CONSENTS):
            return None
        return found[0]


class _Shopper(_Life):
    """A life whose profile is learnt from its events."""

    __slots__ = ("consent", "person", "registry")

    def __init__(self, setting: Simulation, registry: Registry, row: ProfileRow, consent: bool | None) -> None:
        super().__init__(setting, Profile(str(row.profile_id)))
        self.registry, self.consent = registry, consent
        self.person = Person(row, self.state, self.book)
        self.refresh()

    def refresh(self) -> None:
        self.profile = profile_of(self.person.row, self.state, self.consent)
        self.person.is_changed = False

    def live(self, events: Iterable[Event]) -> list[Happening]:
        """A whole life that touches nobody else's."""
        until = self.setting.until
        for event in events:
            now = event.received_at
            if now > until:
                break
            if self.next_due is not None and self.next_due < now:
                self._fire_before(now)
            self.take(event)
        return self.wait()

    def reach(self, now: datetime) -> None:
        """Fires what is due before `now`."""
        if self.next_due is not None and self.next_due < now:
            self._fire_before(now)

    def take(self, event: Event) -> None:
        """Lets an own event happen."""
        setting = self.setting
        changes = evaluate(
            setting.rules, self.state, self.book, event, now=event.received_at, max_event_age=setting.max_event_age
        )
        if changes:
            self._note(changes)
        if event.email or event.traits:
            self._learn(event)

    def _learn(self, event: Event) -> None:
        self.person.note(event)
        if self.person.consent is not None:
            self.consent = self.person.consent[0]
        self.refresh()

    def be_covered(self, order: Event) -> None:
        """Somebody with the same address or cart ordered."""
        changes = evaluate_covering_order(self.setting.rules, self.state, self.book, order, now=order.received_at)
        if changes:
            self._note(changes)

    def join(self, other: _Shopper, now: datetime) -> None:
        """The other turned out to be this shopper."""
        self.state = self.person.state = merge(self.state, other.state, merged_ids=(other.profile.profile_id,))
        merge_books(self.book, other.book)
        row, lost = self.person.row, other.person.row
        row.email, row.zone, row.locale = row.email or lost.email, row.zone or lost.zone, row.locale or lost.locale
        row.traits = {**(lost.traits or {}), **(row.traits or {})}
        self.consent = other.consent if self.consent is None else self.consent
        self.sends += other.sends
        self.happened += other.happened
        self.refresh()
        self._note(reconsider(self.setting.rules, self.state, self.book, now=now))
        self._look_ahead()

    def _note(self, changes: Sequence[Arm | Touch | Cancel | NotStarted]) -> None:
        super()._note(changes)
        if any(isinstance(change, Touch) and change.due_at is not None for change in changes):
            self._look_ahead()  # activity in the night brings a waiting timer forward

    def _fire(self, mark: EnrollmentMark, now: datetime) -> None:
        self.registry.now = now
        super()._fire(mark, now)


@dataclass(slots=True)
class _Household:
    """Shoppers whose lives touch: usually one."""

    setting: Simulation
    registry: Registry
    happened: Sequence[Happened]
    shoppers: dict[_Key, _Shopper] = field(default_factory=dict)

    def play(self) -> Iterable[Happening]:
        """Lets everything happen; what came of it, shopper by shopper."""
        first = self.happened[0].profile_id
        if all(one.part == 0 and one.profile_id == first for one in self.happened):
            return self._find(first, 0).live(one.event for one in self.happened)
        return self._play_together()

    def _play_together(self) -> Iterator[Happening]:
        for one in self.happened:
            now = one.event.received_at
            if now > self.setting.until:
                break
            for shopper in list(self.shoppers.values()):
                shopper.reach(now)
            own = self._find(one.profile_id, one.part)
            for part in one.joins:
                if other := self.shoppers.pop((one.profile_id, part), None):
                    own.join(other, now)
            own.take(one.event)
            if one.event.name == EventName.ORDER_COMPLETED and len(self.shoppers) > 1:
                self._cover(own, one.event)
        for shopper in self.shoppers.values():
            shopper.wait()
            yield from shopper.happened

    def _find(self, profile_id: int, part: int) -> _Shopper:
        known = self.shoppers.get((profile_id, part))
        if known is None:
            known = self.shoppers[profile_id, part] = self._meet(profile_id, part)
        return known

    def _meet(self, profile_id: int, part: int) -> _Shopper:
        events = [one.event for one in self.happened if one.profile_id == profile_id and part in (0, one.part)]
        if part:
            key = assignment_key(*keys_of(events[0])[0])
            return _Shopper(self.setting, self.registry, ProfileRow(profile_id, assignment_key=key), None)
        row = self.registry.first_row(profile_id, events)
        return _Shopper(self.setting, self.registry, row, self.registry.first_consent(profile_id, events))

    def _cover(self, own: _Shopper, order: Event) -> None:
        address = (order.email or "").strip().lower()
        for other in self.shoppers.values():
            if other is not own and (_has_address(other, address) or _waits_for(other, order.cart_id)):
                other.be_covered(order)


def play(setting: Simulation, registry: Registry, histories: Iterable[Sequence[Happened]]) -> Iterator[Happening]:
    """Everything that would have happened, shopper by shopper."""
    for happened in histories:
        yield from _Household(setting, registry, happened).play()


def _has_address(shopper: _Shopper, address: str) -> bool:
    return bool(address) and shopper.person.row.email == address


def _waits_for(shopper: _Shopper, cart_id: str | None) -> bool:
    return cart_id is not None and any(mark.key == cart_id for mark in shopper.book.live())
