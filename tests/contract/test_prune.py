"""Retention: what is old goes with everything that belonged to it, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from ratchet_core.domain.log import LEVELS, LogLine, LogQuery
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.retention import (
    ALONE,
    BESIDE,
    Pace,
    Portion,
    Retention,
    Together,
    Urgency,
)
from ratchet_core.domain.views import RunView
from ratchet_core.engine.prune import Pruned, Pruner
from ratchet_core.engine.transfer import ExportFile, import_runs, read_lines
from ratchet_core.engine.work import Logged
from ratchet_core.store import prune as stored
from ratchet_core.store.check import findings
from ratchet_core.store.database import Database
from ratchet_core.store.driver import Query
from ratchet_core.store.prune import CHILDREN
from ratchet_core.store.schema import metadata
from tests.contract.engine_house import House, failure, workflow

DAY_S = 86_400.0
MONTH = Retention(30 * DAY_S)

#: Tables whose rows belong to no run.
OTHERS = {
    "api_keys",
    "attempt_counts",
    "audit",
    "disabled_destinations",
    "drains",
    "event_cursors",
    "namespaces",
    "pauses",
    "plugin_reports",
    "plugins",
    "removed_runs",
    "run_counts",
    "runs",
    "schedules",
    "self_tokens",
    "snapshots",
    "source_reports",
    "workflows",
}


def make(house: House, count: int = 3, name: str = "pair") -> list[RunView]:
    """Make finished runs of two steps that have logged."""
    house.define(workflow(name, first=(), second=("first",)))
    runs = [house.submit(name, input={"number": number}) for number in range(count)]
    drain = house.drain()
    todo = tuple(drain.claim())
    lines = (LogLine(0.0, LEVELS["info"], "line"), LogLine(0.0, LEVELS["error"], "ünï"))
    logged = [Logged(assignment=item, attempt_id=item.step_id, lines=lines) for item in todo]
    house.engine.store_logs(logged, 0.0)
    while todo:
        todo = tuple(drain.conclude(todo).next) or tuple(drain.claim())
    return runs


def age(house: House, run_ids: Sequence[str], days: float) -> None:
    """Let runs have ended so many days ago."""
    with house.database.write() as tx:
        for run_id in run_ids:
            tx.execute(
                text("UPDATE runs SET completed_at = completed_at - :age WHERE id = :id"),
                {"age": round(days * DAY_S * 1e6), "id": run_id},
            )


def ids(runs: Sequence[RunView]) -> list[str]:
    return [run.id for run in runs]


def left(house: House) -> set[str]:
    return set(ids(house.reads.runs(RunQuery(), Window(limit=1000)).items))


def rows(house: House) -> dict[str, int]:
    """Count the rows of runs, by table."""
    with house.database.read() as tx:
        return {
            name: int(tx.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())  # noqa: S608
            for name in ("runs", *(table.name for table in CHILDREN), "removed_runs")
        }


def prune(house: House, retention: Retention = MONTH, export: ExportFile | None = None) -> Pruned:
    return Pruner(house.core, retention, export).run(lambda _s: None, lambda: False)


def wrong(house: House) -> list[str]:
    return [f"{item.table} {item.key}: {item.reason}" for item in findings(house.database)]


def test_every_table_says_whether_its_rows_belong_to_runs() -> None:
    children = {table.name for table in CHILDREN}

    unknown = set(metadata.tables) - children - OTHERS

    assert unknown == set(), "give it an indexed column run_id, or name it in OTHERS"


@pytest.mark.parametrize("table", CHILDREN, ids=lambda table: str(table.name))
def test_rows_of_a_run_are_found_by_an_index(table: object) -> None:
    indexes = [next(iter(index.columns)).name for index in table.indexes]  # type: ignore[attr-defined] # a Table

    assert "run_id" in indexes


def test_old_runs_go_with_everything_that_belonged_to_them(house: House) -> None:
    old, young = make(house), make(house)
    whole = rows(house)
    age(house, ids(old), 31)
    age(house, ids(young), 29)

    pruned = prune(house)

    assert pruned.runs == 3
    assert left(house) == set(ids(young))
    now = rows(house)
    for table in ("runs", "steps", "attempts", "journal", "log_lines"):
        assert now[table] == whole[table] / 2, table
    assert now["removed_runs"] == 0
    assert wrong(house) == []
    assert prune(house).is_nothing


def test_namespaces_are_kept_as_long_as_each_says(house: House) -> None:
    runs = make(house, 4)
    age(house, ids(runs[:2]), 10)
    with house.database.write() as tx:  # the newest writer is another run
        make_newest(tx, runs[3].id)

    assert prune(house, Retention(None, {"elsewhere": DAY_S})).is_nothing
    assert prune(house, Retention(DAY_S, {"default": None})).is_nothing
    assert prune(house, Retention(None, {"default": 11 * DAY_S})).is_nothing
    assert prune(house, Retention(None, {"default": 9 * DAY_S})).runs == 2


def make_newest(tx: object, run_id: str) -> None:
    tx.execute(  # type: ignore[attr-defined] # a transaction
        text("INSERT INTO journal (run_id, name, at) VALUES (:id, 'test', 0)"), {"id": run_id}
    )


def test_runs_that_go_on_or_wait_or_have_just_ended_stay(house: House) -> None:
    make(house, 1)
    house.define(workflow("waits", only=()), workflow("broken", only={"retryable": False}))
    open_run, broken = house.submit("waits"), house.submit("broken")
    drain = house.drain()
    claimed = {item.workflow.name: item for item in drain.claim()}
    drain.conclude([claimed["broken"]], failure())
    house.engine.retry(broken.id, "me")
    make(house, 1, "newest")

    prune(house, Retention(0.0))  # nothing goes within the first minute, whatever is said

    assert {open_run.id, broken.id} <= left(house)
    assert len(left(house)) == 4


def test_a_run_whose_output_is_on_its_way_stays(house: House) -> None:
    runs = make(house, 3)
    age(house, ids(runs[:2]), 31)
    columns = metadata.tables["deliveries"].c
    values = {
        column.name: runs[0].id if column.name == "run_id" else ("x" if "str" in kind else 0)
        for column in columns
        if not column.nullable and (kind := str(column.type.python_type))
    }
    with house.database.write() as tx:
        tx.execute(metadata.tables["deliveries"].insert().values(**{**values, "state": "pending"}))

    prune(house)

    assert left(house) == {runs[0].id, runs[2].id}


def test_one_that_was_set_going_again_meanwhile_stays(house: House) -> None:
    house.define(workflow("broken", only={"retryable": False}))
    run = house.submit("broken")
    house.drain().work_off({"only": failure()})
    make(house, 1)
    age(house, [run.id], 31)

    class Meddling:
        """Retries the run between its export and its deletion."""

        def write(self, run_ids: Sequence[str]) -> None:
            assert list(run_ids) == [run.id]
            house.engine.retry(run.id, "me")

    pruned = Pruner(house.core, MONTH, Meddling()).run(lambda _s: None, lambda: False)

    assert pruned.is_nothing
    assert run.id in left(house)
    assert wrong(house) == []


def test_what_was_interrupted_is_finished_later_and_nothing_is_orphaned(house: House) -> None:
    runs = make(house, 5)
    make(house, 1)
    age(house, ids(runs), 31)
    pruner = Pruner(house.core, MONTH)
    pruner._rows.size = 7  # many small portions

    first = pruner.portion()  # the runs are gone for everybody, their rows are not
    assert first.runs == 5
    assert left(house).isdisjoint(ids(runs))
    for _ in range(3):
        pruner._rows.size = 7
        pruner.portion()
        assert wrong(house) == []
    assert 0 < rows(house)["removed_runs"] <= 5

    prune(house)  # another process goes on

    assert rows(house)["removed_runs"] == 0
    assert rows(house)["steps"] == 2
    assert wrong(house) == []


def test_what_changed_meanwhile_is_looked_at_again_at_the_end(house: House) -> None:
    runs = make(house, 30)
    make(house, 1)
    age(house, ids(runs), 31)

    class Touching:
        """Changes the oldest run between its first export and its deletion."""

        def __init__(self) -> None:
            self.exported: list[str] = []

        def write(self, run_ids: Sequence[str]) -> None:
            if not self.exported:
                with house.database.write() as tx:
                    statement = text("UPDATE runs SET updated_at = updated_at + 1 WHERE id = :id")
                    tx.execute(statement, {"id": run_ids[0]})
            self.exported += run_ids

    export = Touching()
    pruner = Pruner(house.core, MONTH, export)
    pruner._runs.size = 10

    pruned = pruner.run(lambda _s: None, lambda: False)

    assert pruned.runs == 30
    assert sorted(export.exported) == sorted([*ids(runs), export.exported[0]])
    assert export.exported[-1] == export.exported[0]
    assert wrong(house) == []


def test_a_run_that_came_back_keeps_its_rows_whoever_still_deletes(
    house: House, tmp_path: Path
) -> None:
    runs = make(house, 3)
    make(house, 1)
    age(house, ids(runs), 31)
    with ExportFile(house.database, tmp_path / "runs.jsonl") as export:
        export.write(ids(runs))
    lines = list(read_lines(tmp_path / "runs.jsonl"))
    first = Pruner(house.core, MONTH)
    assert first.portion().runs == 3

    early = import_runs(house.database, lines, "too early")
    prune(house, Retention(None))  # somebody else deletes their rows
    back = import_runs(house.database, lines, "back")
    before = rows(house)
    first.portion()

    assert [reason for _, reason in early.refused] == [
        "it is still being deleted; prune to the end, then import again"
    ] * 3
    assert (early.runs, back.runs) == (0, 3)
    assert rows(house) == before
    assert wrong(house) == []


def test_a_look_at_finished_runs_reads_no_young_ones(house: House) -> None:
    values = {"namespace": "default", "keep_us": 1, "limit": 5, "ended_at": 1, "id": "a"}
    explain = "EXPLAIN QUERY PLAN " if house.database.dialect == "sqlite" else "EXPLAIN "
    with house.database.read() as tx:
        plan = [str(row) for row in Query(explain + stored._FINISHED.sql).rows(tx, values)]

    [bounds] = [line for line in plan if "(completed_at" in line and "FILTER" not in line.upper()]
    assert "namespace" in bounds
    assert "completed_at <" in bounds or "completed_at<" in bounds


def test_a_late_line_of_a_run_that_is_gone_leaves_no_orphan(house: House) -> None:
    house.define(workflow("slow", only=()))
    run = house.submit("slow")
    [item] = house.drain().claim()
    house.engine.cancel(run.id, "me")
    make(house, 1)
    age(house, [run.id], 31)
    prune(house)

    line = LogLine(0.0, 20, "late")
    house.engine.store_logs([Logged(assignment=item, attempt_id="a", lines=(line,))], 0.0)

    assert run.id not in left(house)
    assert wrong(house) == []


def test_numbers_of_events_and_lines_never_come_again(house: House) -> None:
    runs = make(house, 3)
    age(house, ids(runs), 31)
    event, line = house.reads.journal_end(), house.reads.logs.end()

    prune(house)
    make(house, 1)

    assert all(e.sequence > event for e in house.reads.journal_tail(event, 100))
    assert len(house.reads.journal_tail(event, 100)) > 3
    assert len(house.reads.logs.after(LogQuery(), line, 100)) == 2


def test_the_check_finds_orphans_and_wrong_counters(house: House) -> None:
    runs = make(house, 2)
    with house.database.write() as tx:
        tx.execute(text("UPDATE runs SET steps_open = 1 WHERE id = :id"), {"id": runs[0].id})
        tx.execute(text("DELETE FROM runs WHERE id = :id"), {"id": runs[1].id})

    found = list(findings(house.database))

    tables = {item.table for item in found if item.reason == "its run is gone"}
    assert tables == {"steps", "attempts", "journal", "log_lines"}
    [counter] = [item for item in found if item.table == "runs"]
    assert counter.key == runs[0].id
    assert "open=1" in counter.reason


def test_the_size_stays_bounded_over_many_rounds(house: House, database: Database) -> None:
    if database.path is None:
        pytest.skip("PostgreSQL reuses space when it vacuums, which a test cannot wait for")
    sizes = []
    for _ in range(6):
        runs = make(house, 40)
        age(house, ids(runs), 31)
        prune(house)
        with database.read() as tx:
            sizes.append(int(tx.exec_driver_sql("PRAGMA page_count").scalar_one()))

    assert sizes[-1] <= sizes[1] * 1.2
    assert len(left(house)) == 1  # the newest writer


def test_portions_keep_transactions_short() -> None:
    portion = Portion(ALONE, 100)
    for _ in range(50):  # 100 µs a row
        portion.learn(portion.size, portion.size * 100e-6)
    assert 25 <= portion.size <= 35

    for _ in range(50):  # 1 µs a row
        portion.learn(portion.size, portion.size * 1e-6)
    assert portion.size == 2000


@pytest.mark.parametrize("pace", [ALONE, BESIDE])
@pytest.mark.parametrize(("each_run_s", "each_row_s"), [(50e-6, 5e-6), (5e-6, 50e-6)])
def test_portions_do_not_shrink_because_each_run_costs_a_look(
    pace: Pace, each_run_s: float, each_row_s: float
) -> None:
    portion, together = Portion(pace), Together()

    for _ in range(60):
        runs = together.count(portion.size)
        rows = 3 * runs
        is_all = rows < portion.size
        rows = min(rows, portion.size)
        took_s = runs * each_run_s + rows * each_row_s
        together.learn(runs, rows, is_all=is_all)
        portion.learn(rows, took_s)

    assert is_all
    assert took_s <= pace.target_s or portion.size == pace.fewest
    assert took_s >= pace.target_s / 2 or portion.size == pace.most


def test_of_runs_with_many_rows_few_are_taken_together() -> None:
    together = Together()
    for _ in range(10):
        together.learn(together.count(100), 100, is_all=False)
    assert together.count(100) == 1

    for _ in range(10):
        runs = together.count(100)
        together.learn(runs, 3 * runs, is_all=True)
    assert together.count(100) == 27


@pytest.mark.parametrize("pace", [ALONE, BESIDE])
def test_pauses_get_shorter_while_runs_go_slower_than_they_once_ended(pace: Pace) -> None:
    urgency = Urgency(pace)
    for second in range(0, 300, 6):  # half a second of endings in a second
        urgency.learn(second * 500_000, float(second))
    assert urgency.factor == pytest.approx(1 / pace.rest)

    behind_us = 300 * 500_000
    for second in range(300, 600, 6):
        urgency.learn(behind_us + (second - 300) * 3_000_000, float(second))
    assert urgency.factor == 1.0


def test_pauses_stay_as_they_are_while_runs_go_a_little_faster_than_they_once_ended() -> None:
    urgency = Urgency(BESIDE)
    for second in range(300):
        urgency.learn(second * 1_200_000, float(second))

    assert urgency.factor == 1.0


@pytest.mark.parametrize(("apart_s", "is_hurried"), [(0.0001, True), (60.0, False)])
def test_a_pruner_that_falls_behind_rests_less(
    house: House, apart_s: float, is_hurried: bool
) -> None:
    runs = make(house, 30)
    for place, run in enumerate(runs):
        age(house, [run.id], 40 - place * apart_s / DAY_S)
    now_s = 0.0
    pauses: list[float] = []

    def clock() -> float:  # each look at it takes a second: a transaction takes one, too
        nonlocal now_s
        now_s += 1.0
        return now_s

    pruner = Pruner(house.core, MONTH, clock=clock)
    pruner._runs.size = 1
    pruner.run(pauses.append, lambda: False)

    assert (pauses[-1] < pauses[0] / 2) is is_hurried
