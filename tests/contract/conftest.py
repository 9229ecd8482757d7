"""Every contract of the engine is checked on both databases."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import inspect
from sqlalchemy.engine import URL

from ratchet_core.store.database import Database
from ratchet_core.store.upgrade import head, upgrade
from tests.contract.engine_house import House
from tests.servers import DatabasePool, drop_everything

#: Names the schema; it is left as it is.
VERSION_TABLE: Final = "ratchet_schema_version"
#: Tables that number their rows, and go on after all are deleted.
NUMBERED: Final = frozenset({"audit", "journal", "log_lines"})


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Name the database that this test is about."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without any schema."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return create()


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an SQLite database at today's schema, to be copied."""
    path = tmp_path_factory.mktemp("upgraded") / "ratchet.db"
    made = Database(f"sqlite:///{path}")
    upgrade(made)
    made.dispose()  # the last one to leave puts everything into the one file
    return path


def empty_tables(tables: frozenset[str], connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Empty these tables and begin their numbers anew; drop everything of another schema."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    is_whole = {name for (name,) in found} == tables
    named = sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(VERSION_TABLE))
    if not is_whole or connection.execute(named).fetchall() != [(head(),)]:
        drop_everything(connection)
        return
    asked = sql.SQL("SELECT EXISTS (SELECT FROM {})")
    used = [
        sql.Identifier(name)
        for name in sorted(tables - {VERSION_TABLE})
        if name in NUMBERED
        or connection.execute(asked.format(sql.Identifier(name))).fetchone() == (True,)
    ]
    connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(used)))


@pytest.fixture(scope="session")
def upgraded_databases(postgres_server_url: URL, upgraded_file: Path) -> Iterator[DatabasePool]:
    """Give a pool of databases that keep their schema: migrations take longer than most tests."""
    made = Database(f"sqlite:///{upgraded_file}")
    tables = frozenset(inspect(made.engine).get_table_names())
    made.dispose()
    with contextlib.ExitStack() as stack:
        yield DatabasePool(postgres_server_url, stack, functools.partial(empty_tables, tables))


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give a database at today's schema, without a row."""
    with contextlib.ExitStack() as stack:
        if backend == "sqlite":
            copied = shutil.copy(request.getfixturevalue("upgraded_file"), tmp_path / "ratchet.db")
            url = f"sqlite:///{copied}"
        else:
            pool: DatabasePool = request.getfixturevalue("upgraded_databases")
            url = stack.enter_context(pool.lend())
        database = Database(url)
        upgrade(database)
        yield database
        database.dispose()


@pytest.fixture
def house(database: Database) -> House:
    return House(database)
