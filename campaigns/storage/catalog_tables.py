"""The tables of what changed in the catalog, and whom it concerns."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from campaigns.storage.columns import at, metadata

catalog_changes = Table(
    "catalog_changes",
    metadata,
    Column("change_id", BigInteger, Identity(), primary_key=True),
    Column("product_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    at("changed_at"),
    at("noted_at"),
    Column("price_minor", BigInteger),
    Column("was_minor", BigInteger),
    Column("told_until", BigInteger, nullable=False, server_default=text("0")),
    Column("told", Integer, nullable=False, server_default=text("0")),
    at("finished_at", nullable=True),
    Column("heard", Boolean, nullable=False, server_default=text("true")),
    Index("ix_catalog_changes_open", "change_id", postgresql_where=text("finished_at IS NULL")),
    Index("ix_catalog_changes_noted_at", "noted_at"),
    comment="Price drops and returns to stock, how far shoppers were told, and whether a campaign listened",
)

interests = Table(
    "interests",
    metadata,
    Column("product_id", Text, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    at("first_at"),
    at("last_at"),
    PrimaryKeyConstraint("product_id", "profile_id"),
    comment="Who looked at, carted, wished or asked for which product, first and last (to the hour)",
)

interest_marks = Table(
    "interest_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("done_id", BigInteger, nullable=False),
    Column("seen_id", BigInteger, nullable=False),
    Column("seen_xmax", BigInteger, nullable=False),
    at("seen_at", nullable=True),
    at("done_at", nullable=True),
    at("since_at"),
    comment="How far interests are gathered from events, and the horizon to gather up to next",
)
