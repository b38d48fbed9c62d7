"""Every table of the database, in SQLAlchemy Core. The migrations create exactly these (a test compares)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from campaigns.storage.catalog_tables import catalog_changes, interest_marks, interests
from campaigns.storage.columns import at as _at
from campaigns.storage.columns import json as _json
from campaigns.storage.columns import metadata
from campaigns.storage.columns import one_of as _one_of
from campaigns.storage.coupon_table import coupon_codes

__all__ = ["catalog_changes", "coupon_codes", "interest_marks", "interests", "metadata"]

# -- what comes in -------------------------------------------------------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    Column("inbox_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    _at("received_at"),
    Column("event_count", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("body", LargeBinary, nullable=False),
    comment="Raw accepted batches; a row is deleted in the transaction that applies it",
)

rejects = Table(
    "rejects",
    metadata,
    Column("reject_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    _at("received_at"),
    Column("message_id", Text),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Index("ix_rejects_received_at", "received_at"),
    comment="Events that were refused, for the debugger page; bounded retention",
)

event_keys = Table(
    "event_keys",
    metadata,
    Column("source", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    _at("received_at"),
    PrimaryKeyConstraint("source", "message_id"),
    Index("ix_event_keys_received_at", "received_at", postgresql_using="brin"),
    comment="Which events were seen; un-partitioned, bounded retention",
)

events = Table(
    "events",
    metadata,
    Column("event_id", BigInteger, Identity(), nullable=False),
    _at("occurred_at"),
    _at("received_at"),
    Column("profile_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    _json("payload"),
    PrimaryKeyConstraint("event_id", "occurred_at"),
    Index("ix_events_profile_id_occurred_at", "profile_id", "occurred_at"),
    postgresql_partition_by="RANGE (occurred_at)",
    comment="Every applied event, one partition a month",
)

# -- who -----------------------------------------------------------------------------------------------------------

profiles = Table(
    "profiles",
    metadata,
    Column("profile_id", BigInteger, Identity(), primary_key=True),
    Column("user_id", Text),
    Column("email", Text),
    Column("zone", Text),
    Column("locale", Text),
    _json("traits"),
    Column("merged_into", BigInteger),
    Column("merged_arms", Boolean, nullable=False, server_default=text("false")),
    Column("assignment_key", Text, comment="What experiments draw on; NULL: on profile_id, as before there were keys"),
    _at("created_at"),
    _at("updated_at"),
    Index("uq_profiles_user_id", "user_id", unique=True, postgresql_where=text("merged_into IS NULL")),
    Index("ix_profiles_email", "email", postgresql_where=text("email IS NOT NULL")),
    comment="A shopper; known once there is a user_id or an address",
)

identities = Table(
    "identities",
    metadata,
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "value"),
    Index("ix_identities_profile_id", "profile_id"),
    _one_of("kind", "anonymous", "user", "email"),
    comment="Which id belongs to which profile",
)

profile_states = Table(
    "profile_states",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    _json("state"),
    _at("last_event_at", nullable=True),
    _at("ordered_at", nullable=True),
    _at("updated_at"),
    postgresql_with={"fillfactor": "70"},
    comment="The folded state of a profile: carts, views, sessions, orders",
)

consents = Table(
    "consents",
    metadata,
    Column("profile_id", BigInteger, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    _at("changed_at"),
    PrimaryKeyConstraint("profile_id", "purpose"),
    comment="A permission, with where and when it was given or withdrawn",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", Text, nullable=False),
    Column("scope", Text, nullable=False, server_default=text("'all'")),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    _at("created_at"),
    PrimaryKeyConstraint("address", "scope"),
    _one_of("reason", "unsubscribe", "hard_bounce", "complaint", "manual"),
    comment="Addresses that get no mail; scope is 'all' or a campaign",
)

# -- what there is to sell -----------------------------------------------------------------------------------------

products = Table(
    "products",
    metadata,
    Column("product_id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("url", Text, nullable=False, server_default=text("''")),
    Column("image_url", Text, nullable=False, server_default=text("''")),
    Column("category", Text, nullable=False, server_default=text("''")),
    Column("brand", Text, nullable=False, server_default=text("''")),
    Column("price_minor", BigInteger),
    Column("list_price_minor", BigInteger),
    Column("currency", Text, nullable=False),
    Column("stock", Integer),
    Column("hidden", Boolean, nullable=False, server_default=text("false")),
    _at("published_at", nullable=True),
    _json("attributes"),
    _at("updated_at"),
    _at("listed_at", nullable=True),
    comment="The catalog; listed_at is empty for products that only events spoke of",
)

# -- what runs -----------------------------------------------------------------------------------------------------

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("campaign_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("definition", Text, nullable=False),
    Column("checksum", Text, nullable=False),
    _at("applied_at"),
    Column("applied_by", Text, nullable=False),
    PrimaryKeyConstraint("campaign_id", "version"),
    comment="Every version of every campaign file that was ever applied",
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    _at("changed_at"),
    Column("changed_by", Text, nullable=False),
    _one_of("status", "active", "paused", "retired"),
    comment="The version in force and whether it runs",
)

campaign_changes = Table(
    "campaign_changes",
    metadata,
    Column("change_id", BigInteger, Identity(), primary_key=True),
    Column("campaign_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("what", Text, nullable=False),
    _at("changed_at"),
    Column("changed_by", Text, nullable=False),
    Column("moved", Integer, nullable=False, server_default=text("0")),
    _one_of("what", "applied", "paused", "resumed", "retired"),
    Index("ix_campaign_changes_campaign_id", "campaign_id"),
    comment="Who changed which campaign when",
)

enrollments = Table(
    "enrollments",
    metadata,
    Column("enrollment_id", BigInteger, Identity(), primary_key=True),
    Column("campaign_id", Text, nullable=False),
    Column("campaign_version", Integer, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("step", Integer, nullable=False, server_default=text("0")),
    _at("entered_at"),
    _at("last_activity_at"),
    _at("anchor_at", nullable=True),
    _at("due_at", nullable=True),
    Column("touches", Integer, nullable=False, server_default=text("0")),
    Column("exit_reason", Text),
    _at("closed_at", nullable=True),
    _json("context"),
    UniqueConstraint("campaign_id", "profile_id", "key"),
    _one_of("status", "armed", "active", "completed", "exited"),
    Index("ix_enrollments_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_enrollments_profile_id_entered_at", "profile_id", "entered_at"),
    Index("ix_enrollments_key", "key", postgresql_where=text("due_at IS NOT NULL")),
    Index(
        "ix_enrollments_checkout",
        text("(context ->> 'checkout')"),
        postgresql_where=text("due_at IS NOT NULL AND (context ->> 'checkout') IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": "80"},
    comment="One profile's passage through one campaign; an armed row is a timer",
)

start_refusals = Table(
    "start_refusals",
    metadata,
    Column("profile_id", BigInteger, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _at("refused_at"),
    PrimaryKeyConstraint("profile_id", "campaign_id", "key", "reason"),
    comment="Campaigns that would have started and did not, with the reason",
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", BigInteger, Identity(), primary_key=True),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("campaign_version", Integer, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    _at("due_at"),
    _at("decided_at"),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _at("until", nullable=True),
    Column("variant", Text),
    _json("facts"),
    _json("slates", nullable=True),
    _one_of("outcome", "send", "ghost", "skip", "defer"),
    Index(
        "uq_decisions_enrollment_id_step",
        "enrollment_id",
        "step",
        unique=True,
        postgresql_where=text("outcome IN ('send', 'ghost', 'skip') AND reason <> 'exited'"),
    ),
    Index("ix_decisions_profile_id_decided_at", "profile_id", "decided_at"),
    Index("ix_decisions_campaign_id_decided_at", "campaign_id", "decided_at"),
    comment="Every decision with its reason and the facts it was based on",
)

messages = Table(
    "messages",
    metadata,
    Column("message_id", BigInteger, Identity(), primary_key=True),
    Column("message_ref", Text, nullable=False),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("preheader", Text, nullable=False, server_default=text("''")),
    Column("content", LargeBinary, nullable=False),
    _at("created_at"),
    _at("not_before", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("lease_token", Uuid),
    _at("lease_until", nullable=True),
    _at("handed_at", nullable=True),
    _at("sent_at", nullable=True),
    Column("provider_id", Text),
    Column("detail", Text),
    UniqueConstraint("enrollment_id", "step"),
    UniqueConstraint("message_ref"),
    _one_of(
        "status",
        "queued",
        "sending",
        "uncertain",
        "sent",
        "delivered",
        "bounced",
        "complained",
        "failed",
        "withdrawn",
    ),
    Index("ix_messages_queue", "message_id", postgresql_where=text("status IN ('queued', 'sending')")),
    Index("ix_messages_profile_id", "profile_id"),
    Index("ix_messages_address", "address"),
    Index("ix_messages_provider_id", "provider_id", postgresql_where=text("provider_id IS NOT NULL")),
    Index("ix_messages_created_at", "created_at"),
    postgresql_with={"fillfactor": "60"},
    comment="The outbox: one rendered email to one address, at most once per enrollment and step",
)

feedback = Table(
    "feedback",
    metadata,
    Column("feedback_id", BigInteger, Identity(), primary_key=True),
    Column("message_ref", Text, nullable=False),
    Column("kind", Text, nullable=False),
    _at("occurred_at"),
    Column("machine", Boolean, nullable=False, server_default=text("false")),
    Column("url", Text),
    _json("raw"),
    Index("ix_feedback_message_ref", "message_ref"),
    comment="What came back: delivered, bounced, complained, opened, clicked, unsubscribed",
)

conversions = Table(
    "conversions",
    metadata,
    Column("order_id", Text, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    _at("ordered_at"),
    PrimaryKeyConstraint("order_id", "enrollment_id", "step"),
    Index("ix_conversions_campaign_id_ordered_at", "campaign_id", "ordered_at"),
    comment="An order credited to a message (or to the ghost that stood in for one)",
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", Text, primary_key=True),
    _at("beat_at"),
    _json("facts"),
    comment="When each recurring job last ran, and what it saw",
)
