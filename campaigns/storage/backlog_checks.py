"""What `rekindle doctor` says of events: those that wait, those that cannot be applied, those that were refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.storage.catalog_changes import read_open_changes
from campaigns.storage.database import statement
from campaigns.storage.findings import Finding, Verdict
from campaigns.storage.inbox import count_rejects, read_backlog

_NOW = statement("SELECT clock_timestamp()")
_WAITING_LONG = timedelta(minutes=5)
_TELLING_LONG = timedelta(hours=1)


def check_backlog(connection: Connection) -> Iterator[Finding]:
    """Whether what comes in is applied, and told."""
    now: datetime = connection.execute(_NOW).scalar_one()
    backlog = read_backlog(connection)
    if backlog.waiting and backlog.oldest_at is not None and now - backlog.oldest_at > _WAITING_LONG:
        line = (
            f"{backlog.waiting:,} batches wait to be applied, the oldest since {backlog.oldest_at:%Y-%m-%d %H:%M} UTC"
        )
        yield Finding("events", Verdict.PROBLEM, line, "start the workers: `rekindle up`, or `rekindle worker`")
    else:
        yield Finding("events", Verdict.FINE, f"{backlog.waiting:,} batches wait to be applied")
    if backlog.stuck:
        line = f"{backlog.stuck:,} events or batches cannot be applied and wait for a person"
        yield Finding("stuck events", Verdict.PROBLEM, line, "look at them with `rekindle events stuck`")
    refused = sum(count for _, _, count in count_rejects(connection, since=now - timedelta(days=1)))
    if refused:
        line = f"{refused:,} events were refused within a day"
        yield Finding("refused events", Verdict.ADVICE, line, "see what and why with `rekindle events rejects`")
    changes, oldest = read_open_changes(connection)
    if oldest is not None and now - oldest > _TELLING_LONG:
        line = f"{changes:,} price drops and returns to stock are not told yet, the oldest since {oldest:%Y-%m-%d %H:%M} UTC"
        yield Finding("catalog", Verdict.PROBLEM, line, "start the workers, or add more: `rekindle worker`")
