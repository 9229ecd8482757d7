"""Kept totals: they are what a count says, in every snapshot, whoever writes and however."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

import ratchet_core.store.migrate
from ratchet_core.domain.outcome import Outcome
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.retention import Retention
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.prune import Pruner
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.transfer import ExportFile, import_runs, read_lines
from ratchet_core.errors import RatchetError
from ratchet_core.store import counts
from ratchet_core.store.check import findings, repair_totals
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.upgrade import upgrade
from tests.contract.engine_house import House, failure, workflow
from tests.hosts import host_engine


def wrong(database: Database) -> list[object]:
    """Return every total that is not what a count of the same snapshot says."""
    with database.snapshot() as tx:
        return [*counts.wrong(tx, counts.RUNS), *counts.wrong(tx, counts.ATTEMPTS)]


def total(house: House, *states: RunState) -> int:
    return house.reads.runs(RunQuery(states=states or None), Window(limit=1)).total


@pytest.fixture
def postgres(house: House) -> House:
    if house.database.dialect != "postgresql":
        pytest.skip("writers take turns on SQLite")
    return house


def test_totals_follow_a_run_on_all_its_ways(house: House) -> None:
    house.define(
        workflow("pair", a={"retryable": False}, b=["a"]), single_step("one", "test", queue="q")
    )
    seen: list[tuple[str, list[object]]] = []

    def look(what: str) -> None:
        seen.append((what, wrong(house.database)))

    runs = [house.submit("pair", priority=place % 2) for place in range(4)]
    look("submitted")
    drain = house.drain()
    held = {item.run_id: item for item in drain.claim()}
    house.engine.note_start(drain.id, held[runs[0].id], house.core.new_id(), 0)
    look("started")
    drain.conclude([held[runs[0].id], held[runs[1].id]], failure())
    look("failed")
    house.engine.pause(runs[2].id, "me")
    look("paused")
    house.engine.resume(runs[2].id, "me")
    look("resumed")
    house.engine.cancel(runs[3].id, "me")
    look("cancelled")
    house.engine.retry(runs[0].id, "me")
    look("retried")
    house.engine.delete_run(runs[1].id)
    look("deleted")
    house.drain().work_off()
    look("completed")

    assert [what for what, found in seen if found] == []
    assert total(house) == 3
    assert total(house, RunState.CANCELLED) == 1


def test_a_transaction_that_rolls_back_leaves_the_totals_alone(house: House) -> None:
    house.define(single_step("one", "test"))
    house.submit("one")

    def give_up(tx: Tx) -> None:
        tx.exec_driver_sql("UPDATE runs SET state = 'failed'")
        tx.exec_driver_sql("DELETE FROM runs")
        raise LookupError

    with pytest.raises(LookupError):
        house.database.transact(give_up)

    assert wrong(house.database) == []
    assert total(house, RunState.PENDING) == 1


class Crowd:
    """What several threads do at once to the runs of a house."""

    def __init__(self, house: House) -> None:
        self.house, self.engine = house, house.engine

    def submit(self, name: str) -> None:
        for size in (1, 7, 1, 20, 1):
            request = SubmitRequest(namespace="default", name=name, priority=size % 3)
            self.engine.submit_many([request] * size, atomic=True)

    def work(self, outcome: Outcome | None = None) -> None:
        drain = self.house.drain()
        for _ in range(12):
            drain.conclude(drain.claim(8), outcome)

    def meddle(self, verb: Callable[[str], object]) -> None:
        for _ in range(4):
            for run in self.house.reads.runs(RunQuery(), Window(limit=10)).items:
                with suppress(RatchetError):  # its state forbids it, or it is gone
                    verb(run.id)

    def jobs(self) -> list[Callable[[], None]]:
        return [
            lambda: self.submit("pair"),
            lambda: self.submit("one"),
            lambda: self.submit("one"),
            self.work,
            self.work,
            lambda: self.work(failure()),
            lambda: self.meddle(lambda run_id: self.engine.cancel(run_id, "me")),
            lambda: self.meddle(lambda run_id: self.engine.retry(run_id, "me")),
            lambda: self.meddle(self.engine.delete_run),
        ]


@contextmanager
def watched(look: Callable[[], list[object]]) -> Iterator[list[list[object]]]:
    """Look again and again during the block; give what was seen."""
    over = threading.Event()
    looks: list[list[object]] = []

    def watch() -> None:
        while not over.is_set():
            looks.append(look())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield looks
    finally:
        over.set()
        watcher.join()


def test_totals_are_exact_in_every_snapshot_while_everybody_writes(house: House) -> None:
    pair = workflow("pair", first={"retryable": False}, second=["first"])
    house.define(pair, single_step("one", "test"))
    jobs = Crowd(house).jobs()

    with (
        watched(lambda: wrong(house.database)) as looks,
        ThreadPoolExecutor(len(jobs)) as pool,
    ):
        for done in [pool.submit(job) for job in jobs]:
            done.result()

    assert looks
    assert [found for found in looks if found] == []
    assert wrong(house.database) == []
    assert total(house) > 0


def test_totals_are_exact_after_pruning_and_after_bringing_back(
    house: House, tmp_path: Path
) -> None:
    house.define(single_step("one", "test"))
    for _ in range(5):
        house.submit("one")
    house.drain().work_off()
    house.submit("one")  # the newest writer stays
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE runs SET completed_at = 1 WHERE completed_at IS NOT NULL")
    path = tmp_path / "old.jsonl"

    with ExportFile(house.database, path) as export:
        Pruner(house.core, Retention(86_400.0), export).run(lambda _s: None, lambda: False)
    after_pruning = (wrong(house.database), total(house))
    import_runs(house.database, read_lines(path), path.name)

    assert after_pruning == ([], 1)
    assert (wrong(house.database), total(house)) == ([], 6)


def test_check_tells_of_a_wrong_total_and_repair_sets_it_right(house: House) -> None:
    house.define(single_step("one", "test"))
    house.submit("one")
    house.drain().work_off()
    house.submit("one")
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE run_counts SET number = 7 WHERE state = 'completed'")
        tx.exec_driver_sql("DELETE FROM attempt_counts")

    told = [f"{item.table} {item.key}: {item.reason}" for item in findings(house.database)]
    repair_totals(house.database)

    assert told == [
        "run_counts default/one/0.1.0/0/completed: says 7 runs, there are 1",
        "attempt_counts default/one/0.1.0/completed: says 0 attempts, there are 1",
    ]
    assert list(findings(house.database)) == []
    house.drain().work_off()
    assert wrong(house.database) == []


@pytest.fixture
def of_before(database_url: str) -> Iterator[Database]:
    """Give a database as the version before left it."""
    database = Database(database_url)
    config = Config()
    here = Path(ratchet_core.store.migrate.__file__).parent / "migrations"
    config.set_main_option("script_location", str(here))
    with database.write() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "0013")
    yield database
    database.dispose()


def test_what_was_stored_before_is_counted(of_before: Database) -> None:
    run = (
        "INSERT INTO runs (id, workflow_id, snapshot_id, namespace, name, version, state, priority,"
        " input, progress, retries, steps_total, steps_open, steps_active, steps_backoff,"
        " steps_failed, principal, created_at, updated_at) VALUES (:id, 'w', 's', 'ours', 'one',"
        " '1.0.0', :state, 0, '{}', 0, 0, 1, 1, 1, 0, 0, 'me', 1, 1)"
    )
    states = ["pending", "failed", "failed", "completed", "completed", "completed"]
    with of_before.write() as tx:
        for place, state in enumerate(states):
            tx.execute(text(run), {"id": f"r{place}", "state": state})

    upgrade(of_before)

    assert wrong(of_before) == []
    with of_before.read() as tx:
        found = counts.by(tx, counts.RUNS, ["state"], ())
    assert found == {"pending": 1, "failed": 2, "completed": 3}


def test_an_open_transaction_keeps_nobody_from_counting(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    postgres.submit("one")

    with host_engine(postgres.database).connect() as host, host.begin():
        host.execute(text("UPDATE runs SET state = 'failed'"))  # holds its rows of the counters
        with postgres.database.write() as tx:
            tx.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            tx.execute(text(_COPY), {"id": "another"})
        during = (wrong(postgres.database), total(postgres))

    assert during == ([], 2)
    assert wrong(postgres.database) == []
    assert total(postgres, RunState.PENDING) == total(postgres, RunState.FAILED) == 1


_COPY = (
    "INSERT INTO runs SELECT (jsonb_populate_record(r, jsonb_build_object('id', :id ::text))).* "
    "FROM runs r LIMIT 1"
)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_host_may_submit_in_a_stricter_transaction(postgres: House, level: str) -> None:
    postgres.define(single_step("one", "test"))
    postgres.submit("one")
    engine = postgres.database.engine.execution_options(isolation_level=level)

    with engine.connect() as host, host.begin():
        host.execute(text("SELECT 1"))  # its snapshot is of now
        postgres.submit("one")  # changes the rows of the counters
        host.execute(text(_COPY), {"id": "another"})
        host.execute(text(_COPY), {"id": "one more"})

    assert wrong(postgres.database) == []
    assert total(postgres) == 4


def test_slots_of_a_counter_become_one_again(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    database = postgres.database
    postgres.submit("one")
    others = [Database(database.url) for _ in range(3)]
    for place, other in enumerate(others):
        with other.write() as tx:
            tx.execute(text(_COPY), {"id": f"copy {place}"})

    with host_engine(database).connect() as host, host.begin():
        host.execute(text("UPDATE runs SET state = 'failed' WHERE id = 'copy 0'"))
        with database.write() as tx:
            tx.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            folded = counts.fold(tx)  # passes over what the host holds
        during = (wrong(database), total(postgres))
    for other in others:
        other.dispose()
    with database.write() as tx:
        counts.fold(tx)

    assert folded > 0
    assert during == ([], 4)
    with database.read() as tx:
        slots = set(tx.exec_driver_sql("SELECT slot FROM run_counts").scalars())
    assert slots == {0}
    assert (wrong(database), total(postgres, RunState.FAILED)) == ([], 1)


def test_totals_are_exact_while_slots_become_one(postgres: House) -> None:
    postgres.define(single_step("one", "test"))
    request = SubmitRequest(namespace="default", name="one")

    def look() -> list[object]:
        with postgres.database.write() as tx:
            counts.fold(tx)
        return wrong(postgres.database)

    with watched(look) as looks, ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(postgres.engine.submit_many, [request] * 3, atomic=True) for _ in range(60)
        ]
        for job in jobs:
            job.result()

    assert [found for found in looks if found] == []
    assert (wrong(postgres.database), total(postgres)) == ([], 180)
