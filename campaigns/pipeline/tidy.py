"""Tidy: what is kept for a bounded time goes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from campaigns.pipeline.alarms import read_alarms
from campaigns.pipeline.engine import Engine
from campaigns.storage.catalog_changes import forget_changes
from campaigns.storage.database import transaction
from campaigns.storage.events import forget_event_keys
from campaigns.storage.heartbeats import beat
from campaigns.storage.inbox import forget_rejects

_log = logging.getLogger(__name__)
REJECTS_KEPT = timedelta(days=14)
CHANGES_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class TidyReport:
    """Rows that went."""

    event_keys: int
    rejects: int


def tidy(engine: Engine) -> TidyReport:
    """Drops deduplication keys and rejected events past their time; writes what needs a person to the log."""
    with transaction(engine.database) as connection:
        now = engine.now(connection)
        keys = forget_event_keys(connection, now - engine.settings.events.deduplicate_for)
        rejects = forget_rejects(connection, now - REJECTS_KEPT)
        forget_changes(connection, now - CHANGES_KEPT)
        beat(connection, "tidy", now, {"event_keys": keys, "rejects": rejects})
    for alarm in read_alarms(engine):
        _log.log(logging.ERROR if alarm.is_urgent else logging.WARNING, "%s; %s", alarm.line, alarm.fix)
    return TidyReport(keys, rejects)
