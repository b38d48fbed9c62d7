"""Room beside outbox rows: a message changes four times on its way, and stays on its page"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE messages SET (fillfactor = 60)")


def downgrade() -> None:
    op.execute("ALTER TABLE messages RESET (fillfactor)")
