"""Which profile an event belongs to: ids are looked up, linked, created and merged for a whole batch at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from campaigns.storage.database import statement
from triggers.events import Event

Key = tuple[str, str]

_FIND = statement(
    "SELECT i.kind, i.value, i.profile_id, p.user_id FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]))"
    " AS k(kind, value) JOIN identities i USING (kind, value) LEFT JOIN profiles p ON p.profile_id = i.profile_id"
)
_RESERVE = statement("SELECT nextval(pg_get_serial_sequence('profiles', 'profile_id')) FROM generate_series(1, :count)")
_LINK = statement(
    "INSERT INTO identities (kind, value, profile_id)"
    " SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:ids AS bigint[]))"
    " ORDER BY 1, 2 ON CONFLICT (kind, value) DO NOTHING RETURNING kind"
)
_REPOINT = statement(
    "UPDATE identities i SET profile_id = k.profile_id"
    " FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:ids AS bigint[]))"
    " AS k(kind, value, profile_id) WHERE i.kind = k.kind AND i.value = k.value"
)
_MOVE_ALL = statement(
    "UPDATE identities i SET profile_id = m.winner"
    " FROM unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[])) AS m(loser, winner)"
    " WHERE i.profile_id = m.loser"
)


_KEYS = statement("SELECT kind, value, profile_id FROM identities WHERE profile_id = ANY(:ids)")


class IdentityRace(Exception):
    """Another worker linked one of these ids first; the transaction must be tried again."""


@dataclass(slots=True)
class Resolution:
    """The profile of each event, in the order given, and what changed on the way."""

    profile_ids: list[int] = field(default_factory=list)
    created: dict[int, Key] = field(default_factory=dict)  # new profiles, with the first id each was known by
    merges: dict[int, int] = field(default_factory=dict)  # loser -> winner, already followed to the last winner
    users: dict[int, str] = field(default_factory=dict)  # profiles that gained a user id


def resolve(connection: Connection, events: Sequence[Event]) -> Resolution:
    """Finds or makes the profile of every event; anonymous profiles merge into the known one they identify as.

    A device that was already known as another user is handed over, never merged: two people share it.
    Raises `IdentityRace` where another transaction linked one of the ids in the meantime.
    """
    graph = _IdentityGraph(connection, events)
    for event in events:
        graph.place(event)
    return graph.write()


def list_identities(connection: Connection, profile_ids: Iterable[int]) -> dict[Key, int]:
    """Every id that belongs to one of the profiles."""
    rows = connection.execute(_KEYS, {"ids": list(profile_ids)})
    return {(row[0], row[1]): row[2] for row in rows}


def find_owners(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """The profile of each id that is known."""
    ordered = sorted(set(keys))
    values = {"kinds": [kind for kind, _ in ordered], "values": [value for _, value in ordered]}
    return {(row[0], row[1]): row[2] for row in connection.execute(_FIND, values)}


def keys_of(event: Event) -> list[Key]:
    """The ids an event carries, strongest first."""
    keys: list[Key] = []
    if event.user_id:
        keys.append(("user", event.user_id))
    if event.anonymous_id:
        keys.append(("anonymous", event.anonymous_id))
    if event.email and not event.user_id:
        keys.append(("email", event.email.strip().lower()))
    if event.previous_id:
        keys.append(("anonymous", event.previous_id))
    return keys


class _IdentityGraph:
    def __init__(self, connection: Connection, events: Sequence[Event]) -> None:
        self._connection = connection
        self._owner: dict[Key, int] = {}
        self._user: dict[int, str] = {}
        self._changed: dict[Key, int] = {}
        self._result = Resolution()
        wanted = {key for event in events for key in keys_of(event)}
        self._known = self._find(wanted)
        missing = len(wanted) - len(self._owner)
        rows = connection.execute(_RESERVE, {"count": missing}) if missing else ()
        self._reserve = [int(row[0]) for row in rows]

    def _find(self, wanted: Iterable[Key]) -> set[Key]:
        ordered = sorted(wanted)
        values = {"kinds": [k for k, _ in ordered], "values": [v for _, v in ordered]}
        for kind, value, profile_id, user_id in self._connection.execute(_FIND, values):
            self._owner[kind, value] = profile_id
            if user_id:
                self._user[profile_id] = user_id
        return set(self._owner)

    def place(self, event: Event) -> None:
        keys = keys_of(event)
        if not keys:
            raise ValueError(f"event {event.message_id!r} carries no id of a shopper")
        profile_id = self._lead(keys)
        if event.user_id and profile_id not in self._user:
            self._user[profile_id] = event.user_id
            self._result.users[profile_id] = event.user_id
        for key in keys:
            self._attach(key, profile_id)
        self._result.profile_ids.append(profile_id)

    def _lead(self, keys: Sequence[Key]) -> int:
        """The profile that wins: the strongest known id's, an anonymous one not yet somebody's, or a new one."""
        if keys[0] in self._owner:
            lead = self._owner[keys[0]]
            guest = next((self._owner[k] for k in keys[1:] if k[0] == "email" and k in self._owner), lead)
            return lead if lead in self._user else guest
        for key in keys[1:]:
            owner = self._owner.get(key)
            if owner is not None and (keys[0][0] != "user" or owner not in self._user):
                return owner
        profile_id = self._reserve.pop()
        self._result.created[profile_id] = keys[0]
        return profile_id

    def _attach(self, key: Key, profile_id: int) -> None:
        owner = self._owner.get(key)
        if owner == profile_id:
            return
        if owner is not None and owner not in self._user:
            self._merge(owner, profile_id)
        elif owner is None or key[0] == "anonymous":
            self._owner[key] = self._changed[key] = profile_id

    def _merge(self, loser: int, winner: int) -> None:
        for key, owner in self._owner.items():
            if owner == loser:
                self._owner[key] = winner
                self._changed[key] = winner
        self._result.merges[loser] = winner
        for before, after in self._result.merges.items():
            if after == loser:
                self._result.merges[before] = winner
        self._result.profile_ids = [winner if p == loser else p for p in self._result.profile_ids]

    def write(self) -> Resolution:
        new = sorted(key for key in self._changed if key not in self._known)
        if new:
            linked = self._connection.execute(_LINK, self._columns(new)).rowcount
            if linked != len(new):
                raise IdentityRace
        if moved := [key for key in self._changed if key in self._known]:
            self._connection.execute(_REPOINT, self._columns(moved))
        if merges := self._result.merges:
            self._connection.execute(_MOVE_ALL, {"losers": list(merges), "winners": list(merges.values())})
        return self._result

    def _columns(self, keys: Sequence[Key]) -> dict[str, list[object]]:
        owners = [self._changed[key] for key in keys]
        return {"kinds": [k for k, _ in keys], "values": [v for _, v in keys], "ids": list(owners)}
