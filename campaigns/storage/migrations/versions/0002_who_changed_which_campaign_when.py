"""Who changed which campaign when"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("moved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "what IN ('applied', 'paused', 'resumed', 'retired')", name=op.f("ck_campaign_changes_what")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_campaign_changes")),
        comment="Who changed which campaign when",
    )
    op.create_index("ix_campaign_changes_campaign_id", "campaign_changes", ["campaign_id"], unique=False)
    op.execute(
        "INSERT INTO campaign_changes (campaign_id, version, what, changed_at, changed_by)"
        " SELECT campaign_id, version, 'applied', applied_at, applied_by FROM campaign_versions ORDER BY applied_at"
    )


def downgrade() -> None:
    op.drop_index("ix_campaign_changes_campaign_id", table_name="campaign_changes")
    op.drop_table("campaign_changes")
