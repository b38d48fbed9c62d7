"""What experiments draw on: profiles that are there keep drawing on their id, and nobody changes sides"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "What experiments draw on; NULL: on profile_id, as before there were keys"
    op.add_column("profiles", sa.Column("assignment_key", sa.Text(), nullable=True, comment=comment))


def downgrade() -> None:
    op.drop_column("profiles", "assignment_key")
