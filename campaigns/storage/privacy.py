"""What the database holds about one shopper: read as one document, or taken out for good.

Forgetting leaves what measurement counts - that a mail was decided, sent, held back, followed by an order of so much -
under a profile that nothing leads to any more: no id, no address, no trait, no event, no product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from campaigns.domain.message import RenderedEmail
from campaigns.storage.database import statement
from campaigns.storage.messages import pack_email, unpack_email

_FIND: Final = tuple(
    statement(text)
    for text in (
        "SELECT profile_id FROM identities WHERE kind = 'user' AND value = :value",
        "SELECT profile_id FROM identities WHERE kind = 'email' AND value = lower(:value)"
        " UNION SELECT profile_id FROM profiles WHERE email = lower(:value) AND merged_into IS NULL ORDER BY 1",
        "SELECT profile_id FROM identities WHERE kind = 'anonymous' AND value = :value",
        "SELECT coalesce(merged_into, profile_id) FROM profiles"
        " WHERE profile_id::text = :value AND coalesce(assignment_key, '') NOT LIKE 'forgotten:%'",
    )
)
_FAMILY = statement(
    "WITH RECURSIVE family AS (SELECT profile_id FROM profiles WHERE profile_id = ANY(:ids)"
    " UNION SELECT p.profile_id FROM profiles p JOIN family f ON p.merged_into = f.profile_id)"
    " SELECT profile_id FROM family ORDER BY 1"
)
_LOCK = statement("SELECT profile_id FROM profiles WHERE profile_id = ANY(:ids) ORDER BY profile_id FOR UPDATE")
_NAMES = statement(
    "SELECT value FROM identities WHERE profile_id = ANY(:ids) UNION SELECT user_id FROM profiles"
    " WHERE profile_id = ANY(:ids) AND user_id IS NOT NULL UNION SELECT email FROM profiles"
    " WHERE profile_id = ANY(:ids) AND email IS NOT NULL UNION SELECT lower(address) FROM messages"
    " WHERE profile_id = ANY(:ids) AND address <> '' ORDER BY 1"
)
_LEAVING = statement(
    "SELECT count(*) FROM messages WHERE profile_id = ANY(:ids) AND status = 'sending'"
    " AND lease_until >= clock_timestamp()"
)
_QUOTED = "(SELECT to_json(name)::text AS name FROM unnest(CAST(:names AS text[])) AS n(name)) AS n"
_WAITING = statement(
    f"SELECT count(*) FROM inbox i WHERE EXISTS (SELECT 1 FROM {_QUOTED}"
    " WHERE position(convert_to(n.name, 'UTF8') IN i.body) > 0)"
)
_OF_PROFILE: Final = (
    ("profiles", "SELECT * FROM profiles WHERE profile_id = ANY(:ids) ORDER BY profile_id"),
    ("identities", "SELECT kind, value FROM identities WHERE profile_id = ANY(:ids) ORDER BY kind, value"),
    ("consents", "SELECT purpose, granted, source, changed_at FROM consents WHERE profile_id = ANY(:ids) ORDER BY 1"),
    (
        "suppressions",
        "SELECT address, scope, reason, detail, created_at FROM suppressions WHERE address = ANY(:names) ORDER BY 1, 2",
    ),
    (
        "events",
        "SELECT name, occurred_at, received_at, source, message_id, payload FROM events"
        " WHERE profile_id = ANY(:ids) ORDER BY occurred_at, event_id",
    ),
    ("state", "SELECT state, last_event_at, ordered_at FROM profile_states WHERE profile_id = ANY(:ids)"),
    (
        "interests",
        "SELECT product_id, first_at, last_at FROM interests WHERE profile_id = ANY(:ids) ORDER BY last_at DESC, 1",
    ),
    (
        "enrollments",
        "SELECT campaign_id, campaign_version, key, status, step, entered_at, last_activity_at, due_at, exit_reason,"
        " closed_at, context FROM enrollments WHERE profile_id = ANY(:ids) ORDER BY entered_at, enrollment_id",
    ),
    (
        "not_started",
        "SELECT campaign_id, key, reason, refused_at FROM start_refusals WHERE profile_id = ANY(:ids) ORDER BY 4, 1",
    ),
    (
        "decisions",
        "SELECT campaign_id, step, due_at, decided_at, outcome, reason, variant, facts, slates FROM decisions"
        " WHERE profile_id = ANY(:ids) ORDER BY decided_at, decision_id",
    ),
    (
        "reactions",
        "SELECT f.message_ref, f.kind, f.occurred_at, f.machine, f.url FROM feedback f JOIN messages m"
        " USING (message_ref) WHERE m.profile_id = ANY(:ids) ORDER BY f.occurred_at, f.feedback_id",
    ),
    (
        "coupons",
        "SELECT c.pool, c.code, c.status, c.reserved_at, c.valid_until, c.redeemed_at, c.order_id FROM coupon_codes c"
        " JOIN messages m USING (message_ref) WHERE m.profile_id = ANY(:ids) ORDER BY c.reserved_at",
    ),
)
_MAILS = statement(
    "SELECT message_ref, campaign_id, address, status, created_at, sent_at, detail, content FROM messages"
    " WHERE profile_id = ANY(:ids) ORDER BY message_id"
)
_ERASE: Final = (
    (
        "timers ended",
        "UPDATE enrollments SET status = 'exited', exit_reason = 'forgotten', closed_at = :now, due_at = NULL"
        " WHERE profile_id = ANY(:ids) AND (due_at IS NOT NULL OR status IN ('armed', 'active'))",
    ),
    (
        "",
        "UPDATE enrollments SET key = 'forgotten:' || enrollment_id, context = '{}' WHERE profile_id = ANY(:ids)",
    ),
    ("", "UPDATE decisions SET facts = '{}', slates = NULL WHERE profile_id = ANY(:ids)"),
    (
        "waiting mails withdrawn",
        "UPDATE messages SET status = 'withdrawn', not_before = NULL WHERE profile_id = ANY(:ids)"
        " AND status IN ('queued', 'sending')",
    ),
    (
        "",
        "UPDATE feedback f SET url = NULL, raw = '{}' FROM messages m"
        " WHERE m.message_ref = f.message_ref AND m.profile_id = ANY(:ids)",
    ),
    (
        "",
        "UPDATE coupon_codes c SET order_id = 'forgotten:' || md5(c.order_id || :salt) FROM messages m"
        " WHERE m.message_ref = c.message_ref AND m.profile_id = ANY(:ids) AND c.order_id IS NOT NULL",
    ),
    (
        "mails emptied",
        "UPDATE messages SET address = '', subject = '', preheader = '', content = :empty, detail = NULL,"
        " provider_id = NULL, lease_token = NULL, lease_until = NULL WHERE profile_id = ANY(:ids)",
    ),
    ("", "UPDATE conversions SET order_id = 'forgotten:' || md5(order_id || :salt) WHERE profile_id = ANY(:ids)"),
    (
        "orders emptied",
        "UPDATE events e SET message_id = 'forgotten:' || e.event_id, payload = jsonb_strip_nulls(jsonb_build_object("
        " 'order_id', 'forgotten:' || md5(coalesce(e.payload->>'order_id', e.message_id) || :salt), 'lines', '[]'::jsonb,"
        " 'total_minor', coalesce((e.payload->>'total_minor')::bigint, (SELECT sum((l->>'price_minor')::bigint"
        " * coalesce((l->>'quantity')::int, 1)) FROM jsonb_array_elements(CASE WHEN jsonb_typeof(e.payload->'lines')"
        " = 'array' THEN e.payload->'lines' ELSE '[]' END) AS l), 0)))"
        " WHERE profile_id = ANY(:ids) AND name IN ('Order Completed', 'Order Cancelled')",
    ),
    (
        "events deleted",
        "DELETE FROM events WHERE profile_id = ANY(:ids) AND name NOT IN ('Order Completed', 'Order Cancelled')",
    ),
    (
        "rejected events deleted",
        f"DELETE FROM rejects r WHERE EXISTS (SELECT 1 FROM {_QUOTED} WHERE strpos(r.raw, n.name) > 0)",
    ),
    ("", "DELETE FROM profile_states WHERE profile_id = ANY(:ids)"),
    ("", "DELETE FROM interests WHERE profile_id = ANY(:ids)"),
    ("", "DELETE FROM start_refusals WHERE profile_id = ANY(:ids)"),
    ("", "DELETE FROM consents WHERE profile_id = ANY(:ids)"),
    ("ids deleted", "DELETE FROM identities WHERE profile_id = ANY(:ids)"),
    (
        "profiles emptied",
        "UPDATE profiles SET user_id = NULL, email = NULL, zone = NULL, locale = NULL, traits = '{}',"
        " assignment_key = 'forgotten:' || md5(profile_id || :salt), updated_at = :now WHERE profile_id = ANY(:ids)",
    ),
)


def find_person(connection: Connection, value: str) -> list[int]:
    """The profiles that `value` names: as a user id; else as an address (all that have it); else as an anonymous id;
    else as a profile id. Never two kinds at once: the user id of one shopper may be the profile id of another."""
    for one in _FIND:
        if found := [int(row[0]) for row in connection.execute(one, {"value": value})]:
            return found
    return []


def list_family(connection: Connection, ids: Iterable[int]) -> list[int]:
    """The profiles and all that were joined with them."""
    return [int(row[0]) for row in connection.execute(_FAMILY, {"ids": list(ids)})]


def list_names(connection: Connection, ids: Sequence[int]) -> list[str]:
    """Every id and address the profiles are or were known by."""
    return [row[0] for row in connection.execute(_NAMES, {"ids": list(ids)})]


def read_person(connection: Connection, ids: Sequence[int]) -> dict[str, Any]:
    """Everything stored about the profiles, a list of rows a kind; mails with their texts."""
    values = {"ids": list(ids), "names": list_names(connection, ids)}
    found: dict[str, Any] = {}
    for kind, text in _OF_PROFILE:
        found[kind] = [dict(row) for row in connection.execute(statement(text), values).mappings()]
    found["mails"] = [_mail(row) for row in connection.execute(_MAILS, values).mappings()]
    return found


def _mail(row: Mapping[Any, Any]) -> dict[str, Any]:
    email = unpack_email(row["content"])
    texts = {"subject": email.subject, "preheader": email.preheader, "text": email.text, "html": email.html}
    return {name: value for name, value in row.items() if name != "content"} | texts


def lock_person(connection: Connection, ids: Sequence[int]) -> None:
    """Waits for whoever works on the profiles, and keeps everybody else off until the transaction ends."""
    connection.execute(_LOCK, {"ids": list(ids)})


def count_leaving(connection: Connection, ids: Sequence[int]) -> int:
    """Mails to them that a sender holds at this moment."""
    return int(connection.execute(_LEAVING, {"ids": list(ids)}).scalar_one())


def count_waiting(connection: Connection, names: Sequence[str]) -> int:
    """Batches in the inbox that name them and are not applied yet."""
    return int(connection.execute(_WAITING, {"names": list(names)}).scalar_one())


def erase_person(
    connection: Connection, ids: Sequence[int], names: Sequence[str], *, salt: str, now: datetime
) -> dict[str, int]:
    """Takes the profiles out; returns what was done how often. `salt` is random and kept nowhere: order numbers become
    numbers that lead to no order. The caller holds the lock of the profiles. Do-not-send records stay."""
    empty = pack_email(RenderedEmail("", "", "", ""))
    values = {"ids": list(ids), "names": list(names), "salt": salt, "now": now, "empty": empty}
    counts: dict[str, int] = {}
    for what, text in _ERASE:
        done = connection.execute(statement(text), {k: v for k, v in values.items() if f":{k}" in text}).rowcount
        if what:
            counts[what] = done
    return counts
