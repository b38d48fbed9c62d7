"""What changed in the catalog, and whom it concerns"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("COMMENT ON TABLE products IS 'The catalog; listed_at is empty for products that only events spoke of'")
    op.create_table(
        "catalog_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("was_minor", sa.BigInteger(), nullable=True),
        sa.Column("told_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("told", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_catalog_changes")),
        comment="Price drops and returns to stock, and how far the shoppers they concern have been told",
    )
    op.create_index(
        "ix_catalog_changes_open", "catalog_changes", ["change_id"], postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_index("ix_catalog_changes_noted_at", "catalog_changes", ["noted_at"])
    op.create_table(
        "interests",
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "profile_id", name=op.f("pk_interests")),
        comment="Who looked at, carted, wished or asked for which product, first and last (to the hour)",
    )
    op.create_table(
        "interest_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("done_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_xmax", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_interest_marks")),
        comment="How far interests are gathered from events, and the horizon to gather up to next",
    )


def downgrade() -> None:
    op.drop_table("interest_marks")
    op.drop_table("interests")
    op.drop_table("catalog_changes")
    op.drop_column("products", "listed_at")
