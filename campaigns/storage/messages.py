"""The outbox: a message is written with its decision and claimed, under a lease, by whoever delivers it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection

from campaigns.domain.message import MessageStatus, RenderedEmail
from campaigns.storage.database import json_rows, statement

try:
    from isal import isal_zlib as deflate
except ImportError:  # no wheel for this platform: the same format, slower
    import zlib as deflate  # type: ignore[no-redef]

_ADD = statement(
    "INSERT INTO messages (message_ref, enrollment_id, step, campaign_id, profile_id, address, status, subject,"
    " preheader, content, created_at) SELECT t.message_ref, t.enrollment_id, t.step, t.campaign_id, t.profile_id,"
    " t.address, 'queued', t.subject, t.preheader, decode(t.content, 'base64'), t.created_at"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS t(message_ref text, enrollment_id bigint, step int,"
    " campaign_id text, profile_id bigint, address text, subject text, preheader text, content text,"
    " created_at timestamptz) ON CONFLICT (enrollment_id, step) DO NOTHING"
)
_CLAIM = statement(
    "UPDATE messages m SET status = 'sending', lease_token = :token, handed_at = NULL,"
    " lease_until = clock_timestamp() + make_interval(secs => :lease_s) FROM (SELECT message_id FROM messages"
    " WHERE status = 'queued' AND (not_before IS NULL OR not_before <= :now) AND campaign_id <> ALL(:held)"
    " ORDER BY message_id LIMIT :limit FOR UPDATE SKIP LOCKED) AS due WHERE m.message_id = due.message_id"
    " RETURNING m.message_id, m.message_ref, m.enrollment_id, m.step, m.campaign_id, m.profile_id, m.address,"
    " m.attempts, m.created_at, m.content"
)
HAND = statement(
    "UPDATE messages SET handed_at = clock_timestamp(), attempts = attempts + 1,"
    " lease_until = clock_timestamp() + make_interval(secs => :lease_s)"
    " WHERE message_id = ANY(:ids) AND status = 'sending' AND lease_token = :token RETURNING message_id"
)
_PUT_BACK = statement(
    "UPDATE messages SET status = 'queued', lease_token = NULL, lease_until = NULL"
    " WHERE message_id = ANY(:ids) AND status = 'sending' AND lease_token = :token AND handed_at IS NULL"
)
SETTLE = statement(
    "UPDATE messages m SET status = t.status, provider_id = t.provider_id, detail = t.detail,"
    " not_before = t.not_before, sent_at = t.sent_at, lease_token = NULL, lease_until = NULL, handed_at = NULL"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:statuses AS text[]), CAST(:provider_ids AS text[]),"
    " CAST(:details AS text[]), CAST(:not_befores AS timestamptz[]), CAST(:sent_ats AS timestamptz[]))"
    " AS t(message_id, status, provider_id, detail, not_before, sent_at)"
    " WHERE m.message_id = t.message_id AND m.status IN ('sending', 'uncertain') AND m.lease_token = :token"
    " RETURNING m.message_id"
)
_EXPIRE = statement(
    "WITH lost AS (SELECT message_id, message_ref, handed_at, CASE WHEN handed_at IS NULL THEN 'queued'"
    " WHEN campaign_id = ANY(:at_least_once) AND attempts < :attempts THEN 'queued' ELSE 'uncertain' END AS status"
    " FROM messages WHERE status = 'sending' AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED),"
    " doubted AS (UPDATE coupon_codes c SET in_doubt = true FROM lost"
    " WHERE c.message_ref = lost.message_ref AND lost.handed_at IS NOT NULL)"
    " UPDATE messages m SET status = lost.status, lease_until = NULL,"
    " lease_token = CASE WHEN lost.status = 'uncertain' THEN m.lease_token END,"
    " handed_at = CASE WHEN lost.status = 'uncertain' THEN m.handed_at END,"
    " detail = CASE WHEN m.handed_at IS NULL THEN m.detail ELSE 'the sender stopped between hand-over and record' END"
    " FROM lost WHERE m.message_id = lost.message_id RETURNING m.message_id, m.status"
)
BEFORE_HAND_OVER = statement(
    "SELECT m.message_id, m.profile_id, e.key, e.campaign_version, e.exit_reason, d.due_at, s.ordered_at, s.state, c.granted,"
    " (SELECT json_object_agg(x.scope, x.reason) FROM suppressions x WHERE x.address = lower(m.address)),"
    " clock_timestamp() FROM messages m LEFT JOIN enrollments e ON e.enrollment_id = m.enrollment_id"
    " LEFT JOIN decisions d ON d.enrollment_id = m.enrollment_id AND d.step = m.step AND d.outcome = 'send'"
    " LEFT JOIN profile_states s ON s.profile_id = m.profile_id"
    " LEFT JOIN consents c ON c.profile_id = m.profile_id AND c.purpose = 'marketing' WHERE m.message_id = ANY(:ids)"
)
_MAILED_AS = statement(
    "SELECT t.campaign_id, t.address, t.key, t.profile_id, min(m.profile_id) FROM unnest(CAST(:campaign_ids AS text[]),"
    " CAST(:addresses AS text[]), CAST(:keys AS text[]), CAST(:profile_ids AS bigint[]))"
    " AS t(campaign_id, address, key, profile_id)"
    " JOIN messages m ON m.address = t.address AND m.campaign_id = t.campaign_id AND m.profile_id <> t.profile_id"
    " AND m.status <> 'withdrawn' JOIN enrollments e ON e.enrollment_id = m.enrollment_id AND e.key = t.key"
    " GROUP BY 1, 2, 3, 4"
)
_FIRST_APPLIED = statement("SELECT min(applied_at) FROM campaign_versions")
_COLUMNS = (
    "message_id, message_ref, enrollment_id, step, campaign_id, profile_id, address, status, subject,"
    " preheader, created_at, sent_at, detail"
)
_FILTER = (
    " WHERE (:campaign_id = '' OR campaign_id = :campaign_id)"
    " AND (:words = '' OR position(lower(:words) IN lower(subject || ' ' || preheader || ' ' || address)) > 0)"
)
_SEARCH = statement(
    f"SELECT {_COLUMNS} FROM messages{_FILTER} ORDER BY coalesce(sent_at, created_at) DESC, message_id DESC"
    " LIMIT :limit OFFSET :offset"
)
_SEARCH_COUNT = statement(f"SELECT count(*) FROM messages{_FILTER}")
_OF_PROFILE = statement(
    f"SELECT {_COLUMNS} FROM messages WHERE profile_id = :profile_id ORDER BY created_at, message_id"
)
_BY_REF = statement(f"SELECT {_COLUMNS}, content FROM messages WHERE message_ref = :ref")
_BY_STATUS = statement("SELECT campaign_id, status, count(*) FROM messages GROUP BY 1, 2 ORDER BY 1, 2")
_RANK = "coalesce(array_position(ARRAY['sent', 'delivered', 'bounced', 'complained'], {}), {})"
_MARK = statement(
    "UPDATE messages m SET status = t.status, lease_token = NULL, lease_until = NULL,"
    " sent_at = CASE WHEN t.status = 'failed' THEN m.sent_at ELSE coalesce(m.sent_at, m.handed_at, t.at) END,"
    " detail = coalesce(nullif(t.detail, ''), CASE WHEN m.status <> 'uncertain' THEN m.detail END)"
    " FROM unnest(CAST(:refs AS text[]), CAST(:statuses AS text[]), CAST(:ats AS timestamptz[]),"
    " CAST(:details AS text[])) AS t(message_ref, status, at, detail) WHERE m.message_ref = t.message_ref"
    f" AND {_RANK.format('m.status', 0)} < {_RANK.format('t.status', 3)}"
    " AND (m.status IN ('sending', 'uncertain', 'sent', 'delivered', 'bounced') OR (m.status = 'queued' AND m.attempts > 0))"
)
_REPORTED = statement(
    "SELECT message_ref, provider_id, address FROM messages"
    " WHERE message_ref = ANY(:refs) OR provider_id = ANY(:provider_ids)"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to queue. `message_ref` is unique and deterministic: enrollment id and step."""

    message_ref: str
    enrollment_id: int
    step: int
    campaign_id: str
    profile_id: int
    address: str
    email: RenderedEmail
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message this process may hand over, until its lease ends. `attempts` counts the hand-overs begun before."""

    message_id: int
    message_ref: str
    enrollment_id: int
    step: int
    campaign_id: str
    profile_id: int
    address: str
    attempts: int
    created_at: datetime
    email: RenderedEmail


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed message; `not_before` is set where it goes back into the queue."""

    message_id: int
    status: MessageStatus
    provider_id: str | None = None
    detail: str | None = None
    not_before: datetime | None = None
    sent_at: datetime | None = None


class LastFacts(NamedTuple):
    """What the last look before a hand-over finds: the profile as it is now, its consent, its address's suppressions
    ({scope: reason}), and the database's time. `due_at` is when the step was due."""

    message_id: int
    profile_id: int
    key: str | None
    campaign_version: int | None
    exit_reason: str | None
    due_at: datetime | None
    ordered_at: datetime | None
    state: Mapping[str, Any] | None
    consented: bool | None
    suppressions: Mapping[str, str] | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as the console and `why` show it."""

    message_id: int
    message_ref: str
    enrollment_id: int
    step: int
    campaign_id: str
    profile_id: int
    address: str
    status: str
    subject: str
    preheader: str
    created_at: datetime
    sent_at: datetime | None
    detail: str | None


def pack_email(email: RenderedEmail) -> bytes:
    """A rendered email as stored: JSON, deflated (40 kB of HTML become some 6 kB; any zlib reads it)."""
    return deflate.compress(orjson.dumps([email.subject, email.preheader, email.html, email.text]), 1)


def unpack_email(content: bytes) -> RenderedEmail:
    """The inverse of `pack_email`."""
    return RenderedEmail(*orjson.loads(deflate.decompress(content)))


def queue_messages(connection: Connection, messages: Sequence[NewMessage]) -> None:
    """Writes messages to the outbox; an enrollment and step that has one already keeps it."""
    if messages:
        connection.execute(_ADD, {"rows": json_rows(_row(message) for message in messages)})


def claim_messages(
    connection: Connection, *, token: UUID, limit: int, lease: timedelta, now: datetime, held: Sequence[str] = ()
) -> list[ClaimedMessage]:
    """Takes up to `limit` queued messages under a lease that runs in database time; those of `held` campaigns wait."""
    values = {"token": token, "limit": limit, "lease_s": lease.total_seconds(), "now": now, "held": list(held)}
    rows = connection.execute(_CLAIM, values).all()
    return [_claimed(*row) for row in sorted(rows, key=lambda row: row[0])]


def begin_hand_over(connection: Connection, ids: Sequence[int], *, token: UUID, lease: timedelta) -> set[int]:
    """Marks claimed messages as about to be handed over and renews their lease; returns those still held.

    Once this is committed, a sender that dies leaves them in doubt; claimed messages without the mark were certainly
    not handed over."""
    if not ids:
        return set()
    values = {"ids": list(ids), "token": token, "lease_s": lease.total_seconds()}
    return {row[0] for row in connection.execute(HAND, values)}


def put_back(connection: Connection, ids: Sequence[int], *, token: UUID) -> None:
    """Returns claimed messages whose hand-over was not begun to the queue."""
    if ids:
        connection.execute(_PUT_BACK, {"ids": list(ids), "token": token})


def find_mailed_twins(
    connection: Connection, wanted: Sequence[tuple[str, str, str, int]]
) -> dict[tuple[str, str, str, int], int]:
    """For (campaign_id, address, key, profile_id): the other profile under which the address has mail of that campaign
    and key, where there is one."""
    if not wanted:
        return {}
    names = ("campaign_ids", "addresses", "keys", "profile_ids")
    values = dict(zip(names, map(list, zip(*wanted, strict=True)), strict=True))
    return {(row[0], row[1], row[2], row[3]): row[4] for row in connection.execute(_MAILED_AS, values)}


def read_first_applied(connection: Connection) -> datetime | None:
    """When the first campaign was put in force here: with the workspace's secret it tells databases apart."""
    at: datetime | None = connection.execute(_FIRST_APPLIED).scalar_one()
    return at


def settlement_values(settlements: Sequence[Settlement]) -> dict[str, list[Any]]:
    """What `SETTLE` is given beside the token. It records what became of claimed messages, also of those given up as
    uncertain while their sender was slow; one that somebody else took over stays as it is."""
    return {
        "ids": [s.message_id for s in settlements],
        "statuses": [s.status.value for s in settlements],
        "provider_ids": [s.provider_id for s in settlements],
        "details": [s.detail for s in settlements],
        "not_befores": [s.not_before for s in settlements],
        "sent_ats": [s.sent_at for s in settlements],
    }


def expire_leases(connection: Connection, *, at_least_once: Iterable[str] = (), attempts: int = 5) -> dict[int, str]:
    """Settles messages whose sender died: back into the queue where the hand-over had not begun; else `uncertain`, or
    queued again (up to `attempts` times) for campaigns that chose at_least_once."""
    rows = connection.execute(_EXPIRE, {"at_least_once": list(at_least_once), "attempts": attempts})
    return {row[0]: row[1] for row in rows}


def search_messages(
    connection: Connection, *, words: str = "", campaign_id: str = "", limit: int = 200, offset: int = 0
) -> list[MessageRow]:
    """The newest messages first; `words` is looked for in subject, preheader and address."""
    values = {"words": words, "campaign_id": campaign_id, "limit": limit, "offset": offset}
    return [MessageRow(*row) for row in connection.execute(_SEARCH, values)]


def count_found_messages(connection: Connection, *, words: str = "", campaign_id: str = "") -> int:
    """How many messages such a search finds."""
    return int(connection.execute(_SEARCH_COUNT, {"words": words, "campaign_id": campaign_id}).scalar_one())


def list_profile_messages(connection: Connection, profile_id: int) -> list[MessageRow]:
    """All messages of a profile, oldest first."""
    return [MessageRow(*row) for row in connection.execute(_OF_PROFILE, {"profile_id": profile_id})]


def find_message(connection: Connection, ref: str) -> tuple[MessageRow, RenderedEmail] | None:
    """A message and its content by its reference."""
    row = connection.execute(_BY_REF, {"ref": ref}).one_or_none()
    return (MessageRow(*row[:-1]), unpack_email(row[-1])) if row else None


def count_messages(connection: Connection) -> dict[tuple[str, str], int]:
    """(campaign_id, status) -> messages."""
    return {(row[0], row[1]): row[2] for row in connection.execute(_BY_STATUS)}


def find_reported(
    connection: Connection, refs: Iterable[str], provider_ids: Iterable[str]
) -> list[tuple[str, str | None, str]]:
    """(message_ref, provider_id, address) of the messages that a provider's report names by one or the other."""
    values = {"refs": list(refs), "provider_ids": list(provider_ids)}
    return [tuple(row) for row in connection.execute(_REPORTED, values)]


def mark_messages(connection: Connection, marks: Sequence[tuple[str, MessageStatus, datetime, str]]) -> int:
    """Moves messages that were handed over, or may have been, on by what came back: (message_ref, status, at, detail).

    sent < delivered < bounced and failed < complained: a report that comes late never takes a message back. Returns how
    many moved."""
    if not marks:
        return 0
    columns = dict(zip(("refs", "statuses", "ats", "details"), map(list, zip(*marks, strict=True)), strict=True))
    return connection.execute(_MARK, columns).rowcount


def _claimed(*row: Any) -> ClaimedMessage:
    values: list[Any] = [*row[:-1], unpack_email(row[-1])]
    return ClaimedMessage(*values)


def _row(message: NewMessage) -> dict[str, Any]:
    email = message.email
    return {
        "message_ref": message.message_ref,
        "enrollment_id": message.enrollment_id,
        "step": message.step,
        "campaign_id": message.campaign_id,
        "profile_id": message.profile_id,
        "address": message.address,
        "subject": email.subject,
        "preheader": email.preheader,
        "content": b64encode(pack_email(email)).decode(),
        "created_at": message.created_at,
    }
