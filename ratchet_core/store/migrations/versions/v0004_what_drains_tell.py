"""What drains tell of themselves: the step handlers that they provide, and their last renewal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns; drains of an older version leave them empty."""
    op.add_column("drains", sa.Column("handlers", sa.Text(), nullable=True))
    op.add_column("drains", sa.Column("renewed_at", sa.BigInteger(), nullable=True))
