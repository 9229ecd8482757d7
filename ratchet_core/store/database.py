"""Connections and transactions on SQLite and PostgreSQL, and what each needs to behave.

SQLite: every write transaction of every process first takes one file lock, because the kernel
wakes waiters at once and frees it on death, while SQLite's own waiting sleeps for long
(architecture.md section 3).
"""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Row, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from ratchet_core.errors import ConfigurationError, Unavailable
from ratchet_core.store.other_clock import go_by
from ratchet_core.store.pool import ConnectionPool, PoolSize
from ratchet_core.store.write_lock import WriteLock

if TYPE_CHECKING:  # SQLite needs no psycopg
    from ratchet_core.store.wire import Wire

#: A row of any shape.
AnyRow = Row[*tuple[Any, ...]]
#: An open transaction, as `engine` passes it on without looking into it.
Tx = Connection
Result = TypeVar("Result")

#: SQLSTATEs after which a whole transaction is tried again: serialization, deadlock, and a prepared
#: statement that was forgotten.
_RETRIED: Final = frozenset({"40001", "40P01", "26000"})
#: The same, and unique violations: for work that looks for the row before it writes it.
RETRIED_WITH_DOUBLES: Final = _RETRIED | {"23505"}
_TRIES: Final = 8
_NO_ANSWER: Final = "the database does not answer; try again"
#: Settings of every PostgreSQL session. Every statement of ours is served by an index; the planner
#: thinks otherwise while tables are small, keeps that plan for a prepared statement, and then reads
#: whole tables. What no index serves then seems dear enough to be compiled, for 50 ms: nothing is.
#: No transaction may be forgotten open. What is answered for is on disk, also where a server is set
#: to answer earlier.
_SESSION: Final = (
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off "
    "-c timezone=UTC "
    "-c idle_in_transaction_session_timeout=60000 -c synchronous_commit=on"
)
#: Key of `Connection.info` for its `Wire`; it goes with the connection.
_WIRE: Final = "ratchet_wire"
#: Begins a transaction whose statements all see the same state.
_STILL: Final = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ"}
_CONNECT_ARGS: Final = {
    "connect_timeout": 5,  # a lost server must not hang a drain
    "keepalives_idle": 30,
    "options": _SESSION,
}


class Companion(Protocol):
    """What is written with the change that somebody makes, or not at all."""

    def write(self, tx: Tx) -> None:
        """Write it as the last part of a transaction; the transaction may be done again."""
        ...

    def committed(self) -> None:
        """Take note that the transaction is committed."""
        ...


def nobody() -> None:
    """Stand in for who accompanies a transaction where nobody does."""


class Database:
    """One database, its pool of connections and its way of writing.

    Args:
        url: as SQLAlchemy reads it.
        pool: how many connections are held.
        now_us: the time that SQLite is to go by, in whole milliseconds as microseconds since
            1970; None leaves it to the database.

    Raises:
        ConfigurationError: the URL is of no database that is supported, or PostgreSQL is to go
            by another time than its own.
    """

    def __init__(
        self, url: str, pool: PoolSize | None = None, now_us: Callable[[], int] | None = None
    ) -> None:
        pool = pool or PoolSize()
        #: Asked at each write transaction who accompanies it.
        self.companion: Callable[[], Companion | None] = nobody
        self.url = url
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            self.path: Path | None = _sqlite_path(parsed.database)
            self.engine = _sqlite_engine(url, pool)
            if now_us is not None:
                go_by(self.engine, now_us)
            self._lock: WriteLock | None = WriteLock(self.path.with_name(self.path.name + ".lock"))
        elif self.dialect == "postgresql":
            if now_us is not None:
                raise ConfigurationError("database.url: only SQLite can go by another clock")
            self.path = None
            self.engine = _postgresql_engine(url, pool)
            self._lock = None
        else:
            message = f"database.url: '{self.dialect}' is not supported; use sqlite or postgresql"
            raise ConfigurationError(message)
        # what the driver itself raises; only SQLAlchemy knows which one it has imported
        self._driver_error: type[Exception] = self.engine.dialect.loaded_dbapi.OperationalError

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a read-only look at the database; each statement sees the newest state."""
        with (
            translated_errors(self._driver_error),
            self.engine.connect() as connection,
            _dropped_if_lost(connection),
        ):
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """Open a read-only look in which all statements see one and the same state; keep it short.

        Only the database's clock goes on.
        """
        with self.read() as connection:
            connection.exec_driver_sql(_STILL[self.dialect])
            try:
                with _dropped_if_lost(connection):
                    yield connection
            finally:
                if not connection.invalidated:
                    # nothing was written; after a ROLLBACK psycopg prepares everything anew
                    connection.exec_driver_sql("COMMIT")

    @contextmanager
    def write(
        self,
        *,
        durable: bool = True,
        polite: bool = False,
        pipelined: bool = False,
        single: bool = False,
    ) -> Iterator[Tx]:
        """Open a write transaction; it commits at the end of the block, or rolls back.

        Args:
            durable: the commit must survive a power cut. False lets SQLite answer earlier:
                a power cut then loses the newest such commits, but never a part of one.
            polite: let others who wait for the lock go first (drains do).
            pipelined: PostgreSQL: statements travel together, the first with BEGIN, the last
                with COMMIT. Only statements of `store.driver` may be used.
            single: PostgreSQL: one statement writes, and is a transaction of its own.
        """
        companion = self.companion()
        single = single and companion is None
        with self._written(durable, polite, pipelined, single) as connection:
            yield connection
            if companion is not None:
                companion.write(connection)
        if companion is not None:
            companion.committed()

    @contextmanager
    def _written(
        self,
        durable: bool,  # noqa: FBT001 - as `write` has them
        polite: bool,  # noqa: FBT001
        pipelined: bool,  # noqa: FBT001
        single: bool,  # noqa: FBT001
    ) -> Iterator[Tx]:
        if self._lock is None:
            with self.read() as connection:
                if single:
                    yield connection
                    return
                with wire_of(connection).transaction(piped=pipelined):
                    yield connection
            return
        with translated_errors(self._driver_error), self.engine.connect() as connection:
            _set_synchronous(connection, durable=durable)
            raw: Any = connection.connection.driver_connection  # SQLAlchemy's way costs more
            with self._lock.held(polite=polite):
                raw.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    if raw.in_transaction:
                        raw.execute("ROLLBACK")
                    raise
                raw.execute("COMMIT")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for our turn to write, for a transaction that somebody else opens in the block.

        SQLite: the file lock, which has to be taken before the transaction begins: whoever took it
        later would wait for those who hold it and wait for SQLite. PostgreSQL needs none.
        """
        if self._lock is None:
            yield
            return
        with self._lock.held(polite=False):
            yield

    def transact(
        self,
        work: Callable[[Tx], Result],
        *,
        durable: bool = True,
        polite: bool = False,
        pipelined: bool = False,
        single: bool = False,
        retried: frozenset[str] = _RETRIED,
    ) -> Result:
        """Do `work` in one transaction; again as a whole where the database asks for it.

        Args:
            work: must have no effect but on the transaction.
            durable: as in `write`.
            polite: as in `write`.
            pipelined: as in `write`.
            single: as in `write`.
            retried: SQLSTATEs after which the work is done again.
        """
        for attempt in range(_TRIES):
            try:
                with self.write(
                    durable=durable, polite=polite, pipelined=pipelined, single=single
                ) as tx:
                    return work(tx)
            except Exception as error:
                if attempt == _TRIES - 1 or sqlstate(error) not in retried:
                    raise
                time.sleep(random.uniform(0.001, 0.01) * (attempt + 1))  # noqa: S311 - spread
        message = "unreachable: the last try returns or raises"
        raise AssertionError(message)

    def dispose(self, *, close: bool = True) -> None:
        """Drop the pool; with close=False leave a parent's connections alone (after a fork)."""
        self.engine.dispose(close=close)

    def checkpoint_if_over(self, limit_bytes: int) -> bool:
        """SQLite: empty the write-ahead log when it has grown past the limit."""
        if self.path is None:
            return False
        log = self.path.with_name(self.path.name + "-wal")
        try:
            if log.stat().st_size <= limit_bytes:
                return False
        except FileNotFoundError:
            return False
        self.checkpoint()  # what is left for the next line, which holds everybody up, is little
        with self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return True

    def checkpoint(self) -> None:
        """SQLite: copy the write-ahead log into the database; others read and write meanwhile.

        Who commits when the log has grown has to do it with everybody waiting. Whoever makes it
        grow fast should do it first.
        """
        if self.path is not None:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def sqlstate(error: Exception) -> str | None:
    """Return the SQLSTATE of an error of the driver, wrapped by SQLAlchemy or not."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None)


@contextmanager
def translated_errors(driver_error: type[Exception]) -> Iterator[None]:
    """Turn a database that cannot be reached into `Unavailable`; other errors pass.

    Args:
        driver_error: of statements that go by no SQLAlchemy.
    """
    try:
        yield
    except OperationalError as error:
        if error.connection_invalidated or _is_unreachable(error.orig):
            raise Unavailable(_NO_ANSWER, 2.0) from error
        raise
    except driver_error as error:
        if _is_unreachable(error):
            raise Unavailable(_NO_ANSWER, 2.0) from error
        raise


@contextmanager
def _dropped_if_lost(connection: Connection) -> Iterator[None]:
    """Keep a connection that the server has left from going back into the pool.

    SQLAlchemy sees no error of `store.driver`: it would reset the connection, and log how that
    fails with a traceback. In a transaction it meets the error when it rolls back.
    """
    try:
        yield
    except BaseException:
        if not connection.invalidated:
            raw: Any = connection.connection.driver_connection
            if getattr(raw, "closed", False):  # sqlite3 has no such thing
                connection.invalidate()
                pool = connection.engine.pool
                if isinstance(pool, ConnectionPool):
                    pool.drop_idle()  # who left one may have left all
        raise


def wire_of(connection: Tx) -> Wire:
    """Return how statements reach PostgreSQL over a connection; it is kept with it."""
    wire: Wire | None = connection.info.get(_WIRE)
    if wire is None:
        made = importlib.import_module("ratchet_core.store.wire").Wire  # SQLite needs no psycopg
        wire = connection.info[_WIRE] = made(connection.connection.driver_connection)
    return wire


def _is_unreachable(error: BaseException | None) -> bool:
    text = str(error).lower()
    return any(
        sign in text
        for sign in ("connection", "could not translate", "database is locked", "starting up")
    )


def _sqlite_path(database: str | None) -> Path:
    if not database or ":memory:" in database or "mode=memory" in database:
        message = (
            "database.url: an in-memory SQLite database cannot be shared by the API server and "
            "the workers; name a file, such as sqlite:///ratchet.db"
        )
        raise ConfigurationError(message)
    path = Path(database).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _sqlite_engine(url: str, pool: PoolSize) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",  # transactions are opened by hand, as IMMEDIATE
        poolclass=ConnectionPool,
        size=pool,
        connect_args={"timeout": 30, "check_same_thread": False},
        query_cache_size=1500,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=OFF",
            "cache_size=-32000",
            "temp_store=MEMORY",
            "mmap_size=268435456",
            "wal_autocheckpoint=4000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _set_synchronous(connection: Connection, *, durable: bool) -> None:
    wanted = "FULL" if durable else "NORMAL"
    if connection.info.get("synchronous") != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted


def _postgresql_engine(url: str, pool: PoolSize) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",  # a look needs no transaction; the others are opened by hand
        poolclass=ConnectionPool,
        size=pool,
        pool_recycle=round(pool.lifetime_s),
        pool_reset_on_return=None,  # below, where there is something to reset
        connect_args=_CONNECT_ARGS,
        query_cache_size=1500,
    )

    @event.listens_for(engine, "reset")
    def _reset(connection: Any, _record: ConnectionPoolEntry, _state: Any) -> None:
        if connection.info.transaction_status.name != "IDLE":
            connection.rollback()

    return engine
