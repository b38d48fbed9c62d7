"""Replay: recorded events played through every stage on a virtual clock, in one process, exact to the second.

Time moves in windows. Within a window the events of one shopper never overtake that shopper's timers: what came after
a due timer waits until the timer was decided and its mail handed over. So a replay decides exactly as a live engine
that is never late would have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from campaigns.clock import VirtualClock
from campaigns.delivery import Mailer
from campaigns.pipeline.decide import LIMIT, decide_due
from campaigns.pipeline.deliver import deliver
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.ingest import IngestReport, ingest_events
from campaigns.pipeline.outcome import DecideReport
from campaigns.pipeline.refresh import train_and_publish
from campaigns.storage.database import transaction
from campaigns.storage.enrollments import first_due
from campaigns.storage.identities import Key, find_owners, keys_of, list_identities
from triggers.events import Event

WINDOW = timedelta(minutes=45)
_BATCH = 2_000
_TICK = timedelta(microseconds=1)
_TRAIN_AT_LEAST = timedelta(hours=24)
_TRAIN_AT_MOST = timedelta(hours=1)
_TRAIN_ON = 500

Progress = Callable[[int, str], None]
"""Called with the events played since the last call, and the virtual time in words."""


@dataclass(slots=True)
class ReplayReport:
    """What a replay did."""

    ingest: IngestReport = field(default_factory=IngestReport)
    decide: DecideReport = field(default_factory=DecideReport)
    delivered: Counter[str] = field(default_factory=Counter)
    trainings: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


def replay(
    engine: Engine,
    events: Sequence[Event],
    mailer: Mailer,
    *,
    until: datetime | None = None,
    trained_at: datetime | None = None,
    window: timedelta = WINDOW,
    on_progress: Progress | None = None,
) -> ReplayReport:
    """Plays events in the order of their arrival (`received_at`). Ends with the last one, or at `until`: timers due
    by then are decided, later ones stay armed. The engine's clock must be a `VirtualClock`. Training happens as it
    would live: daily, and while the history is young each time it has doubled; `trained_at` is when it last did.
    What comes out does not depend on `window`, the stretch of time that is played at once."""
    engine.templates.expect_many()
    player = _Player(engine, mailer, window, on_progress or (lambda count, note: None))
    player.trained_at = trained_at
    return player.play(events, until)


class _Player:
    def __init__(self, engine: Engine, mailer: Mailer, window: timedelta, on_progress: Progress) -> None:
        assert isinstance(engine.clock, VirtualClock)
        self.engine, self.clock, self.mailer, self.on_progress = engine, engine.clock, mailer, on_progress
        self.window = window
        self.report = ReplayReport()
        self.trained_at: datetime | None = None
        self.trained_on = 0

    def play(self, events: Sequence[Event], until: datetime | None) -> ReplayReport:
        ordered = sorted(events, key=lambda event: event.received_at)
        if until is not None:
            ordered = [event for event in ordered if event.received_at < until]
        if not ordered:
            return self.report
        first, last = ordered[0].received_at, until or ordered[-1].received_at + _TICK
        self.report.first_at, self.report.last_at = first, last
        position = 0
        for start, end in pairwise(_edges(first, last, self.window)):
            self.clock.move_to(start)
            stop = position
            while stop < len(ordered) and ordered[stop].received_at < end:
                stop += 1
            self._train_if_due(start)
            self._play_window(ordered[position:stop], end)
            if stop > position:
                self.on_progress(stop - position, f"{start:%d %b %H:%M}")
            position = stop
        self.clock.move_to(last)
        return self.report

    def _play_window(self, events: Sequence[Event], end: datetime) -> None:
        """Rounds of: ingest what no timer stands before, decide the timers, hand over their mails."""
        waiting = list(events)
        while True:
            ready, waiting, is_due = self._split(waiting, end)
            for start in range(0, len(ready), _BATCH):
                report = ingest_events(self.engine, ready[start : start + _BATCH])
                is_due = is_due or (report.next_due_at is not None and report.next_due_at < end)
                self.report.ingest.add(report)
            if is_due:
                self._decide(end, self._bounds(waiting))
            elif not waiting:
                return

    def _split(self, events: Sequence[Event], end: datetime) -> tuple[list[Event], list[Event], bool]:
        """Events that may be ingested now, those that must wait - a timer of their shopper comes first, or they join
        ids of which something happened before - and whether any timer is due."""
        with transaction(self.engine.database) as connection:
            snapshot = self.engine.campaigns.read(connection)
            due = first_due(connection, until=end, held=snapshot.paused)
            owner = list_identities(connection, due) if due else {}
        barred: dict[Key, datetime] = {key: due[profile_id] for key, profile_id in owner.items()}
        at_once = {name for rule in snapshot.rules if rule.delays[0] < self.window for name in rule.trigger.opens_on}
        ready: list[Event] = []
        waiting: list[Event] = []
        met: dict[Key, set[Key]] = {}
        for event in events:
            keys = keys_of(event)
            bar = min((barred[key] for key in keys if key in barred), default=None)
            if bar is None and len(keys) > 1 and any(key in met and not met[key].issuperset(keys) for key in keys):
                bar = event.received_at - _TICK
            if bar is not None and event.received_at > bar:
                waiting.append(event)
                barred |= dict.fromkeys(keys, bar)
            else:
                ready.append(event)
                for key in keys:
                    met.setdefault(key, set()).update(keys)
                if event.name in at_once:
                    barred |= dict.fromkeys(keys, event.received_at)
        return ready, waiting, bool(due)

    def _bounds(self, waiting: Sequence[Event]) -> dict[int, datetime]:
        """Up to when timers of shoppers with waiting events may be decided: the first of these events."""
        if not waiting:
            return {}
        with transaction(self.engine.database) as connection:
            owner = find_owners(connection, {key for event in waiting for key in keys_of(event)})
        bounds: dict[int, datetime] = {}
        for event in waiting:
            for profile_id in {owner[key] for key in keys_of(event) if key in owner}:
                bounds[profile_id] = min(bounds.get(profile_id, event.received_at), event.received_at)
        return bounds

    def _decide(self, end: datetime, bounds: dict[int, datetime]) -> None:
        while True:
            report = decide_due(self.engine, until=end, bounds=bounds)
            self.report.decide.add(report)
            left = report.queued
            while left > 0 and (done := deliver(self.engine, self.mailer, limit=500)):
                self.report.delivered.update(done)
                left -= done.total()
            if report.claimed < LIMIT:
                return

    def _train_if_due(self, now: datetime) -> None:
        played = self.report.ingest.events
        waited = now - self.trained_at if self.trained_at else _TRAIN_AT_MOST
        is_young = self.trained_at is None or self.trained_on > 0
        has_doubled = is_young and played >= max(_TRAIN_ON, self.trained_on * 2)
        is_due = waited >= _TRAIN_AT_LEAST or (has_doubled and waited >= _TRAIN_AT_MOST)
        if is_due:
            train_and_publish(self.engine, until=now)
            self.report.trainings += 1
            self.trained_at, self.trained_on = now, played


def _edges(first: datetime, last: datetime, window: timedelta) -> list[datetime]:
    """Window edges from `first` to `last`; those between lie on quarters of an hour."""
    edges = [first]
    start = first.replace(minute=first.minute // 15 * 15, second=0, microsecond=0)
    while (start := start + window) < last:
        edges.append(start)
    return [*edges, last]
