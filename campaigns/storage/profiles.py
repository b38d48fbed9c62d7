"""Profiles and their folded states: read and written a batch at a time, locked in id order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from campaigns.storage.database import json_rows, json_text, statement

_INSERT = statement(
    "INSERT INTO profiles (profile_id, user_id, email, zone, locale, traits, assignment_key, created_at, updated_at)"
    " SELECT t.profile_id, t.user_id, t.email, t.zone, t.locale, t.traits::jsonb, t.assignment_key, :now, :now FROM unnest("
    " CAST(:ids AS bigint[]), CAST(:user_ids AS text[]), CAST(:emails AS text[]), CAST(:zones AS text[]),"
    " CAST(:locales AS text[]), CAST(:traits AS text[]), CAST(:assignment_keys AS text[]))"
    " AS t(profile_id, user_id, email, zone, locale, traits, assignment_key)"
)
_UPDATE = statement(
    "UPDATE profiles p SET user_id = t.user_id, email = t.email, zone = t.zone, locale = t.locale,"
    " traits = t.traits::jsonb, updated_at = :now FROM unnest("
    " CAST(:ids AS bigint[]), CAST(:user_ids AS text[]), CAST(:emails AS text[]), CAST(:zones AS text[]),"
    " CAST(:locales AS text[]), CAST(:traits AS text[])) AS t(profile_id, user_id, email, zone, locale, traits)"
    " WHERE p.profile_id = t.profile_id"
)
_LOAD = (
    "SELECT p.profile_id, p.user_id, p.email, p.zone, p.locale, p.traits, p.merged_arms, s.state, p.merged_into,"
    " p.assignment_key"
    " FROM profiles p LEFT JOIN profile_states s USING (profile_id) WHERE p.profile_id = ANY(:ids)"
)
_LOCK = statement(_LOAD + " ORDER BY p.profile_id FOR UPDATE OF p")
_READ = statement(_LOAD)
FORGOTTEN: Final = "forgotten:"
"""What the assignment key of a forgotten profile begins with."""
HOLD = statement("SELECT 1 FROM profiles p WHERE p.profile_id = ANY(:ids) ORDER BY p.profile_id FOR SHARE OF p")
"""Keeps profiles from changing until the transaction ends."""
_SAVE_STATES = statement(
    "INSERT INTO profile_states (profile_id, state, last_event_at, ordered_at, updated_at)"
    " SELECT t.profile_id, t.state, t.last_event_at, t.ordered_at, :now FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
    " AS t(profile_id bigint, state jsonb, last_event_at timestamptz, ordered_at timestamptz)"
    " ON CONFLICT (profile_id) DO UPDATE SET state = excluded.state, last_event_at = excluded.last_event_at,"
    " ordered_at = excluded.ordered_at, updated_at = excluded.updated_at"
)
_MERGED = statement(
    "UPDATE profiles p SET merged_into = m.winner, updated_at = :now"
    " FROM unnest(CAST(:losers AS bigint[]), CAST(:winners AS bigint[])) AS m(loser, winner)"
    " WHERE p.profile_id = m.loser"
)
_FLAG_ARMS = statement("UPDATE profiles SET merged_arms = true WHERE profile_id = :id")
_DROP_STATES = statement("DELETE FROM profile_states WHERE profile_id = ANY(:losers)")
_COVERED = statement(
    "SELECT profile_id FROM profiles WHERE email = ANY(:addresses) AND merged_into IS NULL"
    " UNION SELECT profile_id FROM enrollments WHERE key = ANY(:carts) AND due_at IS NOT NULL"
    " UNION SELECT profile_id FROM enrollments WHERE context ->> 'checkout' = ANY(:checkouts) AND due_at IS NOT NULL"
    " LIMIT 1000"
)
_SHARED = statement(
    "SELECT email FROM profiles WHERE email = ANY(:addresses) AND merged_into IS NULL GROUP BY email HAVING count(*) > 1"
)
_LOCK_ADDRESSES = statement(
    "SELECT pg_advisory_xact_lock(7253003, number) FROM (SELECT DISTINCT hashtext(address) AS number"
    " FROM unnest(CAST(:addresses AS text[])) AS a(address) ORDER BY 1) AS numbers"
)
_FIND = statement(
    "SELECT profile_id FROM identities WHERE value = :value OR (kind = 'email' AND value = lower(:value))"
    " UNION SELECT coalesce(merged_into, profile_id) FROM profiles"
    " WHERE email = lower(:value) OR profile_id::text = :value LIMIT 5"
)
_LOCALES = statement(
    "SELECT locale FROM (SELECT locale FROM profiles ORDER BY profile_id DESC LIMIT :newest) AS p WHERE locale <> ''"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT :most"
)
_COUNT = statement(
    "SELECT count(*) FILTER (WHERE email IS NOT NULL OR user_id IS NOT NULL),"
    " count(*) FILTER (WHERE email IS NULL AND user_id IS NULL AND coalesce(assignment_key, '') NOT LIKE 'forgotten:%')"
    " FROM profiles WHERE merged_into IS NULL"
)


@dataclass(slots=True)
class ProfileRow:
    """A profile as stored. `state` is the folded state's JSON, None before the first event. `assignment_key` None: the
    profile is older than these keys, and experiments draw on its id."""

    profile_id: int
    user_id: str | None = None
    email: str | None = None
    zone: str | None = None
    locale: str | None = None
    traits: Mapping[str, Any] | None = None
    merged_arms: bool = False
    state: Mapping[str, Any] | None = None
    merged_into: int | None = None
    assignment_key: str | None = None

    @property
    def drawn_by(self) -> str:
        """What the sticky draws of experiments are made from."""
        return self.assignment_key or str(self.profile_id)

    @property
    def is_forgotten(self) -> bool:
        """Left over for measurement from a shopper who was forgotten; nothing may be added to it."""
        return (self.assignment_key or "").startswith(FORGOTTEN)

    @property
    def known(self) -> bool:
        """Known once there is a user id or an address."""
        return self.user_id is not None or self.email is not None


def lock_profiles(connection: Connection, ids: Iterable[int]) -> dict[int, ProfileRow]:
    """Reads profiles with their states and locks them in id order, so that two workers never wait on each other."""
    return {row[0]: ProfileRow(*row) for row in connection.execute(_LOCK, {"ids": list(ids)})}


def read_profiles(connection: Connection, ids: Iterable[int]) -> dict[int, ProfileRow]:
    """The same without a lock."""
    return {row[0]: ProfileRow(*row) for row in connection.execute(_READ, {"ids": list(ids)})}


def insert_profiles(connection: Connection, rows: Sequence[ProfileRow], now: datetime) -> None:
    """Writes new profiles (their ids were reserved by the identity step)."""
    if rows:
        keys = [row.assignment_key for row in rows]
        connection.execute(_INSERT, {**_columns(rows), "assignment_keys": keys, "now": now})


def update_profiles(connection: Connection, rows: Sequence[ProfileRow], now: datetime) -> None:
    """Writes changed ids, address, zone, locale and traits."""
    if rows:
        connection.execute(_UPDATE, {**_columns(rows), "now": now})


class StateRow(NamedTuple):
    """A folded state to store; the two times stand beside it so that SQL can ask for them."""

    profile_id: int
    state: Mapping[str, Any]
    last_event_at: datetime | None
    ordered_at: datetime | None


def save_states(connection: Connection, rows: Sequence[StateRow], now: datetime) -> None:
    """Writes folded states in one statement; the caller holds the lock of their profiles."""
    if rows:
        connection.execute(_SAVE_STATES, {"rows": json_rows(row._asdict() for row in rows), "now": now})


def mark_merged(connection: Connection, merges: Mapping[int, int], now: datetime) -> None:
    """Points merged profiles at the one they became; their states are gone, the winner's holds both."""
    if merges:
        columns = {"losers": list(merges), "winners": list(merges.values()), "now": now}
        connection.execute(_MERGED, columns)
        connection.execute(_DROP_STATES, {"losers": list(merges)})


def flag_merged_arms(connection: Connection, profile_id: int) -> None:
    """Notes that the people joined in this profile were in different arms of an experiment."""
    connection.execute(_FLAG_ARMS, {"id": profile_id})


def find_covered_profiles(
    connection: Connection, addresses: Iterable[str], carts: Iterable[str], checkouts: Iterable[str] = ()
) -> list[int]:
    """Profiles that an order with one of these addresses, carts or checkouts is about as well."""
    values = {"addresses": list(addresses), "carts": list(carts), "checkouts": list(checkouts)}
    return [int(row[0]) for row in connection.execute(_COVERED, values)]


def find_shared_addresses(connection: Connection, addresses: Iterable[str]) -> set[str]:
    """Those of `addresses` that more than one profile has."""
    return {row[0] for row in connection.execute(_SHARED, {"addresses": list(addresses)})}


def lock_addresses(connection: Connection, addresses: Iterable[str]) -> None:
    """Lets one transaction at a time decide about an address that several profiles have."""
    connection.execute(_LOCK_ADDRESSES, {"addresses": sorted(addresses)})


def find_profile_ids(connection: Connection, value: str) -> list[int]:
    """Profiles that `value` names: a user id, an anonymous id, an address or a profile id."""
    return [int(row[0]) for row in connection.execute(_FIND, {"value": value})]


def list_locales(connection: Connection, *, newest: int = 20_000, most: int = 12) -> list[str]:
    """The locales of the newest profiles, the most frequent first."""
    return [str(row[0]) for row in connection.execute(_LOCALES, {"newest": newest, "most": most})]


def count_profiles(connection: Connection) -> tuple[int, int]:
    """(known, anonymous) profiles, merged ones not counted."""
    known, anonymous = connection.execute(_COUNT).one()
    return int(known), int(anonymous)


def _columns(rows: Sequence[ProfileRow]) -> dict[str, Any]:
    return {
        "ids": [r.profile_id for r in rows],
        "user_ids": [r.user_id for r in rows],
        "emails": [r.email for r in rows],
        "zones": [r.zone for r in rows],
        "locales": [r.locale for r in rows],
        "traits": [json_text(dict(r.traits or {})) for r in rows],
    }
