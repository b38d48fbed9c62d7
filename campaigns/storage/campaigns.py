"""Campaigns as applied: every version is kept, one is in force."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.storage.database import statement

_CURRENT = statement(
    "SELECT c.campaign_id, c.version, c.status, v.definition, v.checksum, v.applied_at, v.applied_by FROM campaigns c"
    " JOIN campaign_versions v USING (campaign_id, version) ORDER BY c.campaign_id"
)
_STAMP = statement("SELECT count(*), max(changed_at), sum(version) FROM campaigns")
_VERSIONS = statement("SELECT campaign_id, version, definition FROM campaign_versions ORDER BY campaign_id, version")
_ADD_VERSION = statement(
    "INSERT INTO campaign_versions (campaign_id, version, definition, checksum, applied_at, applied_by)"
    " VALUES (:campaign_id, :version, :definition, :checksum, :now, :by)"
)
_PUT = statement(
    "INSERT INTO campaigns (campaign_id, version, status, changed_at, changed_by)"
    " VALUES (:campaign_id, :version, 'active', :now, :by) ON CONFLICT (campaign_id) DO UPDATE SET"
    " version = excluded.version, changed_at = excluded.changed_at, changed_by = excluded.changed_by,"
    " status = CASE WHEN campaigns.status = 'retired' THEN 'active' ELSE campaigns.status END"
)
_SET_STATUS = statement(
    "UPDATE campaigns SET status = :status, changed_at = :now, changed_by = :by WHERE campaign_id = :campaign_id"
)
_LOCK = statement("LOCK TABLE campaigns IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """The version of a campaign that is in force. `definition` is the YAML text as applied."""

    campaign_id: str
    version: int
    status: str
    definition: str
    checksum: str
    applied_at: datetime
    applied_by: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: campaign ids by what happened to them."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    retired: tuple[str, ...]


def checksum(definition: str) -> str:
    """sha256 of the definition's text, in hex."""
    return hashlib.sha256(definition.encode()).hexdigest()


def list_campaigns(connection: Connection) -> list[StoredCampaign]:
    """All campaigns with their version in force, by id."""
    return [StoredCampaign(*row) for row in connection.execute(_CURRENT)]


def read_stamp(connection: Connection) -> object:
    """A value that differs whenever a campaign was applied, paused, resumed or retired."""
    return tuple(connection.execute(_STAMP).one())


def list_versions(connection: Connection) -> dict[tuple[str, int], str]:
    """(campaign_id, version) -> definition, for enrollments that run on an older version."""
    return {(row[0], row[1]): row[2] for row in connection.execute(_VERSIONS)}


def apply_campaigns(
    connection: Connection, definitions: Mapping[str, str], *, by: str, now: datetime, retire_others: bool = True
) -> Applied:
    """Puts campaign definitions (id -> YAML text) in force, all or none; those not named are retired."""
    connection.execute(_LOCK)
    current = {campaign.campaign_id: campaign for campaign in list_campaigns(connection)}
    versions = list(list_versions(connection))
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    for campaign_id, definition in sorted(definitions.items()):
        stored = current.get(campaign_id)
        if stored and stored.checksum == checksum(definition) and stored.status != "retired":
            unchanged.append(campaign_id)
            continue
        (changed if stored else added).append(campaign_id)
        _put(connection, campaign_id, definition, versions, by=by, now=now)
    retired = _retire(connection, current, definitions, by=by, now=now) if retire_others else []
    return Applied(tuple(added), tuple(changed), tuple(unchanged), tuple(retired))


def set_campaign_status(connection: Connection, campaign_id: str, status: str, *, by: str, now: datetime) -> bool:
    """Pauses ('paused'), resumes ('active') or retires a campaign; False where there is none of that id."""
    values = {"campaign_id": campaign_id, "status": status, "by": by, "now": now}
    return connection.execute(_SET_STATUS, values).rowcount == 1


def _put(
    connection: Connection,
    campaign_id: str,
    definition: str,
    versions: Sequence[tuple[str, int]],
    *,
    by: str,
    now: datetime,
) -> None:
    version = 1 + max((v for c, v in versions if c == campaign_id), default=0)
    values = {"campaign_id": campaign_id, "version": version, "by": by, "now": now}
    connection.execute(_ADD_VERSION, {**values, "definition": definition, "checksum": checksum(definition)})
    connection.execute(_PUT, values)


def _retire(
    connection: Connection,
    current: Mapping[str, StoredCampaign],
    definitions: Mapping[str, str],
    *,
    by: str,
    now: datetime,
) -> list[str]:
    gone = [c for c, stored in current.items() if c not in definitions and stored.status != "retired"]
    for campaign_id in gone:
        set_campaign_status(connection, campaign_id, "retired", by=by, now=now)
    return gone
