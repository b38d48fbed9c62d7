"""Rows of a file of shoppers as `Identified` events: an import of profiles is what an identify call is, many times."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from campaigns.domain.errors import InvalidInput
from campaigns.storage.files.fields import Take, Values, compile_field, known_fields
from campaigns.storage.files.mapping import ColumnMap
from campaigns.storage.files.parts import Columns, Faults, addresses, ids, require_somebody, truths
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.tables import Chunk, Table
from triggers.events import Event, EventName

CONSENT_TRAITS = ("marketing_consent", "email_consent", "accepts_marketing")


class ProfileRows:
    """Turns chunks of `table` into `Identified` events by `column_map`. Raises InvalidInput where columns do not fit."""

    def __init__(self, table: Table, column_map: ColumnMap, *, where: str) -> None:
        fields = known_fields(column_map.fields, table, optional=column_map.optional, where=where)
        if not fields.keys() & {"user_id", "anonymous_id", "email"}:
            fix = "say by --map which column is user_id or email (docs/importing.md)"
            raise InvalidInput(f"nobody is named here; the file has: {', '.join(table.columns)}", where=where, fix=fix)
        traits = known_fields(column_map.traits, table, optional=column_map.optional, where=where)
        self._source = column_map.source
        self._fields = {name: compile_field(source) for name, source in fields.items()}
        self._traits: dict[str, Take] = {name: compile_field(source) for name, source in traits.items()}

    def read(self, chunk: Chunk, rejects: Rejects, at: datetime) -> list[Event]:
        """The events of a chunk, occurred and received `at`; rows with a fault go to `rejects`."""
        faults, rows = Faults(), len(chunk)
        columns = {name: take(chunk) for name, take in self._fields.items()}
        users, strangers = ids(columns, "user_id", rows), ids(columns, "anonymous_id", rows)
        mail = _readable_addresses(columns, rows, faults)
        require_somebody(users, strangers, mail, faults)
        traits = self._all_traits(chunk, faults)
        given = ids(columns, "message_id", rows)

        def event(place: int) -> Event:
            return Event(
                self._source,
                given[place] or _content_id(chunk, place),
                EventName.IDENTIFIED,
                occurred_at=at,
                received_at=at,
                anonymous_id=strangers[place],
                user_id=users[place],
                email=mail[place],
                traits=traits[place],
            )

        events = [event(place) for place in range(rows) if place not in faults]
        faults.hand_over(chunk, rejects)
        return events

    def _all_traits(self, chunk: Chunk, faults: Faults) -> Sequence[Mapping[str, Any]]:
        columns: dict[str, Sequence[Any]] = {name: take(chunk) for name, take in self._traits.items()}
        for name in columns.keys() & set(CONSENT_TRAITS):
            columns[name] = truths(columns[name], faults, name)
        if not columns:
            return [{}] * len(chunk)
        rows = zip(*columns.values(), strict=True)
        return [{name: value for name, value in zip(columns, row, strict=True) if value is not None} for row in rows]


def _readable_addresses(columns: Columns, rows: int, faults: Faults) -> Values:
    """Addresses; here, where they are the point of the file, one that is none is a fault."""
    found = addresses(columns, rows)
    for place, said in enumerate(columns.get("email", ())):
        if said is not None and found[place] is None:
            faults.note(place, RowFault.BAD_VALUE, f"email: {said}")
    return found


def _content_id(chunk: Chunk, place: int) -> str:
    """The same for the same shopper with the same facts, wherever the row stands: a second import changes nothing."""
    return "profile-" + hashlib.blake2b(chunk.content(place), digest_size=12).hexdigest()
