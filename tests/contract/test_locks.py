"""Who waits for whom: what is locked first, what is skipped, and what is done again as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from ratchet_core.domain.workflow import single_step
from ratchet_core.store import claims, frames
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.driver import Query
from tests.contract.engine_house import QUEUE, House, workflow
from tests.contract.test_deliveries import OK, POLICY, claimed, complete, house_with, place
from tests.hosts import host_engine
from tests.waiting import wait_for


@pytest.fixture
def postgres(house: House) -> House:
    """Give a house on PostgreSQL; on SQLite writers take turns, and no row is locked."""
    if house.database.dialect != "postgresql":
        pytest.skip("rows are locked on PostgreSQL only")
    return house


@contextmanager
def holding(database: Database, table: str, row_id: str) -> Iterator[None]:
    """Hold the lock of one row for the block, as another process does."""
    with host_engine(database).connect() as connection, connection.begin():
        connection.execute(text(f"SELECT 1 FROM {table} WHERE id = :id FOR UPDATE"), {"id": row_id})  # noqa: S608
        yield


def is_locked(database: Database, table: str, row_id: str) -> bool:
    """Tell whether somebody holds the lock of a row."""
    look = text(f"SELECT 1 FROM {table} WHERE id = :id FOR UPDATE SKIP LOCKED")  # noqa: S608
    with host_engine(database).connect() as connection:
        return connection.execute(look, {"id": row_id}).first() is None


def await_waiter(database: Database) -> None:
    """Wait until a transaction of this database waits for a lock."""

    def waits() -> int:
        with database.read() as tx:
            look = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            return int(tx.exec_driver_sql(look + "AND wait_event_type = 'Lock'").scalar_one())

    wait_for(waits, "somebody to wait for a lock")


@contextmanager
def aside(work: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Give what starts `work` in a thread; it has to come to its end after the block."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)

    thread = threading.Thread(target=run)
    yield thread.start
    thread.join(20)
    assert not thread.is_alive()
    assert failed == []


def impatient(tx: Tx) -> None:
    """Let a transaction fail where it would have to wait for a lock."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")


def test_a_claim_skips_what_another_is_just_claiming(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    for _ in range(10):
        postgres.submit("one")
    one, two = postgres.drain(), postgres.drain()

    with postgres.database.write() as first, postgres.database.write() as second:
        impatient(second)
        taken = claims.claim(first, one.id, QUEUE, 4, alone=False)
        others = claims.claim(second, two.id, QUEUE, 100, alone=False)

    assert (len(taken), len(others)) == (4, 6)


def test_a_claim_waits_for_no_run(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    run = postgres.submit("one")
    drain = postgres.drain()

    with holding(postgres.database, "runs", run.id), postgres.database.write() as tx:
        impatient(tx)
        taken = claims.claim(tx, drain.id, QUEUE, 100, alone=False)

    assert [step.run_id for step in taken] == [run.id]


def test_the_pick_of_a_claim_is_made_once(postgres: House) -> None:
    """A sub-select may be run again per row, and then claims more than was asked for."""
    claim: Any = claims._CLAIM["postgresql"]
    values = {"drain": "d", "queue": QUEUE, "count": 10, "alone": False}

    with postgres.database.read() as tx:
        plan = Query(f"EXPLAIN {claim.sql}").rows(tx, values)
    lines = [str(line).strip() for (line,) in plan]
    picked = lines.index("CTE picked")

    assert any("CTE Scan on picked" in line for line in lines)
    assert "Limit" in lines[picked + 1]
    assert [line for line in lines[:picked] if "Limit" in line] == []


def test_a_back_off_that_ends_waits_for_no_busy_run(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    runs = [postgres.submit("one") for _ in range(2)]
    with postgres.database.write() as tx:
        tx.exec_driver_sql("UPDATE steps SET state = 'backoff', ready_at = 0")
        tx.exec_driver_sql("UPDATE runs SET steps_active = 0, steps_backoff = 1")

    with holding(postgres.database, "runs", runs[0].id), postgres.database.write() as tx:
        impatient(tx)
        woken = claims.wake_due(tx)

    assert woken == 1
    assert postgres.states(runs[0].id) == {"one": "backoff"}


def test_runs_are_locked_in_the_order_of_their_ids(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    low, high = sorted(postgres.submit("one").id for _ in range(2))
    database = postgres.database

    def lock_both() -> None:
        with database.write() as tx:
            frames.lock_runs(tx, [high, low])

    with aside(lock_both) as start, holding(database, "runs", high):
        start()
        await_waiter(database)
        assert is_locked(database, "runs", low)
    with aside(lock_both) as start, holding(database, "runs", low):
        start()
        await_waiter(database)
        assert not is_locked(database, "runs", high)


@pytest.mark.parametrize("verb", ["conclude", "note_start", "give_back", "cancel", "release_dead"])
def test_a_verb_locks_the_run_before_its_step(postgres: House, verb: str) -> None:
    postgres.define(workflow("w", a=[], b=["a"]))
    run = postgres.submit("w")
    drain = postgres.drain()
    [held] = drain.claim()
    engine = postgres.engine
    verbs: dict[str, Callable[[], object]] = {
        "conclude": lambda: drain.conclude([held]),
        "note_start": lambda: engine.note_start(drain.id, held, postgres.core.new_id(), 0),
        "give_back": lambda: engine.give_back(drain.id, [held]),
        "cancel": lambda: engine.cancel(run.id, "me"),
        "release_dead": lambda: engine.release_dead(drain.id, (held.step_id, held.token), "died"),
    }

    with aside(verbs[verb]) as start, holding(postgres.database, "runs", run.id):
        start()
        await_waiter(postgres.database)
        locked = is_locked(postgres.database, "steps", held.step_id)

    assert not locked


def test_a_deadlock_is_tried_again_as_a_whole(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    one, two = (postgres.submit("one").id for _ in range(2))
    database = postgres.database
    tries: list[int] = []

    def work(tx: Tx) -> None:
        tries.append(1)
        tx.execute(text("UPDATE runs SET retries = retries + 1 WHERE id = :id"), {"id": one})
        tx.execute(text("UPDATE runs SET retries = retries + 1 WHERE id = :id"), {"id": two})

    with host_engine(database).connect() as other, other.begin():
        other.execute(text("SELECT 1 FROM runs WHERE id = :id FOR UPDATE"), {"id": two})
        with aside(lambda: database.transact(work)) as start:
            start()
            await_waiter(database)  # it waits for us; now we for it
            other.execute(text("SELECT 1 FROM runs WHERE id = :id FOR UPDATE"), {"id": one})
            other.rollback()

    assert len(tries) > 1
    assert [postgres.reads.run(run_id).retries for run_id in (one, two)] == [1, 1]


def test_a_serialization_error_is_tried_again_as_a_whole(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    run = postgres.submit("one")
    database = postgres.database
    tries: list[int] = []

    def work(tx: Tx) -> None:
        tries.append(1)
        if len(tries) == 1:
            tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tx.exec_driver_sql("SELECT count(*) FROM runs")
        if len(tries) == 1:
            with database.write() as other:
                other.exec_driver_sql("UPDATE runs SET retries = retries + 10")
        tx.exec_driver_sql("UPDATE runs SET retries = retries + 1")

    database.transact(work)

    assert len(tries) == 2
    assert postgres.reads.run(run.id).retries == 11


def test_the_renewal_of_a_lease_waits_for_no_step_and_no_run(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    run = postgres.submit("one")
    drain = postgres.drain()
    [held] = drain.claim()

    with (
        holding(postgres.database, "runs", run.id),
        holding(postgres.database, "steps", held.step_id),
    ):
        renewed: list[bool] = []
        thread = threading.Thread(
            target=lambda: renewed.append(postgres.engine.renew_drain(drain.id))
        )
        thread.start()
        thread.join(5)
        before = list(renewed)
    thread.join()

    assert before == [True]


def test_ends_of_one_run_are_applied_under_one_lock(house: House) -> None:
    children: dict[str, list[str]] = {f"c{index}": [] for index in range(50)}
    house.define(workflow("wide", **children, join=list(children)))
    run = house.submit("wide")
    drain = house.drain()
    written: list[str] = []

    class Counts:
        """Goes with every transaction."""

        def write(self, _tx: Tx) -> None:
            written.append("once")

        def committed(self) -> None:
            """Nothing."""

    held = drain.claim()
    house.database.companion = Counts
    joined = drain.conclude(held).next

    assert [item.step.name for item in joined] == ["join"]
    assert written == ["once"]
    assert house.reads.run(run.id).state.value == "running"


def test_children_that_are_left_to_others_are_rung_for(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], c=["a"], d=["a"]))
    house.submit("w")
    drain = house.drain()
    held = drain.claim()
    house.rings.clear()
    own = drain.conclude(held).next

    assert [item.step.name for item in own] == ["b"]
    assert house.rings == [{QUEUE: 2}]


def test_the_end_of_a_delivery_waits_for_who_writes_to_its_run_s_journal(postgres: House) -> None:
    """Else the journal of one run would show a lower number after a higher one."""
    house = house_with(postgres.database, place("first"))
    run_id = complete(house)
    [parcel] = claimed(house)

    def end() -> None:
        assert house.engine.deliveries.end(parcel.claimed, OK, POLICY)

    with aside(end) as start, holding(house.database, "runs", run_id):
        start()
        await_waiter(house.database)
        with host_engine(house.database).connect() as connection:
            connection.execute(text("SELECT setval('journal_sequence_seq', 1000)"))
            connection.commit()

    assert [event.sequence > 1000 for event in house.reads.events(run_id)][-1]
