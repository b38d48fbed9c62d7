"""Coupon codes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupon_codes",
        sa.Column("code_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_ref", sa.Text(), nullable=True),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_doubt", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("order_minor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('free', 'reserved', 'redeemed')", name=op.f("ck_coupon_codes_status")),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_coupon_codes")),
        comment="Coupon codes: which are free, which message carries which, which came back with an order",
    )
    free, told = sa.text("status = 'free'"), sa.text("message_ref IS NOT NULL")
    op.create_index("uq_coupon_codes_pool_code", "coupon_codes", ["pool", sa.text("upper(code)")], unique=True)
    op.create_index("ix_coupon_codes_free", "coupon_codes", ["pool", "code_id"], postgresql_where=free)
    op.create_index("uq_coupon_codes_message_ref", "coupon_codes", ["message_ref"], unique=True, postgresql_where=told)
    op.create_index("ix_coupon_codes_code", "coupon_codes", [sa.text("upper(code)")])


def downgrade() -> None:
    op.drop_table("coupon_codes")
