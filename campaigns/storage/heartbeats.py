"""When each recurring job last ran, and what it saw: `doctor` and the console read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.storage.database import json_text, statement

_BEAT = statement(
    "INSERT INTO heartbeats (name, beat_at, facts) VALUES (:name, :at, CAST(:facts AS jsonb))"
    " ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, facts = excluded.facts"
)
_LIST = statement("SELECT name, beat_at, facts FROM heartbeats ORDER BY name")


def beat(connection: Connection, name: str, at: datetime, facts: Mapping[str, Any]) -> None:
    """Notes that the job `name` ran at `at`, with what it saw."""
    connection.execute(_BEAT, {"name": name, "at": at, "facts": json_text(dict(facts))})


def list_heartbeats(connection: Connection) -> dict[str, tuple[datetime, Mapping[str, Any]]]:
    """name -> (when, what it saw)."""
    return {row[0]: (row[1], row[2]) for row in connection.execute(_LIST)}
