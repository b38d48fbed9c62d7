"""The profiles a batch of events touches: loaded and locked together, folded in memory, saved together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.pipeline.engine import Engine
from campaigns.storage.enrollments import EnrollmentRow, list_enrollments
from campaigns.storage.identities import Resolution
from campaigns.storage.profiles import (
    ProfileRow,
    StateRow,
    find_covered_profiles,
    insert_profiles,
    lock_profiles,
    mark_merged,
    save_states,
    update_profiles,
)
from campaigns.storage.suppressions import move_consents, set_consents
from triggers.enrollments import EnrollmentBook, EnrollmentMark, EnrollmentStatus
from triggers.events import Event, EventName
from triggers.instants import moment
from triggers.merge import merge
from triggers.state import ProfileState

_CONSENT_TRAITS = ("marketing_consent", "email_consent", "accepts_marketing")
_ZONE_TRAITS = ("zone", "timezone", "time_zone")


@dataclass(slots=True)
class Person:
    """One profile in memory: its row, its folded state and its enrollments."""

    row: ProfileRow
    state: ProfileState
    book: EnrollmentBook
    is_new: bool = False
    is_changed: bool = False
    consent: tuple[bool, datetime] | None = None

    def note(self, event: Event) -> None:
        """Takes over what an event says about the person: address, zone, locale, traits and consent."""
        if event.email and (self.row.email is None or event.name == EventName.IDENTIFIED):
            self._set("email", event.email.strip().lower())
        if event.traits:
            self._note_traits(event)

    def _note_traits(self, event: Event) -> None:
        known = {name: kept[2] for name, kept in self.state.traits.items()}
        self._set("traits", {**(self.row.traits or {}), **known})
        if zone := next((known[name] for name in _ZONE_TRAITS if isinstance(known.get(name), str)), None):
            self._set("zone", zone)
        if isinstance(locale := known.get("locale"), str):
            self._set("locale", locale)
        for name in _CONSENT_TRAITS:
            if isinstance(granted := event.traits.get(name), bool):
                self.consent = (granted, event.occurred_at)

    def _set(self, name: str, value: Any) -> None:
        if getattr(self.row, name) != value:
            setattr(self.row, name, value)
            self.is_changed = True


@dataclass(slots=True)
class People:
    """All profiles of a batch, and who else an order covers."""

    by_id: dict[int, Person]
    merges: Mapping[int, int]
    _by_address: dict[str, list[Person]] = field(default_factory=dict)
    _by_cart: dict[str, list[Person]] = field(default_factory=dict)

    def covered_by(self, order: Event, profile_id: int) -> Iterator[Person]:
        """Other profiles whose cart this order empties: the same address or the same cart."""
        found: dict[int, Person] = {}
        for person in self._by_address.get((order.email or "").strip().lower(), ()):
            found[person.row.profile_id] = person
        for person in self._by_cart.get(order.cart_id or "", ()):
            found[person.row.profile_id] = person
        return (person for other, person in sorted(found.items()) if other != profile_id)

    def index(self) -> None:
        """Prepares `covered_by` for the batch."""
        for person in self.by_id.values():
            if person.row.email:
                self._by_address.setdefault(person.row.email, []).append(person)
            for cart_id in person.state.carts:
                self._by_cart.setdefault(cart_id, []).append(person)


def load_people(
    engine: Engine, connection: Connection, events: Sequence[Event], resolution: Resolution, *, now: datetime
) -> People:
    """Locks and reads everybody the batch touches: its own profiles, merged ones, and those an order covers."""
    created = [i for i in sorted(resolution.created) if i not in resolution.merges]
    insert_profiles(connection, [ProfileRow(i, resolution.users.get(i)) for i in created], now)
    ids = set(resolution.profile_ids) | set(resolution.merges) | set(_covered(connection, events))
    rows = lock_profiles(connection, ids)
    horizon = engine.campaigns.horizon(now)
    books = _books(list_enrollments(connection, ids, since=horizon))
    by_id = {
        i: Person(row, ProfileState.from_json(row.state), books.get(i, EnrollmentBook())) for i, row in rows.items()
    }
    for profile_id, user_id in resolution.users.items():
        if profile_id in by_id and by_id[profile_id].row.user_id != user_id:
            by_id[profile_id].row.user_id, by_id[profile_id].is_changed = user_id, True
    people = People(by_id, resolution.merges)
    _merge_people(connection, people, now)
    people.index()
    return people


def save_people(connection: Connection, people: People, *, now: datetime) -> None:
    """Writes changed profiles, all folded states and new consents."""
    live = {i: person for i, person in people.by_id.items() if i not in people.merges}
    update_profiles(connection, [person.row for person in live.values() if person.is_changed], now)
    save_states(connection, [state_row(i, person.state) for i, person in live.items()], now)
    consents = [(i, *person.consent) for i, person in live.items() if person.consent]
    set_consents(connection, consents, source="event")


def state_row(profile_id: int, state: ProfileState) -> StateRow:
    """A folded state as stored."""
    ordered_at = moment(state.ordered_until) if state.ordered_until else None
    return StateRow(profile_id, state.to_json(), state.last_seen_at, ordered_at)


def _covered(connection: Connection, events: Iterable[Event]) -> list[int]:
    orders = [event for event in events if event.name == EventName.ORDER_COMPLETED]
    addresses = {event.email.strip().lower() for event in orders if event.email}
    carts = {event.cart_id for event in orders if event.cart_id}
    return find_covered_profiles(connection, addresses, carts) if addresses or carts else []


def _merge_people(connection: Connection, people: People, now: datetime) -> None:
    for loser_id, winner_id in people.merges.items():
        loser, winner = people.by_id.get(loser_id), people.by_id[winner_id]
        if loser is None:
            continue
        winner.state = merge(winner.state, loser.state)
        for marks in loser.book.marks.values():
            for mark in marks.values():
                if winner.book.find(mark.campaign_id, mark.key) is None:
                    winner.book.put(mark)
        winner.row.email = winner.row.email or loser.row.email
        winner.row.zone = winner.row.zone or loser.row.zone
        winner.row.locale = winner.row.locale or loser.row.locale
        winner.row.traits = {**(loser.row.traits or {}), **(winner.row.traits or {})}
        winner.is_changed = True
    merges = {loser: winner for loser, winner in people.merges.items() if loser in people.by_id}
    mark_merged(connection, merges, now)
    move_consents(connection, list(merges), list(merges.values()))
    for loser_id in merges:
        del people.by_id[loser_id]


def _books(rows: Iterable[EnrollmentRow]) -> dict[int, EnrollmentBook]:
    books: dict[int, EnrollmentBook] = {}
    for row in rows:
        books.setdefault(row.profile_id, EnrollmentBook()).put(mark_of(row))
    return books


def mark_of(row: EnrollmentRow) -> EnrollmentMark:
    """A stored enrollment as the pure floor sees it."""
    return EnrollmentMark(
        campaign_id=row.campaign_id,
        key=row.key,
        status=EnrollmentStatus(row.status),
        step=row.step,
        due_at=row.due_at,
        entered_at=row.entered_at,
        last_activity_at=row.last_activity_at,
        version=row.campaign_version,
        anchor_at=row.anchor_at,
        reason=row.exit_reason or "",
    )


def history_start(now: datetime, longest_reentry: timedelta) -> datetime:
    """How far back closed enrollments still matter."""
    return now - max(longest_reentry, timedelta(days=30))
