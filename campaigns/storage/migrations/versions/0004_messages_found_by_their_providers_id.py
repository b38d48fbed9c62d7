"""Messages found by their provider's id: what webhooks name them by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("provider_id IS NOT NULL")
    op.create_index("ix_messages_provider_id", "messages", ["provider_id"], postgresql_where=where)
    op.execute("UPDATE feedback SET kind = 'clicked' WHERE kind = 'click'")
    op.execute("UPDATE feedback SET kind = 'opened' WHERE kind = 'open'")


def downgrade() -> None:
    op.drop_index("ix_messages_provider_id", table_name="messages")
