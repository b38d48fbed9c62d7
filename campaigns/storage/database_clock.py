"""The database's time for a process that cannot ask for it each time: one clock for all machines of a shop."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from campaigns.clock import Clock
from campaigns.domain.errors import RekindleError
from campaigns.storage.database import statement, transaction

_NOW: Final = statement("SELECT clock_timestamp()")
_EVERY: Final = 60.0
_AGAIN: Final = 5.0

_log = logging.getLogger(__name__)


class DatabaseClock:
    """Tells the database's time, which it asks for once a minute and counts on from in the machine's own seconds.

    This machine's calendar may be wrong or jump: what it says counts only until the database has answered once. Safe to
    use from many threads."""

    def __init__(self, database: Engine, otherwise: Clock) -> None:
        self._database, self._otherwise = database, otherwise
        self._known: tuple[datetime, float] | None = None
        self._ask_at = 0.0

    def now(self) -> datetime:
        """The time, at most some milliseconds off. Never waits for the database but the first time."""
        if monotonic() >= self._ask_at:
            self._ask_at = monotonic() + _EVERY
            if self._known is None:
                self._ask()
            else:
                Thread(target=self._ask, name="database-clock", daemon=True).start()
        known = self._known
        return known[0] + timedelta(seconds=monotonic() - known[1]) if known else self._otherwise.now()

    def _ask(self) -> None:
        try:
            with transaction(self._database) as connection:
                began = monotonic()
                at: datetime = connection.execute(_NOW).scalar_one()
                self._known = at, (began + monotonic()) / 2
        except (RekindleError, DBAPIError) as error:
            _log.warning("the database's time is not known now: %s", error)
            self._ask_at = monotonic() + _AGAIN
