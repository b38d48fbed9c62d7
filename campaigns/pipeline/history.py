"""Recorded history as a backtest plays it: the events of each shopper, in the order in which they arrived.

Where several ids turned out to be one person, the table holds the outcome; until the event that joined them they were
strangers to each other, and they are played so. Profiles that share an address or a cart come together, because the
order of one ends the reminders of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection

from campaigns.storage.histories import HistoryRow, list_covering_pairs, stream_histories
from campaigns.storage.identities import Key, keys_of
from triggers.events import Event, Line, Visit

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final[dict[str, Any]] = {}
_line = lru_cache(maxsize=131_072)(Line)  # one object for the same product however often it occurs
_visit = lru_cache(maxsize=4_096)(Visit)


@dataclass(slots=True)
class Happened:
    """One event and whom it concerned. `part` 0 is the profile as it is known now; others are ids that became part of
    it later: with this event where `joins` names them."""

    event: Event
    profile_id: int
    part: int = 0
    joins: tuple[int, ...] = ()


def list_histories(
    connection: Connection,
    *,
    since: datetime,
    until: datetime,
    as_received: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Iterator[list[Happened]]:
    """Histories of profiles that have nothing to do with each other; each list is in the order of arrival.

    Imported events count as arrived when they happened, unless `as_received` asks for what the engine saw.
    `share` (k, n) is every n-th shopper, beginning with k."""
    leaders = _leaders(list_covering_pairs(connection, since))
    for rows in stream_histories(
        connection, since=since, until=until, leaders=leaders, as_received=as_received, share=share
    ):
        happened = [Happened(event_of(row), row[0]) for row in rows]
        _tell_parts(happened)
        yield happened


def event_of(row: HistoryRow) -> Event:
    """A stored event, as it arrived."""
    _, occurred, arrived, source, message_id, name, payload = row
    get = payload.get
    visit = get("visit")
    occurred_at = _EPOCH + timedelta(microseconds=occurred)
    return Event(
        source,
        message_id,
        name,
        occurred_at,
        occurred_at if arrived == occurred else _EPOCH + timedelta(microseconds=arrived),
        get("anonymous_id"),
        get("user_id"),
        get("previous_id"),
        get("email"),
        tuple([_line(**line) for line in payload["lines"]]) if "lines" in payload else (),
        get("cart_id"),
        get("checkout_id"),
        get("order_id"),
        get("total_minor"),
        get("currency"),
        get("session_id"),
        _visit(**visit) if visit is not None else None,
        get("traits") or _NOTHING,
        get("properties") or _NOTHING,
    )


def _leaders(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """profile_id -> the smallest id of all it is connected with."""
    leader: dict[int, int] = {}

    def find(profile_id: int) -> int:
        while leader.setdefault(profile_id, profile_id) != profile_id:
            profile_id = leader[profile_id]
        return profile_id

    for one, other in pairs:
        low, high = sorted((find(one), find(other)))
        leader[high] = low
    return {profile_id: find(profile_id) for profile_id in leader}


def _tell_parts(happened: list[Happened]) -> None:
    if len({(one.event.anonymous_id, one.event.previous_id, one.event.user_id) for one in happened}) == 1:
        return
    by_profile: dict[int, list[Happened]] = {}
    for one in happened:
        by_profile.setdefault(one.profile_id, []).append(one)
    for own in by_profile.values():
        _Joining(own).tell()


class _Joining:
    """The ids of one profile as they became known to be one, by the rules of `storage.identities`."""

    def __init__(self, happened: list[Happened]) -> None:
        self.happened = happened
        self.owner: dict[Key, int] = {}
        self.named: set[int] = set()
        self.joined: dict[int, int] = {}
        self.parts = 0

    def tell(self) -> None:
        found: list[tuple[int, list[int]]] = []
        for one in self.happened:
            keys = keys_of(one.event)
            part = self._lead(keys)
            if one.event.user_id:
                self.named.add(part)
            found.append((part, self._attach(keys, part)))
        for one, (part, joins) in zip(self.happened, found, strict=True):
            one.part = part if part in self.joined else 0
            one.joins = tuple(joins)

    def _lead(self, keys: list[Key]) -> int:
        owner = self.owner
        if keys[0] in owner:
            lead = owner[keys[0]]
            guest = next((owner[key] for key in keys[1:] if key[0] == "email" and key in owner), lead)
            return lead if lead in self.named else guest
        for key in keys[1:]:
            found = owner.get(key)
            if found is not None and (keys[0][0] != "user" or found not in self.named):
                return found
        self.parts += 1
        return self.parts

    def _attach(self, keys: list[Key], part: int) -> list[int]:
        joins: list[int] = []
        for key in keys:
            known = self.owner.get(key)
            if known is not None and known != part and known not in self.named:
                self.owner = {k: part if p == known else p for k, p in self.owner.items()}
                self.joined[known] = part
                joins.append(known)
            elif known is None or key[0] == "anonymous":
                self.owner[key] = part
        return joins
