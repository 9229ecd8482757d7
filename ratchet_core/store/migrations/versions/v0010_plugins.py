"""What processes tell about their plugins, and how far each subscriber of events has come.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "plugin_reports",
        sa.Column("process", sa.String(36), primary_key=True),
        sa.Column("plugin", sa.String(255), primary_key=True),
        sa.Column("place", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("overruns", sa.BigInteger(), nullable=False),
        sa.Column("spent_us", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("plugin_reports_at", "plugin_reports", ["at"])
    op.create_table(
        "event_cursors",
        sa.Column("subscriber", sa.String(255), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(36)),
        sa.Column("lease_until", sa.BigInteger()),
    )
