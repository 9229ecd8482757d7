"""What each database is asked for before anybody relies on it: syncs, sessions, tables, locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.work import Assignment
from ratchet_core.errors import Unavailable
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.driver import Query, write_all
from ratchet_core.store.runs import ADD_JOURNAL
from ratchet_core.store.transitions import FREE_STEPS
from ratchet_core.store.write_lock import WriteLock
from tests.contract.engine_house import House, failure, workflow

#: Answers of `PRAGMA synchronous`.
NORMAL, FULL = 1, 2
#: Tables whose rows change all the time.
HOT = ("runs", "steps", "drains")


@pytest.fixture
def lite(house: House) -> House:
    """Give a house on SQLite."""
    if house.database.dialect != "sqlite":
        pytest.skip("what SQLite is asked for")
    return house


@pytest.fixture
def postgres(house: House) -> House:
    """Give a house on PostgreSQL."""
    if house.database.dialect != "postgresql":
        pytest.skip("what PostgreSQL is asked for")
    return house


class Syncs:
    """Goes with every write transaction and notes how it will be synced."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def write(self, tx: Tx) -> None:
        self.seen.append(int(tx.exec_driver_sql("PRAGMA synchronous").scalar_one()))

    def committed(self) -> None:
        """Nothing."""


def syncs_of(house: House, work: Callable[[], object]) -> list[int]:
    """Return how the transactions of `work` were synced."""
    syncs = Syncs()
    house.database.companion = lambda: syncs
    work()
    house.database.companion = lambda: None
    return syncs.seen


def test_an_accepted_run_is_synced_and_a_claim_is_not(lite: House) -> None:
    lite.define(single_step("one", "test"))
    drain = lite.drain()

    assert syncs_of(lite, lambda: lite.submit("one")) == [FULL]
    assert syncs_of(lite, drain.claim) == [NORMAL]


def test_the_end_of_a_run_is_synced_and_a_step_between_is_not(lite: House) -> None:
    lite.define(workflow("w", a=[], b=["a"]))
    lite.submit("w")
    drain = lite.drain()
    first = drain.claim()
    second: list[Assignment] = []

    assert syncs_of(lite, lambda: second.extend(drain.conclude(first).next)) == [NORMAL]
    assert syncs_of(lite, lambda: drain.conclude(second)) == [FULL]


def test_the_failure_of_a_run_is_synced(lite: House) -> None:
    lite.define(single_step("one", "test", step={"retryable": False}))
    lite.submit("one")
    drain = lite.drain()
    held = drain.claim()

    assert syncs_of(lite, lambda: drain.conclude(held, failure())) == [FULL]


def test_a_step_unsafe_to_repeat_is_synced_at_its_start_and_its_end(lite: House) -> None:
    unsafe = {"commit": "immediate"}
    lite.define(
        workflow("w", a={"commit": "immediate"}, b={"depends_on": ["a"], **unsafe}, c=["b"])
    )
    lite.submit("w")
    drain = lite.drain()
    [held] = drain.claim()
    start = lambda: lite.engine.note_start(drain.id, held, lite.core.new_id(), 0)  # noqa: E731

    assert syncs_of(lite, start) == [FULL]
    assert syncs_of(lite, lambda: drain.conclude([held])) == [FULL]


def test_the_stored_start_of_a_slow_step_is_not_synced(lite: House) -> None:
    lite.define(single_step("one", "test"))
    lite.submit("one")
    drain = lite.drain()
    [held] = drain.claim()
    start = lambda: lite.engine.note_start(drain.id, held, lite.core.new_id(), 0)  # noqa: E731

    assert syncs_of(lite, start) == [NORMAL]


class ObservedLock(WriteLock):
    """The lock itself, which notes who asked for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.politeness: list[bool] = []

    @contextmanager
    def held(self, *, polite: bool) -> Iterator[None]:
        self.politeness.append(polite)
        with super().held(polite=polite):
            yield


def test_drains_step_aside_and_submits_do_not(lite: House) -> None:
    assert lite.database.path is not None
    lock = lite.database._lock = ObservedLock(Path(f"{lite.database.path}.lock"))
    lite.define(single_step("one", "test"))
    drain = lite.drain()
    lock.politeness.clear()

    lite.submit("one")
    held = drain.claim()
    drain.conclude(held)

    assert lock.politeness == [False, True, True]


def test_every_write_waits_for_the_one_lock_before_its_transaction(lite: House) -> None:
    assert lite.database.path is not None
    lock = Path(f"{lite.database.path}.lock")
    entered = threading.Event()

    def write() -> None:
        with lite.database.write():
            entered.set()

    thread = threading.Thread(target=write)
    with WriteLock(lock).held(polite=False):
        thread.start()
        went_in = entered.wait(0.3)
        with lite.database.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # nobody is in SQLite's own queue
            connection.exec_driver_sql("ROLLBACK")
    thread.join(10)

    assert not went_in
    assert entered.is_set()


def test_looks_and_claims_of_nothing_wait_for_no_writer(lite: House) -> None:
    lite.define(single_step("one", "test"))
    drain = lite.drain()
    assert lite.database.path is not None
    found: list[object] = []
    thread = threading.Thread(
        target=lambda: found.extend([drain.claim(), lite.engine.has_ready(("default",))])
    )

    with WriteLock(Path(f"{lite.database.path}.lock")).held(polite=False):
        thread.start()
        thread.join(10)
        seen = list(found)

    assert seen == [[], False]


def test_a_log_that_grew_is_emptied_and_a_short_one_is_left(lite: House) -> None:
    lite.define(single_step("one", "test"))
    for _ in range(20):
        lite.submit("one")
    log = Path(f"{lite.database.path}-wal")
    size = log.stat().st_size

    assert not lite.database.checkpoint_if_over(size)
    assert log.stat().st_size == size
    assert lite.database.checkpoint_if_over(size - 1)
    assert log.stat().st_size == 0


def setting(database: Database, name: str) -> str:
    with database.read() as tx:
        return str(tx.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one())


def test_commits_are_synced_even_where_the_server_would_not(postgres: House) -> None:
    database = postgres.database
    with database.read() as tx:
        tx.exec_driver_sql(
            f'ALTER DATABASE "{database.engine.url.database}" SET synchronous_commit = off'
        )
    database.dispose()

    assert setting(database, "synchronous_commit") == "on"
    with database.read() as tx:
        tx.exec_driver_sql(
            f'ALTER DATABASE "{database.engine.url.database}" RESET synchronous_commit'
        )


def test_no_transaction_is_left_open_for_long(postgres: House) -> None:
    assert setting(postgres.database, "idle_in_transaction_session_timeout") == "1min"


@pytest.mark.parametrize("table", HOT)
def test_tables_whose_rows_change_all_the_time_are_cleared_often(
    postgres: House, table: str
) -> None:
    look = text("SELECT reloptions FROM pg_class WHERE relname = :table")
    with postgres.database.read() as tx:
        options = tx.execute(look, {"table": table}).scalar_one() or ()
    known = dict(option.split("=") for option in options)

    assert float(known["autovacuum_vacuum_scale_factor"]) <= 0.05
    assert int(known["fillfactor"]) < 100


def test_a_look_whose_session_the_server_ends_says_so_and_logs_no_traceback(
    postgres: House, caplog: pytest.LogCaptureFixture
) -> None:
    look = Query("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable), postgres.database.read() as tx:
        look.rows(tx, {})

    assert [record.message for record in caplog.records if record.exc_info] == []
    with postgres.database.read() as tx:
        assert Query("SELECT 1").rows(tx, {}) == [(1,)]


def test_when_the_server_has_left_all_sessions_one_call_fails_and_no_other(
    postgres: House,
) -> None:
    database = postgres.database
    with ExitStack() as stack:
        for _ in range(5):  # as many as are kept
            stack.enter_context(database.read())
    own = psycopg.connect(
        database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True,
    )
    with own:
        own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    look = Query("SELECT 1")

    with pytest.raises(Unavailable), database.read() as tx:
        look.rows(tx, {})

    for _ in range(5):
        with database.read() as tx:
            assert look.rows(tx, {}) == [(1,)]


_ENTRY = {"run_id": "r", "step": None, "name": "run.created", "at": 1, "data": None}


def _entries(database: Database) -> int:
    with database.read() as tx:
        [(count,)] = Query("SELECT count(*) FROM journal").rows(tx, {})
    return int(count)


def test_a_pipelined_transaction_is_stored_whole(house: House) -> None:
    with house.database.write(pipelined=True) as tx:
        written = write_all(tx, [(ADD_JOURNAL, [_ENTRY, _ENTRY]), (FREE_STEPS, [])])

    assert written.counts() == [2, 0]
    assert _entries(house.database) == 2


def test_a_pipelined_transaction_whose_block_fails_leaves_nothing(house: House) -> None:
    def work(tx: Tx) -> None:
        write_all(tx, [(ADD_JOURNAL, [_ENTRY])])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        house.database.transact(work, pipelined=True)

    assert _entries(house.database) == 0


def test_a_pipelined_transaction_whose_statement_fails_leaves_nothing(postgres: House) -> None:
    def work(tx: Tx) -> None:
        write_all(tx, [(ADD_JOURNAL, [_ENTRY])])
        Query("SELECT 1 / 0").send(tx, {})  # its answer comes with that of the commit

    with pytest.raises(psycopg.errors.DivisionByZero):
        postgres.database.transact(work, pipelined=True)

    assert _entries(postgres.database) == 0
    with postgres.database.write(pipelined=True) as tx:
        write_all(tx, [(ADD_JOURNAL, [_ENTRY])])
    assert _entries(postgres.database) == 1


def test_a_pipelined_transaction_whose_session_ends_says_so(
    postgres: House, caplog: pytest.LogCaptureFixture
) -> None:
    def work(tx: Tx) -> None:
        write_all(tx, [(ADD_JOURNAL, [_ENTRY])])
        Query("SELECT pg_terminate_backend(pg_backend_pid())").rows(tx, {})

    with pytest.raises(Unavailable):
        postgres.database.transact(work, pipelined=True)

    assert [record.message for record in caplog.records if record.exc_info] == []
    assert _entries(postgres.database) == 0


def test_what_collides_with_another_is_done_again_as_a_whole(postgres: House) -> None:
    tries: list[int] = []

    def work(tx: Tx) -> None:
        tries.append(1)
        write_all(tx, [(ADD_JOURNAL, [_ENTRY])])
        if len(tries) == 1:
            Query("SELECT ratchet_collides()").send(tx, {})

    with postgres.database.write() as tx:
        tx.exec_driver_sql(
            "CREATE FUNCTION ratchet_collides() RETURNS int LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'collided' USING ERRCODE = '40P01'; END $$"
        )
    postgres.database.transact(work, pipelined=True)

    assert len(tries) == 2
    assert _entries(postgres.database) == 1
