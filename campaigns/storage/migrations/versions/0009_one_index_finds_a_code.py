"""One index finds a code"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ENDS = "COALESCE(expires_at, 'infinity'::timestamp with time zone)"


def upgrade() -> None:
    op.create_index("uq_coupon_codes_code_pool", "coupon_codes", [sa.text("upper(code)"), "pool"], unique=True)
    op.drop_index("uq_coupon_codes_pool_code", table_name="coupon_codes")
    op.drop_index("ix_coupon_codes_code", table_name="coupon_codes")
    op.drop_index("ix_coupon_codes_free", table_name="coupon_codes")
    free = sa.text("status = 'free'")
    op.create_index("ix_coupon_codes_free", "coupon_codes", ["pool", sa.text(ENDS), "code_id"], postgresql_where=free)


def downgrade() -> None:
    op.drop_index("ix_coupon_codes_free", table_name="coupon_codes")
    free = sa.text("status = 'free'")
    op.create_index("ix_coupon_codes_free", "coupon_codes", ["pool", "code_id"], postgresql_where=free)
    op.create_index("uq_coupon_codes_pool_code", "coupon_codes", ["pool", sa.text("upper(code)")], unique=True)
    op.create_index("ix_coupon_codes_code", "coupon_codes", [sa.text("upper(code)")])
    op.drop_index("uq_coupon_codes_code_pool", table_name="coupon_codes")
