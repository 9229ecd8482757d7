"""Runs keep which span made them, so that their steps belong to the same trace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; rows of before have none."""
    op.add_column("runs", sa.Column("traceparent", sa.String(length=64), nullable=True))
