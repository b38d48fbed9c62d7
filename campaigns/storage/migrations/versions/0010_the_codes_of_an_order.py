"""The codes of an order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    named = sa.text("order_id IS NOT NULL")
    op.create_index("ix_coupon_codes_order_id", "coupon_codes", ["order_id"], postgresql_where=named)


def downgrade() -> None:
    op.drop_index("ix_coupon_codes_order_id", table_name="coupon_codes")
