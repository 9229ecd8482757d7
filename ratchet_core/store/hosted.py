"""Writing inside a transaction that somebody else's application has opened.

Whether it is a transaction on our database, whether it can be rolled back, and how to write in it
what another transaction may be writing too. Opening and ending it is the application's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final, TypeVar

from sqlalchemy import text

from ratchet_core.errors import ConfigurationError
from ratchet_core.store.database import Database, Tx, sqlstate

Result = TypeVar("Result")

_UNIQUE_VIOLATION: Final = "23505"
_DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg"}
#: Names a database and our tables in it, whatever address and search path a session came by.
_IDENTITY: Final = {
    "sqlite": "SELECT file FROM pragma_database_list WHERE name = 'main'",
    "postgresql": "SELECT pg_postmaster_start_time()::text, current_database(), "
    "to_regclass('runs')::oid::bigint",
}
#: Key of `Connection.info` under which a connection that was looked at is remembered.
_SEEN: Final = "ratchet_identity"


def join(database: Database, connection: Tx) -> None:
    """Check a host's transaction, and make sure that what is written in it can be rolled back.

    Raises:
        ConfigurationError: no transaction is open, it commits by itself, or it is on another
            database or driver than ours.
    """
    driver = connection.dialect.driver
    if connection.dialect.name != database.dialect or driver != _DRIVERS[database.dialect]:
        wanted = f"{database.dialect}+{_DRIVERS[database.dialect]}"
        message = f"The connection is of {connection.dialect.name}+{driver}, Ratchet's of {wanted}"
        raise ConfigurationError(f"{message}; a run can only join a transaction on its database")
    raw: Any = connection.connection.driver_connection
    if not connection.in_transaction() or getattr(raw, "autocommit", False) is True:
        message = "The connection has no open transaction that a run could join; begin one first"
        raise ConfigurationError(message)
    _refuse_another(database, connection)
    if database.dialect == "sqlite" and not raw.in_transaction:
        # SQLAlchemy has begun, but the driver does so only with the first change
        raw.execute("BEGIN IMMEDIATE")


def _refuse_another(database: Database, connection: Tx) -> None:
    if connection.info.get(_SEEN) is database:
        return
    with database.read() as own:
        ours = _identity(own)
    theirs = _identity(connection)
    if theirs != ours:
        message = "The transaction is on another database than Ratchet's, or on another schema"
        raise ConfigurationError(f"{message}; give both the same database and search path")
    connection.info[_SEEN] = database


def _identity(connection: Tx) -> tuple[Any, ...]:
    return tuple(connection.execute(text(_IDENTITY[connection.dialect.name])).one())


def write_beside_others(connection: Tx, work: Callable[[], Result]) -> Result:
    """Do `work`; once more where another transaction has meanwhile written the same key.

    On SQLite nobody else writes while this transaction does.

    Args:
        connection: in the host's transaction.
        work: looks for a row before it writes it.
    """
    is_alone = connection.dialect.name == "sqlite"
    try:
        with nullcontext() if is_alone else connection.begin_nested():
            return work()
    except Exception as error:
        if is_alone or sqlstate(error) != _UNIQUE_VIOLATION:
            raise
    return work()
