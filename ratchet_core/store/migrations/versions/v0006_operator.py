"""Annotations of runs, and what operators changed in the definition of one run's step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table with its indexes, and add a column that is empty for what is stored."""
    op.create_table(
        "annotations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("principal", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("annotations_run", "annotations", ["run_id", "created_at", "id"])
    op.create_index("annotations_type", "annotations", ["type", "run_id"])
    op.add_column("steps", sa.Column("changes", sa.Text(), nullable=True))
