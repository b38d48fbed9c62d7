"""The profiles a batch of events touches: loaded and locked together, folded in memory, saved together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.decisions.assignment import assignment_key, merges_arms
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.policy import shop_policy
from campaigns.storage.enrollments import EnrollmentRow, list_enrollments, merge_enrollments, put_enrollments
from campaigns.storage.identities import IdentityRace, Resolution
from campaigns.storage.profiles import (
    ProfileRow,
    StateRow,
    find_covered_profiles,
    flag_merged_arms,
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
from triggers.merging import merge, merge_books
from triggers.state import CART_EVENTS, ProfileState

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
            newest = self.state.trait("email") if "email" in event.traits else None
            self._set("email", _address(newest if isinstance(newest, str) else event.email))
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
    has_orders: bool = False
    _same: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def covered_by(self, order: Event, profile_id: int) -> Iterator[Person]:
        """Other profiles whose cart this order empties: the same address, cart or checkout."""
        names = (("email", _address(order.email)), ("cart", order.cart_id), ("checkout", order.checkout_id))
        found = {other for kind, value in names if value for other in self._same.get((kind, value), ())}
        return (self.by_id[other] for other in sorted(found - {profile_id}))

    def note(self, person: Person, event: Event) -> None:
        """Takes over what an event says about the person, so that a later order of the batch finds them by it."""
        person.note(event)
        if not self.has_orders:
            return
        profile_id = person.row.profile_id
        if person.row.email:
            self._add("email", person.row.email, profile_id)
        if event.name in CART_EVENTS:
            self._add("cart", event.cart_id, profile_id)
            self._add("checkout", event.checkout_id, profile_id)

    def index(self) -> None:
        """Prepares `covered_by` for a batch with orders."""
        self.has_orders = True
        for profile_id, person in self.by_id.items():
            self._add("email", person.row.email, profile_id)
            for cart_id, cart in person.state.carts.items():
                self._add("cart", cart_id, profile_id)
                if cart.checkout is not None:
                    self._add("checkout", cart.checkout[2], profile_id)

    def cancelled_orders(self) -> set[str]:
        """Orders of the batch's profiles that were cancelled."""
        reversals = (one for person in self.by_id.values() for one in person.state.reversals.items())
        return {order_id for order_id, (_, what) in reversals if what == "cancelled"}

    def _add(self, kind: str, value: str | None, profile_id: int) -> None:
        if value:
            self._same.setdefault((kind, value), set()).add(profile_id)


def load_people(
    engine: Engine, connection: Connection, events: Sequence[Event], resolution: Resolution, *, now: datetime
) -> People:
    """Locks and reads everybody the batch touches: its own profiles, merged ones, and those an order covers.

    Raises `IdentityRace` where one of them was joined with somebody else, or forgotten, in the meantime."""
    created = [_new_profile(i, resolution) for i in sorted(resolution.created) if i not in resolution.merges]
    insert_profiles(connection, created, now)
    ids = set(resolution.profile_ids) | set(resolution.merges) | set(_covered(connection, events))
    rows = lock_profiles(connection, ids)
    if any(row.merged_into is not None or row.is_forgotten for row in rows.values()):
        raise IdentityRace
    books = books_of(list_enrollments(connection, ids - resolution.created.keys()))
    by_id = {
        i: Person(row, ProfileState.from_json(row.state), books.get(i, EnrollmentBook())) for i, row in rows.items()
    }
    _note_users(by_id, resolution.users)
    people = People(by_id, resolution.merges)
    _merge_people(engine, connection, people, now)
    if any(event.name == EventName.ORDER_COMPLETED for event in events):
        people.index()
    return people


def _new_profile(profile_id: int, resolution: Resolution) -> ProfileRow:
    key = assignment_key(*resolution.created[profile_id])
    return ProfileRow(profile_id, resolution.users.get(profile_id), assignment_key=key)


def _note_users(by_id: Mapping[int, Person], users: Mapping[int, str]) -> None:
    for profile_id, user_id in users.items():
        person = by_id.get(profile_id)
        if person is None or person.row.user_id == user_id:
            continue
        if person.row.user_id is not None:
            raise IdentityRace  # another worker made it somebody else's in the meantime
        person.row.user_id, person.is_changed = user_id, True


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
    addresses = {address for event in orders if (address := _address(event.email))}
    carts = {event.cart_id for event in orders if event.cart_id}
    checkouts = {event.checkout_id for event in orders if event.checkout_id}
    if not (addresses or carts or checkouts):
        return []
    return find_covered_profiles(connection, addresses, carts, checkouts)


def _address(email: str | None) -> str:
    return email.strip().lower() if email else ""


def _merge_people(engine: Engine, connection: Connection, people: People, now: datetime) -> None:
    merges = {loser: winner for loser, winner in people.merges.items() if loser in people.by_id}
    if not merges:
        return
    mark_merged(connection, merges, now)
    move_consents(connection, list(merges), list(merges.values()))
    merge_enrollments(connection, merges, now)
    shop, campaigns = shop_policy(engine.settings), list(engine.campaigns.read(connection).current.values())
    for loser_id, winner_id in merges.items():
        loser, winner = people.by_id.pop(loser_id), people.by_id[winner_id]
        winner.state = merge(winner.state, loser.state, merged_ids=(str(loser_id),))
        put_enrollments(connection, _join_books(winner, loser, now))
        keys = (winner.row.drawn_by, loser.row.drawn_by)
        if merges_arms(shop, campaigns, keys):
            flag_merged_arms(connection, winner_id)
        _merge_rows(winner, loser.row)


def _join_books(winner: Person, loser: Person, now: datetime) -> list[EnrollmentRow]:
    """The winner's rows that go on from where the loser's stood: live ones, and those further on under one key."""
    before = {(mark.campaign_id, mark.key) for marks in winner.book.marks.values() for mark in marks.values()}
    merge_books(winner.book, loser.book)
    inherited = [
        mark
        for marks in loser.book.marks.values()
        for mark in marks.values()
        if winner.book.find(mark.campaign_id, mark.key) is mark
        and (mark.is_live or (mark.campaign_id, mark.key) in before)
    ]
    return [enrollment_row(winner.row.profile_id, mark, closed_at=now) for mark in inherited]


def _merge_rows(winner: Person, loser: ProfileRow) -> None:
    row = winner.row
    row.email, row.zone, row.locale = row.email or loser.email, row.zone or loser.zone, row.locale or loser.locale
    row.traits = {**(loser.traits or {}), **(row.traits or {})}
    winner.is_changed = True


def enrollment_row(
    profile_id: int, mark: EnrollmentMark, *, closed_at: datetime, context: Mapping[str, object] | None = None
) -> EnrollmentRow:
    """A mark of the pure floor as a row of the storage floor; without a context the stored one stays."""
    return EnrollmentRow(
        enrollment_id=0,
        campaign_id=mark.campaign_id,
        campaign_version=mark.version,
        profile_id=profile_id,
        key=mark.key,
        status=mark.status.value,
        step=mark.step,
        entered_at=mark.entered_at,
        last_activity_at=mark.last_activity_at,
        anchor_at=mark.anchor_at,
        due_at=mark.due_at,
        touches=0,
        exit_reason=mark.reason or None,
        closed_at=None if mark.is_live else closed_at,
        context=context or {},
    )


def books_of(rows: Iterable[EnrollmentRow]) -> dict[int, EnrollmentBook]:
    """The enrollments of each profile as the pure floor sees them."""
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
