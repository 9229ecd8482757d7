"""Migrations: what they make is the schema that the code speaks to, from every start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import ratchet_core.store.migrate
import ratchet_core.store.plugin_tables
from ratchet_core.errors import Unavailable
from ratchet_core.store.database import Database
from ratchet_core.store.schema import metadata
from ratchet_core.store.upgrade import current, head, upgrade


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def test_the_newest_file_is_the_head_that_alembic_finds() -> None:
    config = Config()
    here = Path(ratchet_core.store.migrate.__file__).parent / "migrations"
    config.set_main_option("script_location", str(here))

    assert ScriptDirectory.from_config(config).get_heads() == [head()]


def test_migrations_make_the_schema_of_the_code(empty: Database) -> None:
    assert current(empty) is None

    assert upgrade(empty) == head() == current(empty)

    with empty.read() as connection:
        options = {"version_table": "ratchet_schema_version"}
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
    # SQLite tells of no index that is in descending order: it looks made anew.
    told = [one for one in differences if getattr(one[1], "name", "") != "steps_ready"]
    assert (differences if empty.dialect == "postgresql" else told) == []


def test_several_at_once_upgrade_once(empty: Database, database_url: str) -> None:
    others = [Database(database_url) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        reached = list(pool.map(upgrade, [empty, *others]))
    for other in others:
        other.dispose()

    assert reached == [head()] * 4


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE ratchet_schema_version SET version_num = '9999'"))

    with pytest.raises(Unavailable, match=r"schema 9999, which a newer version of Ratchet made"):
        upgrade(database)
    assert current(database) == "9999"


def test_a_start_that_finds_nothing_to_do_imports_no_alembic(database: Database) -> None:
    code = (
        "import sys\n"
        "import ratchet_core.runtime\n"
        "from ratchet_core.store.database import Database\n"
        "from ratchet_core.store.upgrade import upgrade\n"
        "upgrade(Database(sys.argv[1]))\n"
        "print('alembic' in sys.modules)\n"
    )

    said = subprocess.run(
        [sys.executable, "-c", code, database.url], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "False"
