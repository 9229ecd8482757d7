"""Bringing a database up to today's schema, once, however many processes start together.

Alembic does it. Importing it takes a sixth of the time that a command takes to start, and nearly
every start finds nothing to do: so `migrate` is imported where there is.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table, text

from ratchet_core.errors import Unavailable
from ratchet_core.store.database import Database

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_FILE: Final = re.compile(r"v(\d{4})_\w+\.py")
_VERSION_TABLE: Final = "ratchet_schema_version"
#: Key of the PostgreSQL advisory lock under which one process at a time migrates.
_LOCK_KEY: Final = 0x52_41_54_43


def upgrade(database: Database) -> str:
    """Run the migrations that are missing; return the revision reached.

    Raises:
        Unavailable: a newer version of Ratchet has been at this database.
    """
    newest = head()
    with database.write() as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
        found = _revision(connection)
        if found is not None and found > newest:
            message = (
                f"the database is at schema {found}, which a newer version of Ratchet made; "
                f"this one knows {newest}: run the newer version, or restore a backup of before"
            )
            raise Unavailable(message)
        if found != newest:
            importlib.import_module("ratchet_core.store.migrate").migrate(connection)
    if found != newest:
        database.dispose()  # what its connections have prepared is of tables as they were
    return newest


def head() -> str:
    """Return the newest revision that the code knows: each file of `versions` names its own."""
    found = [named[1] for path in _VERSIONS.iterdir() if (named := _FILE.fullmatch(path.name))]
    return max(found)


def current(database: Database) -> str | None:
    """Return the revision that the database is at; None before the first."""
    with database.read() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    stored = table(_VERSION_TABLE, column("version_num"))
    return connection.scalar(select(stored.c.version_num))
