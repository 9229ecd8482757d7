"""Outputs on their way to destinations, and which runs have some to hand over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.String(length=36)


def upgrade() -> None:
    """Create the tables; runs that have ended already deliver nothing."""
    op.add_column("runs", sa.Column("outbox", sa.SmallInteger()))
    _index("runs_outbox", "runs", ["completed_at"], "outbox = 1 AND completed_at IS NOT NULL")
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("namespace", sa.String(128), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("run_state", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("timeout_us", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("ready_at", sa.BigInteger()),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger()),
    )
    op.create_index("deliveries_created", "deliveries", ["created_at", "id"])
    op.create_index("deliveries_state", "deliveries", ["state", "created_at", "id"])
    op.create_index("deliveries_destination", "deliveries", ["destination", "created_at", "id"])
    op.create_index("deliveries_run", "deliveries", ["run_id"])
    _index("deliveries_ready", "deliveries", ["ready_at", "id"], "state = 'pending'")
    _index("deliveries_leased", "deliveries", ["lease_until"], "state = 'running'")
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", _ID, primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("details", sa.Text()),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("delivery_attempts_run", "delivery_attempts", ["run_id"])
    op.create_table(
        "disabled_destinations",
        sa.Column("destination", sa.String(128), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=False),
    )


def _index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
