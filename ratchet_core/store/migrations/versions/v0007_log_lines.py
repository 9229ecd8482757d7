"""Lines that attempts have logged, one row each; those kept beside their attempts move there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LEVEL = "CASE {level} WHEN 'debug' THEN 10 WHEN 'warning' THEN 30 WHEN 'error' THEN 40 ELSE 20 END"
_SQLITE_AT = (
    "CAST(round((julianday(j.value ->> '$.at') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
)
_MOVE = {
    "sqlite": f"""
        INSERT INTO log_lines
            (run_id, attempt_id, namespace, name, step, attempt, level, at, message)
        SELECT a.run_id, a.id, a.namespace, a.name, a.step, a.number,
            {_LEVEL.format(level="j.value ->> '$.level'")},
            coalesce({_SQLITE_AT}, a.started_at), j.value ->> '$.message'
        FROM attempts a, json_each(a.logs) j
        WHERE a.logs IS NOT NULL AND j.value ->> '$.message' IS NOT NULL
        ORDER BY a.started_at, a.id, j.key
    """,  # noqa: S608 - constants
    "postgresql": f"""
        INSERT INTO log_lines
            (run_id, attempt_id, namespace, name, step, attempt, level, at, message)
        SELECT a.run_id, a.id, a.namespace, a.name, a.step, a.number,
            {_LEVEL.format(level="j.value ->> 'level'")},
            CAST(extract(epoch FROM CAST(j.value ->> 'at' AS timestamptz)) * 1000000 AS BIGINT),
            j.value ->> 'message'
        FROM attempts a,
            json_array_elements(CAST(a.logs AS json)) WITH ORDINALITY AS j(value, place)
        WHERE a.logs IS NOT NULL AND j.value ->> 'message' IS NOT NULL
        ORDER BY a.started_at, a.id, j.place
    """,  # noqa: S608 - constants
}


def upgrade() -> None:
    """Create the table and its indexes, move what is kept, and drop the column it was kept in."""
    op.create_table(
        "log_lines",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("attempt_id", sa.String(length=36), nullable=False),
        sa.Column("namespace", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("step", sa.String(length=128), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("logger", sa.String(length=128), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.execute(sa.text(_MOVE[op.get_bind().dialect.name]))
    op.drop_column("attempts", "logs")
    op.create_index("log_lines_run", "log_lines", ["run_id", "sequence"])
    op.create_index("log_lines_attempt", "log_lines", ["attempt_id", "sequence"])
    op.create_index("log_lines_workflow", "log_lines", ["namespace", "name", "sequence"])
    op.create_index(
        "log_lines_grave",
        "log_lines",
        ["sequence"],
        sqlite_where=sa.text("level >= 30"),
        postgresql_where=sa.text("level >= 30"),
    )
