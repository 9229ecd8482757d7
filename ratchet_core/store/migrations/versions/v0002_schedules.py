"""Schedules, and the index that tells whether one has a run under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of schedules, its indexes and one on runs."""
    op.create_table(
        "schedules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=True),
        sa.Column("namespace", sa.String(length=128), nullable=False),
        sa.Column("workflow", sa.String(length=128), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("cron_expression", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=100), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("output_destinations", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("catchup", sa.String(length=8), nullable=False),
        sa.Column("max_catchup", sa.Integer(), nullable=False),
        sa.Column("overlap", sa.String(length=8), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("max_runs", sa.Integer(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("last_run_id", sa.String(length=36), nullable=True),
        sa.Column("runs_made", sa.Integer(), nullable=False),
        sa.Column("runs_skipped", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("source_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("schedules_created", "schedules", ["created_at", "id"])
    op.create_index(
        "schedules_workflow", "schedules", ["namespace", "workflow", "created_at", "id"]
    )
    _partial("schedules_name", "schedules", ["name"], "name IS NOT NULL", unique=True)
    _partial("schedules_due", "schedules", ["next_at", "id"], "next_at IS NOT NULL")
    _partial("schedules_waiting", "schedules", ["id"], "waiting IS NOT NULL")
    live = "schedule_id IS NOT NULL AND completed_at IS NULL"
    _partial("runs_schedule_live", "runs", ["schedule_id"], live)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE schedules SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, "
            "autovacuum_vacuum_threshold = 500)"
        )


def _partial(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
