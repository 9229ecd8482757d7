"""Tests of the spellings of database URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_core.config import load_settings
from ratchet_core.config.database_url import is_in_memory, normalise
from ratchet_core.config.place import Place
from ratchet_core.errors import ConfigurationError

HERE = Place("file.yaml", "server.database.url", 3)


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("sqlite://data/ratchet.db", "sqlite:////w/data/ratchet.db"),
        ("sqlite://ratchet.db", "sqlite:////w/ratchet.db"),
        ("sqlite:ratchet.db", "sqlite:////w/ratchet.db"),
        ("sqlite:./ratchet.db", "sqlite:////w/ratchet.db"),
        ("sqlite:/srv/ratchet.db", "sqlite:////srv/ratchet.db"),
        ("sqlite:///var/lib/ratchet/ratchet.db", "sqlite:////var/lib/ratchet/ratchet.db"),
        ("sqlite:////var/lib/ratchet/ratchet.db", "sqlite:////var/lib/ratchet/ratchet.db"),
        ("sqlite:///./data/r.db", "sqlite:////w/data/r.db"),
        ("sqlite:////r.db", "sqlite:////r.db"),
        ("sqlite+pysqlite:////srv/r.db", "sqlite:////srv/r.db"),
        ("sqlite://data/ratchet.db?mode=rwc", "sqlite:////w/data/ratchet.db"),
        ("postgres://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgresql://h/d?sslmode=require", "postgresql+psycopg://h/d?sslmode=require"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
        ("POSTGRES://h/d", "postgresql+psycopg://h/d"),
    ],
)
def test_urls_are_written_as_sqlalchemy_reads_them(url: str, normalised: str) -> None:
    found = normalise(url, Path("/w"), HERE)

    assert found == normalised
    assert normalise(found, Path("/elsewhere"), HERE) == normalised


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("data/ratchet.db", "expected a URL such as sqlite://"),
        ("mysql://u:hunter2@h/d", "'mysql' is no database that Ratchet knows"),
        ("postgresql+asyncpg://u:hunter2@h/d", "the driver of 'postgresql+asyncpg' is not used"),
        ("postgres:h/d", "must be followed by '//'"),
        ("sqlite:///ratchet.db", "write sqlite://ratchet.db for the current directory"),
        ("sqlite://a.db?mode=ro", "takes no '?' options"),
        ("sqlite://a.db?cache=shared", "takes no '?' options"),
        ("http://x", "'http' is no database"),
        ("sqlite://../", "names a directory"),
    ],
)
def test_other_urls_are_refused_without_their_password(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        normalise(url, Path("/w"), HERE)

    assert caught.value.message.startswith("file.yaml:3: server.database.url: ")
    assert message in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        ":memory:",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite://",
        "sqlite::memory:?cache=shared",
        "sqlite:///x.db?mode=memory",
        "sqlite+pysqlite:///:memory:",
    ],
)
def test_a_database_in_memory_becomes_a_file_in_the_data_directory(
    url: str, tmp_path: Path
) -> None:
    environ = {"RATCHET_DATABASE_URL": url, "RATCHET_DATA_DIR": str(tmp_path / "d")}

    loaded = load_settings(None, environ, directory=tmp_path)

    assert is_in_memory(url)
    assert loaded.settings.database.url == f"sqlite:///{tmp_path}/d/ratchet.db"
    assert "cannot be shared by processes" in loaded.warnings[0].message


@pytest.mark.parametrize(
    "url", ["", "sqlite://memory", "sqlite://data/:memory:.db", "postgres://h/m"]
)
def test_other_databases_are_not_in_memory(url: str) -> None:
    assert not is_in_memory(url)
