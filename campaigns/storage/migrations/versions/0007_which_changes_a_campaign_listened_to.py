"""Which changes of the catalog a campaign listened to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("catalog_changes", sa.Column("heard", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.execute(
        "COMMENT ON TABLE catalog_changes IS"
        " 'Price drops and returns to stock, how far shoppers were told, and whether a campaign listened'"
    )


def downgrade() -> None:
    op.drop_column("catalog_changes", "heard")
