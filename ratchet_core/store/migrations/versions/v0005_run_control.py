"""Pauses of queues and workflows, deadlines and reruns of runs, keys of schedules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of pauses, and add columns that are empty for what is stored."""
    op.create_table(
        "pauses",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("paused_by", sa.String(length=255), nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject"),
    )
    op.add_column("runs", sa.Column("rerun_of", sa.String(length=36), nullable=True))
    op.add_column("runs", sa.Column("deadline_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "runs_deadline",
        "runs",
        ["deadline_at"],
        sqlite_where=sa.text("deadline_at IS NOT NULL AND completed_at IS NULL"),
        postgresql_where=sa.text("deadline_at IS NOT NULL AND completed_at IS NULL"),
    )
    op.create_index(
        "runs_scheduled",
        "runs",
        ["scheduled_for"],
        sqlite_where=sa.text("scheduled_for IS NOT NULL"),
        postgresql_where=sa.text("scheduled_for IS NOT NULL"),
    )
    op.add_column("schedules", sa.Column("principal", sa.String(length=255), nullable=True))
    op.add_column("schedules", sa.Column("idempotency_key", sa.String(length=255), nullable=True))
    op.add_column("schedules", sa.Column("request_hash", sa.String(length=64), nullable=True))
    op.create_index(
        "schedules_idempotency",
        "schedules",
        ["principal", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
