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
STAMP = statement("SELECT count(*), max(changed_at), sum(version) FROM campaigns")
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
_ADD_CHANGE = statement(
    "INSERT INTO campaign_changes (campaign_id, version, what, changed_at, changed_by)"
    " SELECT campaign_id, version, :what, :now, :by FROM campaigns WHERE campaign_id = :campaign_id"
)
_NOTE_MOVED = statement(
    "UPDATE campaign_changes SET moved = :moved WHERE change_id ="
    " (SELECT max(change_id) FROM campaign_changes WHERE campaign_id = :campaign_id AND what = 'applied')"
)
_CHANGES = statement(
    "SELECT campaign_id, version, what, changed_at, changed_by, moved FROM campaign_changes"
    " WHERE :campaign_id = '' OR campaign_id = :campaign_id ORDER BY change_id"
)
_RUNNING = statement(
    "SELECT e.profile_id, e.key FROM enrollments e JOIN profiles p USING (profile_id) WHERE e.campaign_id = :campaign_id"
    " AND e.due_at IS NOT NULL AND e.campaign_version <> :version ORDER BY e.profile_id LIMIT :limit FOR UPDATE OF p, e"
)
_COUNT_RUNNING = statement(
    "SELECT campaign_id, count(*) FROM enrollments WHERE due_at IS NOT NULL AND campaign_version <> ("
    "SELECT version FROM campaigns c WHERE c.campaign_id = enrollments.campaign_id) GROUP BY 1"
)
_WHAT = {"active": "resumed", "paused": "paused", "retired": "retired"}
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


@dataclass(frozen=True, slots=True)
class CampaignChange:
    """One entry of the history: applied, paused, resumed or retired. `moved`: shoppers on their way who went along."""

    campaign_id: str
    version: int
    what: str
    changed_at: datetime
    changed_by: str
    moved: int


def checksum(definition: str) -> str:
    """sha256 of the definition's text, in hex."""
    return hashlib.sha256(definition.encode()).hexdigest()


def list_campaigns(connection: Connection) -> list[StoredCampaign]:
    """All campaigns with their version in force, by id."""
    return [StoredCampaign(*row) for row in connection.execute(_CURRENT)]


def read_stamp(connection: Connection) -> object:
    """A value that differs whenever a campaign was applied, paused, resumed or retired."""
    return tuple(connection.execute(STAMP).one())


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
    if connection.execute(_SET_STATUS, values).rowcount != 1:
        return False
    connection.execute(_ADD_CHANGE, {"campaign_id": campaign_id, "what": _WHAT[status], "by": by, "now": now})
    return True


def list_campaign_changes(connection: Connection, campaign_id: str = "") -> list[CampaignChange]:
    """Who changed what when, oldest first; of one campaign or of all."""
    return [CampaignChange(*row) for row in connection.execute(_CHANGES, {"campaign_id": campaign_id})]


def claim_running(connection: Connection, campaign_id: str, version: int, *, limit: int) -> list[tuple[int, str]]:
    """Locks shoppers who are on their way on another version than `version`; returns (profile_id, key)."""
    values = {"campaign_id": campaign_id, "version": version, "limit": limit}
    return [(row[0], row[1]) for row in connection.execute(_RUNNING, values)]


def note_moved(connection: Connection, campaign_id: str, moved: int) -> None:
    """Keeps how many went along with the version that was applied last."""
    connection.execute(_NOTE_MOVED, {"campaign_id": campaign_id, "moved": moved})


def count_on_older_versions(connection: Connection) -> dict[str, int]:
    """campaign_id -> shoppers on their way on a version that is no longer in force."""
    return {row[0]: row[1] for row in connection.execute(_COUNT_RUNNING)}


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
    connection.execute(_ADD_CHANGE, {"campaign_id": campaign_id, "what": "applied", "by": by, "now": now})


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
