"""The connections of a host application: its transactions begin and end as SQLAlchemy has it."""

from __future__ import annotations

from sqlalchemy import Engine

from ratchet_core.store.database import Database


def host_engine(database: Database) -> Engine:
    """Return an engine over the pool of a database; Ratchet's own opens transactions by hand."""
    if database.dialect == "sqlite":
        return database.engine
    return database.engine.execution_options(isolation_level="READ COMMITTED")
