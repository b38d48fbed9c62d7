"""Sessions: a profile's events, cut after 30 minutes of silence and where a new campaign or referral source begins.

Order-free: a stretch of activity is an interval that grows and joins its neighbours; within it each source counts from
its first appearance. A late event may therefore join two sessions or move the start of one; its key follows the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from triggers.events import Visit
from triggers.instants import MINUTE, stamp

SILENCE: Final = 30 * MINUTE
MAX_SOURCES: Final = 8

Arrival = tuple[int, str, str, str]
"""(at, landing url, referrer, device) of the first event that named a source."""


class Session(NamedTuple):
    """One visit, cut out of a stretch. Both ends belong to it; one cut by a new source ends just before that."""

    key: str
    start_at: int
    end_at: int
    source: str
    landing_url: str
    referrer: str
    device: str


class Stretch:
    """Activity without 30 minutes of silence. `sources` holds the first arrival from each source."""

    __slots__ = ("_sessions", "_visit", "device", "end_at", "sources", "start_at")

    def __init__(self, start_at: int, end_at: int) -> None:
        self.start_at = start_at
        self.end_at = end_at
        self.sources: dict[str, Arrival] = {}
        self.device: tuple[int, str] | None = None
        self._sessions: list[Session] | None = None
        self._visit: tuple[Visit | None, int] = (None, 0)

    def note_visit(self, visit: Visit, at: int) -> bool:
        """Remembers where the shopper came from. Returns whether that cuts the stretch differently."""
        noted, noted_at = self._visit
        if at >= noted_at and (visit is noted or visit == noted):
            return False  # every event of a visit says the same: only its first one counts
        self._visit = (visit, at)
        if visit.device and (self.device is None or (at, visit.device) < self.device):
            self.device, self._sessions = (at, visit.device), None
        source = source_of(visit)
        return bool(source) and self._note_arrival(
            source, (at, visit.landing_url or "", visit.referrer or "", visit.device or "")
        )

    def _note_arrival(self, source: str, arrival: Arrival) -> bool:
        known = self.sources.get(source)
        if known is not None and known <= arrival:
            return False
        starts = self._starts()
        self.sources[source], self._sessions = arrival, None
        self._keep_earliest_sources()
        return starts != self._starts()

    def _starts(self) -> set[int]:
        return {self.start_at, *(arrival[0] for arrival in self.sources.values())}

    def _keep_earliest_sources(self) -> None:
        if len(self.sources) > MAX_SOURCES:
            del self.sources[max(self.sources, key=lambda source: (self.sources[source], source))]

    def join(self, other: Stretch) -> None:
        """Takes over a neighbour, or the same stretch seen by another identity."""
        self._sessions = None
        self.start_at = min(self.start_at, other.start_at)
        self.end_at = max(self.end_at, other.end_at)
        devices = [device for device in (self.device, other.device) if device is not None]
        self.device = min(devices, default=None)
        for source, arrival in other.sources.items():
            known = self.sources.get(source)
            self.sources[source] = arrival if known is None else min(known, arrival)
            self._keep_earliest_sources()

    def session_at(self, at: int) -> Session:
        """The session an instant of this stretch belongs to."""
        sessions = self.sessions()
        if sessions[-1].start_at <= at:
            return sessions[-1]
        return next(session for session in reversed(sessions) if session.start_at <= at)

    def sessions(self) -> list[Session]:
        """The stretch cut at the first appearance of each source, oldest first; to be read only. Worked out once: every
        view asks for it, and moves nothing but the end of the last one."""
        if self._sessions is None:
            self._sessions = self._cut()
        last = self._sessions[-1]
        if last.end_at != self.end_at:
            self._sessions[-1] = Session(last.key, last.start_at, self.end_at, *last[3:])
        return self._sessions

    def _cut(self) -> list[Session]:
        cuts = sorted((arrival, source) for source, arrival in self.sources.items())
        if not cuts or cuts[0][0][0] > self.start_at:
            cuts.insert(0, ((self.start_at, "", "", ""), ""))
        ends = [arrival[0] - 1 for arrival, _ in cuts[1:]] + [self.end_at]
        device = self.device[1] if self.device else ""
        return [
            Session(stamp(arrival[0]), arrival[0], end, source, arrival[1], arrival[2], arrival[3] or device)
            for (arrival, source), end in zip(cuts, ends, strict=True)
            if end >= arrival[0]
        ]

    def to_json(self) -> list[Any]:
        if self.device is None and not self.sources:
            return [self.start_at, self.end_at]
        return [self.start_at, self.end_at, self.device, self.sources]

    @classmethod
    def from_json(cls, packed: list[Any]) -> Stretch:
        stretch = cls(packed[0], packed[1])
        if len(packed) > 2:
            stretch.device = None if packed[2] is None else (packed[2][0], packed[2][1])
            stretch.sources = {source: tuple(arrival) for source, arrival in packed[3].items()}
        return stretch


def source_of(visit: Visit) -> str:
    """The name of the campaign or outside page that brought the shopper, or nothing for a direct visit."""
    if visit.source or visit.campaign:
        return "/".join(part or "-" for part in (visit.source, visit.medium, visit.campaign))
    if not visit.referrer:
        return ""
    host = _host(visit.referrer)
    return "" if host == _host(visit.landing_url or "") else host


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def extend(stretches: list[Stretch], at: int, visit: Visit | None, limit: int) -> bool:
    """Notes activity at an instant. Returns whether sessions other than the last were reshaped, or its start moved."""
    if stretches and stretches[-1].start_at <= at <= stretches[-1].end_at + SILENCE:
        stretch, reshaped = stretches[-1], False
        stretch.end_at = max(stretch.end_at, at)
    elif not stretches or at > stretches[-1].end_at:
        stretch, reshaped = Stretch(at, at), False
        stretches.append(stretch)
        del stretches[:-limit]
    else:
        found = _insert_late(stretches, at, limit)
        if found is None:
            return True
        stretch, reshaped = found, True
    if visit is not None:
        reshaped = stretch.note_visit(visit, at) or reshaped
    return reshaped


def _insert_late(stretches: list[Stretch], at: int, limit: int) -> Stretch | None:
    """Puts a late event where it belongs; None where it is older than all that is kept."""
    touching = [one for one in stretches if one.start_at - SILENCE <= at <= one.end_at + SILENCE]
    stretch = Stretch(at, at)
    if not touching and len(stretches) >= limit and at < stretches[0].start_at:
        return None
    for one in touching:
        stretch.join(one)
        stretches.remove(one)
    index = sum(1 for one in stretches if one.start_at < stretch.start_at)
    stretches.insert(index, stretch)
    del stretches[:-limit]
    return stretch


def join_stretches(ones: Sequence[Stretch], others: Sequence[Stretch], limit: int) -> list[Stretch]:
    """The stretches of two identities that turned out to be one person."""
    joined: list[Stretch] = []
    for stretch in sorted([*ones, *others], key=lambda one: one.start_at):
        if joined and stretch.start_at <= joined[-1].end_at + SILENCE:
            joined[-1].join(stretch)
        else:
            fresh = Stretch(stretch.start_at, stretch.end_at)
            fresh.join(stretch)
            joined.append(fresh)
    return joined[-limit:]
