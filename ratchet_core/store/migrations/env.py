"""What Alembic runs: it gets an open connection from `store.upgrade` and the migration range."""

from __future__ import annotations

from alembic import context

from ratchet_core.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table="ratchet_schema_version",
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
