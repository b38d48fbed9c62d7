"""Ingest: a batch of events becomes history, folded state and timers, in one transaction."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from zlib import crc32

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.product import Product
from campaigns.domain.segment import Reject, event_details
from campaigns.domain.segment_batch import events_in
from campaigns.pipeline.coupon_redemptions import follow_orders
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.people import Person, enrollment_row, load_people, save_people
from campaigns.pipeline.uncollected import without_collection
from campaigns.storage.database import transaction
from campaigns.storage.enrollments import note_checkouts, put_enrollments, refuse_starts, touch
from campaigns.storage.events import EventRow, claim_event_keys, copy_events, repoint_events
from campaigns.storage.identities import IdentityRace, resolve
from campaigns.storage.inbox import (
    MAX_ATTEMPTS,
    InboxBatch,
    RejectedEvent,
    blame_inbox,
    claim_inbox,
    claim_one_batch,
    delete_inbox,
    insert_rejects,
    park_event,
)
from campaigns.storage.products import note_seen_products
from triggers.changes import Arm, Cancel, NotStarted, TimerChange, Touch
from triggers.evaluate import evaluate, evaluate_covering_order, reconsider
from triggers.events import Event, EventName

_log = logging.getLogger(__name__)
_RACES = 10
_SPLIT_FROM = 2_500
Done = TypeVar("Done")
_TRANSIENT = frozenset({"40001", "40P01", "55P03"})


@dataclass(slots=True)
class IngestReport:
    """What batches did: events applied and dropped as repeats, timers by what happened to them."""

    events: int = 0
    repeats: int = 0
    batches: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    next_due_at: datetime | None = None

    def add(self, other: IngestReport) -> None:
        self.events += other.events
        self.repeats += other.repeats
        self.batches += other.batches
        self.counts += other.counts
        dues = [at for at in (self.next_due_at, other.next_due_at) if at]
        self.next_due_at = min(dues, default=None)


def ingest_inbox(engine: Engine, *, limit: int = 20) -> IngestReport:
    """Applies waiting batches of the inbox and deletes them in the same transaction.

    Where batches fail together, each is tried alone; one that keeps failing is applied event by event, and what cannot
    be applied at all stays in the inbox by itself."""
    claimed: list[InboxBatch] = []
    try:
        return retried(lambda: _ingest_claimed(engine, claimed, limit))
    except UnusableEnvironment:
        raise
    except Exception:
        _log.exception("%d inbox batches failed together; trying each alone", len(claimed))
    report = IngestReport()
    for batch in claimed:
        report.add(_ingest_alone(engine, batch))
    return report


def _ingest_claimed(engine: Engine, claimed: list[InboxBatch], limit: int) -> IngestReport:
    with transaction(engine.database) as connection:
        claimed[:] = claim_inbox(connection, limit=limit)
        return _apply_batches(engine, connection, claimed)


def _ingest_alone(engine: Engine, batch: InboxBatch) -> IngestReport:
    try:
        return retried(lambda: _apply_alone(engine, batch.inbox_id))
    except UnusableEnvironment:
        raise
    except Exception:
        _log.exception("inbox batch %d failed, attempt %d", batch.inbox_id, batch.attempts + 1)
    if batch.attempts + 1 >= MAX_ATTEMPTS:
        return _ingest_singly(engine, batch.inbox_id)
    with transaction(engine.database) as connection:
        blame_inbox(connection, [batch.inbox_id])
    return IngestReport(batches=1)


def _apply_alone(engine: Engine, inbox_id: int) -> IngestReport:
    with transaction(engine.database) as connection:
        batch = claim_one_batch(connection, inbox_id)
        return _apply_batches(engine, connection, [batch] if batch else [])


def _ingest_singly(engine: Engine, inbox_id: int) -> IngestReport:
    """Event by event, each behind a savepoint; those that fail are parked."""
    report = IngestReport(batches=1)
    with transaction(engine.database) as connection:
        batch = claim_one_batch(connection, inbox_id)
        for body in split_messages(batch.body) if batch else ():
            assert batch is not None
            single = replace(batch, body=body)
            try:
                with connection.begin_nested():
                    report.add(_apply_batches(engine, connection, [single]))
            except (OperationalError, IdentityRace):
                raise
            except Exception:
                _log.exception("an event of inbox batch %d cannot be applied", inbox_id)
                park_event(connection, batch, body)
        delete_inbox(connection, [inbox_id])
    return report


def split_messages(body: bytes) -> list[bytes]:
    """The body of an inbox row as one body for each of its messages."""
    row = orjson.loads(body)
    return [orjson.dumps({"sent_at": row["sent_at"], "messages": [message]}) for message in row["messages"]]


def _apply_batches(engine: Engine, connection: Connection, batches: Sequence[InboxBatch]) -> IngestReport:
    events: list[Event] = []
    currency = engine.settings.shop.currency
    for batch in batches:
        refused: list[RejectedEvent] = []
        for found in events_in(batch.body, source=batch.source, received_at=batch.received_at, currency=currency):
            if isinstance(found, Reject):
                refused.append(RejectedEvent(found.message_id, found.reason, found.detail or ""))
            else:
                events.append(found)
        insert_rejects(connection, batch.source, batch.received_at, refused)
    engine.partitions.ensure([event.occurred_at for event in events])
    report = apply_events(engine, connection, events)
    report.batches = len(batches)
    if batches:
        delete_inbox(connection, [batch.inbox_id for batch in batches])
    return report


def ingest_events(engine: Engine, events: Sequence[Event]) -> IngestReport:
    """Applies events that come from a file or a replay, in a transaction of their own.

    Live, a large batch is split by shopper over two transactions side by side: while the database works for one, this
    process folds the other. A replay keeps to one, so that it can be repeated to the letter."""
    engine.partitions.ensure([event.occurred_at for event in events])
    if engine.is_virtual or len(events) < _SPLIT_FROM:
        return _ingest_part(engine, events)
    parts: tuple[list[Event], list[Event]] = ([], [])
    for event in events:
        who = event.user_id or event.anonymous_id or event.email or ""
        parts[crc32(who.encode("utf-8", "replace")) & 1].append(event)
    report = IngestReport()
    with ThreadPoolExecutor(len(parts)) as pool:
        for done in pool.map(lambda part: _ingest_part(engine, part), parts):
            report.add(done)
    return report


def _ingest_part(engine: Engine, events: Sequence[Event]) -> IngestReport:
    def apply() -> IngestReport:
        with transaction(engine.database) as connection:
            return apply_events(engine, connection, events)

    return retried(apply)


def retried(work: Callable[[], Done]) -> Done:
    """Again after a race with another worker, a deadlock or a serialization failure: nothing was written."""
    for _ in range(_RACES):
        try:
            return work()
        except IdentityRace:
            continue
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _TRANSIENT:
                raise
    return work()


def apply_events(engine: Engine, connection: Connection, events: Sequence[Event]) -> IngestReport:
    """The work itself, in the caller's transaction: repeats dropped, identities resolved, states folded, timers set."""
    with without_collection():
        return _apply(engine, connection, events)


def _apply(engine: Engine, connection: Connection, events: Sequence[Event]) -> IngestReport:
    fresh = _drop_repeats(connection, events)
    fresh.sort(key=(lambda event: (event.received_at, event.occurred_at)) if engine.is_virtual else _occurred_at)
    report = IngestReport(len(fresh), len(events) - len(fresh))
    if not fresh:
        return report
    now = engine.now(connection)
    rules = engine.campaigns.rules(connection)
    resolution = resolve(connection, fresh)
    people = load_people(engine, connection, fresh, resolution, now=now)
    writer = _TimerWriter(people.by_id)
    for winner in set(resolution.merges.values()):
        person = people.by_id[winner]
        writer.take(winner, reconsider(rules, person.state, person.book, now=now), now)
    rows: list[EventRow] = []
    for event, profile_id in zip(fresh, resolution.profile_ids, strict=True):
        person = people.by_id[profile_id]
        at = max(now, event.occurred_at) if engine.is_virtual else now
        changes = evaluate(
            rules, person.state, person.book, event, now=at, max_event_age=engine.settings.events.max_event_age
        )
        people.note(person, event)
        writer.take(profile_id, changes, at)
        if event.name == EventName.CHECKOUT_STARTED and event.checkout_id:
            writer.note_checkout((profile_id, person.state.cart_key(event.cart_id or "")), event.checkout_id)
        if event.name == EventName.ORDER_COMPLETED:
            for other in people.covered_by(event, profile_id):
                covering = evaluate_covering_order(rules, other.state, other.book, event, now=at)
                writer.take(other.row.profile_id, covering, at)
        rows.append(event_row(event, profile_id))
    repoint_events(connection, resolution.merges)
    copy_events(connection, rows)
    save_people(connection, people, now=now)
    writer.write(connection)
    _note_products(engine, connection, fresh, now)
    follow_orders(connection, fresh, people)
    report.counts, report.next_due_at = writer.counts, writer.next_due_at
    return report


def _drop_repeats(connection: Connection, events: Iterable[Event]) -> list[Event]:
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        first.setdefault((event.source, event.message_id), event)
    new = claim_event_keys(connection, {key: event.received_at for key, event in first.items()})
    return [event for key, event in first.items() if key in new]


def _occurred_at(event: Event) -> datetime:
    return event.occurred_at


def _note_products(engine: Engine, connection: Connection, events: Sequence[Event], now: datetime) -> None:
    lines = itertools.chain.from_iterable(event.lines for event in events)
    unseen = {line.product_id: line for line in lines if line.product_id not in engine.seen_products}
    if not unseen:
        return
    currency = engine.settings.shop.currency
    products = [
        Product(
            product_id=line.product_id,
            title=line.title or f"Product {line.product_id}",
            url=line.url or "",
            image_url=line.image_url or "",
            category=line.category or "",
            brand=line.brand or "",
            price_minor=line.price_minor,
            currency=currency,
        )
        for line in unseen.values()
    ]
    note_seen_products(connection, products, now)
    engine.note_seen_products(unseen)


def event_row(event: Event, profile_id: int) -> EventRow:
    """An event as stored: what has a column of its own is left out of the payload."""
    return (
        event.occurred_at,
        event.received_at,
        profile_id,
        event.source,
        event.message_id,
        event.name,
        event_details(event),
    )


class _TimerWriter:
    """Collects timer changes of a batch and writes each enrollment once, as it stands at the end."""

    def __init__(self, people: Mapping[int, Person]) -> None:
        self._people = people
        self._touched: dict[tuple[str, int, str], tuple[datetime, int]] = {}
        self._changed: dict[tuple[str, int, str], tuple[Mapping[str, object], datetime]] = {}
        self._refused: list[tuple[int, str, str, str, datetime]] = []
        self._checkouts: dict[tuple[int, str], str] = {}
        self.counts: Counter[str] = Counter()
        self.next_due_at: datetime | None = None

    def take(self, profile_id: int, changes: Iterable[TimerChange], at: datetime) -> None:
        for change in changes:
            key = (change.campaign_id, profile_id, change.key)
            match change:
                case Touch(due_at=None, entered_at=None):
                    _, times = self._touched.get(key, (None, 0))
                    self._touched[key] = (change.last_activity_at, times + 1)
                    self.counts["touched"] += 1
                case Touch():
                    self._change(key, {}, at)
                    self.counts["touched"] += 1
                case Arm():
                    self._change(key, change.context, at)
                    self.counts["armed"] += 1
                case Cancel():
                    self._change(key, {}, at)
                    self.counts["cancelled"] += 1
                case NotStarted():
                    self._refused.append((profile_id, change.campaign_id, change.key, change.reason, change.at))

    def _change(self, key: tuple[str, int, str], context: Mapping[str, object], at: datetime) -> None:
        before = self._changed.get(key)
        self._changed[key] = (context or (before[0] if before else {}), at)

    def write(self, connection: Connection) -> None:
        rows = []
        for (campaign_id, profile_id, key), (context, at) in self._changed.items():
            mark = self._people[profile_id].book.find(campaign_id, key)
            if mark is not None:
                rows.append(enrollment_row(profile_id, mark, closed_at=at, context=context))
                self._note_due(mark.due_at)
        put_enrollments(connection, rows)
        touch(connection, {key: value for key, value in self._touched.items() if key not in self._changed})
        note_checkouts(connection, self._checkouts)
        self.counts["not started"] += refuse_starts(connection, self._refused)

    def note_checkout(self, cart: tuple[int, str], checkout_id: str) -> None:
        """Keeps the checkout that a cart, (profile id, key), is in."""
        self._checkouts[cart] = checkout_id

    def _note_due(self, due_at: datetime | None) -> None:
        if due_at is not None and (self.next_due_at is None or due_at < self.next_due_at):
            self.next_due_at = due_at
