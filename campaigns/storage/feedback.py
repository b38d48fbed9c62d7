"""What came back for messages: clicks, opens, bounces, complaints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.storage.database import json_text, statement

_ADD = statement(
    "INSERT INTO feedback (message_ref, kind, occurred_at, machine, url, raw)"
    " SELECT :ref, :kind, :at, :machine, :url, CAST(:raw AS jsonb) WHERE NOT EXISTS (SELECT 1 FROM feedback"
    " WHERE message_ref = :ref AND kind = :kind AND occurred_at = :at AND url IS NOT DISTINCT FROM :url)"
)
_OF_PROFILE = statement(
    "SELECT f.message_ref, f.kind, f.occurred_at, f.machine, f.url FROM feedback f JOIN messages m USING (message_ref)"
    " WHERE m.profile_id = :profile_id ORDER BY f.occurred_at"
)


def add_feedback(
    connection: Connection,
    message_ref: str,
    kind: str,
    *,
    at: datetime,
    machine: bool = False,
    url: str | None = None,
    raw: Mapping[str, Any] | None = None,
) -> None:
    """Records one piece of feedback as it came, machine-made ones marked; the same once more changes nothing."""
    values = {"ref": message_ref, "kind": kind, "at": at, "machine": machine, "url": url, "raw": json_text(raw or {})}
    connection.execute(_ADD, values)


def list_profile_feedback(connection: Connection, profile_id: int) -> list[tuple[str, str, datetime, bool, str | None]]:
    """(message_ref, kind, occurred_at, machine, url) of a profile's messages, oldest first."""
    return [tuple(row) for row in connection.execute(_OF_PROFILE, {"profile_id": profile_id})]
