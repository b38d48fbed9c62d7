"""A sender's line to the database: what is written after the hand-over of one mail travels together with what is read
before the next one, as one message with one answer.

The transactions are those of `pipeline.deliver`: from the lock of a mail's profile to the record of its outcome and the
beginning of the next mail. A statement that fails takes all that stand after it in the message with it, the COMMIT
included. The statements are prepared once a connection, so that a mail costs no planning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, TextClause

from campaigns.storage.campaigns import STAMP
from campaigns.storage.database import driver_connection, transaction_errors
from campaigns.storage.messages import BEFORE_HAND_OVER, HAND, SETTLE, LastFacts, Settlement, settlement_values
from campaigns.storage.profiles import HOLD

_PARAMETER: Final = re.compile(r"(?<!:):(\w+)")


class _Prepared:
    """A statement under a name; `call` is what runs it, with the values named as in the statement."""

    def __init__(self, name: str, clause: TextClause) -> None:
        names = list(dict.fromkeys(_PARAMETER.findall(clause.text)))
        self.definition = f"PREPARE {name} AS " + _PARAMETER.sub(lambda m: f"${names.index(m[1]) + 1}", clause.text)
        self.call = f"EXECUTE {name}" + ("(" + ", ".join(f"%({one})s" for one in names) + ")" if names else "")


_SETTLE = _Prepared("rekindle_settle", SETTLE)
_BEGIN_MAIL = _Prepared("rekindle_begin_mail", HAND)
_LOOK: Final = [_Prepared("rekindle_hold", HOLD), _Prepared("rekindle_facts", BEFORE_HAND_OVER),
                _Prepared("rekindle_stamp", STAMP)]  # fmt: skip
_PREPARE: Final = "; ".join(one.definition for one in (_SETTLE, _BEGIN_MAIL, *_LOOK))
_OPEN: Final = ("BEGIN", "SET LOCAL plan_cache_mode = force_generic_plan")


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at some mails: which of them are begun and still held, what is known of each, and the stamp of the
    campaigns in force. Their profiles are locked until the next turn."""

    begun: frozenset[int] = frozenset()
    facts: Mapping[int, LastFacts] = field(default_factory=dict)
    stamp: object = None


class SenderLine:
    """One sender's connection. `connection` takes part in the transaction that a look opens and the next turn ends."""

    def __init__(self, connection: Connection, token: UUID, lease: timedelta) -> None:
        self.connection = connection
        self._cursor = psycopg.ClientCursor(driver_connection(connection))
        self._own = {"token": self._literal(token), "lease_s": self._literal(lease.total_seconds())}
        if not connection.info.get("is_sender"):
            self._cursor.execute(_PREPARE.encode())
            connection.info["is_sender"] = True

    def look(self, begun: frozenset[int], profile_ids: Sequence[int]) -> Look:
        """Locks the profiles of mails whose beginning is committed, and reads what the last check is made from."""
        return self._looked(begun, self._say((*_OPEN, *_LOOK), begun, profile_ids), set(profile_ids))

    def turn(self, settlements: Sequence[Settlement], following: Sequence[int], profile_ids: Sequence[int]) -> Look:
        """Records what became of the mails looked at, begins the following ones, commits, and looks at those."""
        said: list[str | _Prepared] = [_SETTLE] if settlements else []
        said += [_BEGIN_MAIL, "COMMIT", *_OPEN, *_LOOK] if following else ["COMMIT"]
        answers = self._say(said, following, profile_ids, settlement_values(settlements))
        if not following:
            return Look()
        begun = frozenset(row[0] for row in answers[said.index(_BEGIN_MAIL)])
        return self._looked(begun, answers, set(profile_ids))

    def _say(
        self,
        statements: Sequence[str | _Prepared],
        ids: Sequence[int] | frozenset[int],
        profile_ids: Sequence[int],
        settled: Mapping[str, list[Any]] | None = None,
    ) -> list[list[Any]]:
        """Sends the statements as one message; the rows of each."""
        values: dict[str | _Prepared, Mapping[str, Any]] = {
            _SETTLE: settled or {},
            _LOOK[0]: {"ids": sorted(set(profile_ids))},
        }
        mails = {"ids": list(ids)}
        parts = [one if isinstance(one, str) else self._call(one, values.get(one, mails)) for one in statements]
        self._cursor.execute("; ".join(parts).encode())
        answers = []
        while True:
            answers.append(self._cursor.fetchall() if self._cursor.description else [])
            if not self._cursor.nextset():
                return answers

    def _call(self, prepared: _Prepared, values: Mapping[str, Any]) -> str:
        return prepared.call % {**self._own, **{name: self._literal(value) for name, value in values.items()}}

    def _literal(self, value: Any) -> str:
        """As PostgreSQL reads it; numbers, and lists of nothing else, need no quoting by the driver."""
        if isinstance(value, list) and all(one is None or type(one) is int for one in value):
            return "'{" + ",".join("NULL" if one is None else str(one) for one in value) + "}'"
        return self._cursor.mogrify("%s", (value,))

    def _looked(self, begun: frozenset[int], answers: Sequence[list[Any]], held: set[int]) -> Look:
        """Profiles may have become one since the mails were claimed: then those they belong to now are locked too."""
        facts, stamp = {row[0]: LastFacts(*row) for row in answers[-2]}, answers[-1][0]
        while missing := {one.profile_id for one in facts.values()} - held:
            held |= missing
            _, found = self._say(_LOOK[:2], list(facts), sorted(held))
            facts = {row[0]: LastFacts(*row) for row in found}
        return Look(begun, facts, stamp)


@contextmanager
def sender_line(database: Engine, *, token: UUID, lease: timedelta) -> Iterator[SenderLine]:
    """A line for the mails claimed under `token`; what is open when it is left early is rolled back."""
    with transaction_errors(database), database.connect() as connection:
        try:
            yield SenderLine(connection.execution_options(isolation_level="AUTOCOMMIT"), token, lease)
        except psycopg.OperationalError:
            connection.invalidate()
            raise
