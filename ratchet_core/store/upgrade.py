"""Bringing a database up to today's schema, once, however many processes start together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from ratchet_core.store.database import Database

_HERE: Final = Path(__file__).parent / "migrations"
#: Key of the PostgreSQL advisory lock under which one process at a time migrates.
_LOCK_KEY: Final = 0x52_41_54_43


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return config


def upgrade(database: Database) -> str:
    """Run the migrations that are missing; return the revision reached."""
    config = _config()
    with database.write() as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
        if _revision(connection) != head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return head()


def head() -> str:
    """Return the newest revision that the code knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(database: Database) -> str | None:
    """Return the revision that the database is at; None before the first."""
    with database.read() as connection:
        return _revision(connection)


def _revision(connection: object) -> str | None:
    options = {"version_table": "ratchet_schema_version"}
    return MigrationContext.configure(connection, opts=options).get_current_revision()  # type: ignore[arg-type]
