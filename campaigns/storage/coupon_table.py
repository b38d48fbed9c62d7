"""The table of coupon codes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Table, Text, text

from campaigns.storage.columns import at, metadata, one_of

ENDS: Final = "COALESCE(expires_at, 'infinity'::timestamp with time zone)"
"""When a code ends, as the index of free codes has it."""

coupon_codes = Table(
    "coupon_codes",
    metadata,
    Column("code_id", BigInteger, Identity(), primary_key=True),
    Column("pool", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("status", Text, nullable=False),
    at("added_at"),
    at("expires_at", nullable=True),
    Column("message_ref", Text),
    at("reserved_at", nullable=True),
    at("valid_until", nullable=True),
    Column("in_doubt", Boolean, nullable=False, server_default=text("false")),
    at("redeemed_at", nullable=True),
    Column("order_id", Text),
    Column("order_minor", BigInteger),
    one_of("status", "free", "reserved", "redeemed"),
    Index("uq_coupon_codes_code_pool", text("upper(code)"), "pool", unique=True),
    Index("ix_coupon_codes_free", "pool", text(ENDS), "code_id", postgresql_where=text("status = 'free'")),
    Index("uq_coupon_codes_message_ref", "message_ref", unique=True, postgresql_where=text("message_ref IS NOT NULL")),
    Index("ix_coupon_codes_order_id", "order_id", postgresql_where=text("order_id IS NOT NULL")),
    comment="Coupon codes: which are free, which message carries which, which came back with an order",
)
