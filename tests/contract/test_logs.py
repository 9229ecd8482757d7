"""Lines of logs: stored in order, in few statements, and found by what they belong to and say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from ratchet_core.domain.log import LEVELS, LogLine, LogQuery
from ratchet_core.domain.query import Order
from ratchet_core.engine.work import Assignment, Logged
from ratchet_core.errors import InvalidRequest
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.store.database import Database
from tests.contract.engine_house import House, workflow

NOW_S = 1000.0


def logged(assignment: Assignment, *lines: str | LogLine, attempt_id: str = "") -> Logged:
    """Return lines; a text such as `error: it broke` has its level before the colon."""
    made = []
    for line in lines:
        if isinstance(line, LogLine):
            made.append(line)
            continue
        level, _, message = line.partition(": ")
        made.append(LogLine(NOW_S, LEVELS[level], message))
    return Logged(assignment=assignment, attempt_id=attempt_id or new_id(), lines=tuple(made))


def store(house: House, *items: Logged) -> None:
    house.engine.store_logs(items, NOW_S)


@pytest.fixture
def claimed(house: House) -> list[Assignment]:
    house.define(workflow("first", only=()), workflow("second", only=()))
    house.submit("first")
    house.submit("second")
    return sorted(house.drain().claim(), key=lambda item: item.workflow.name)


def messages(house: House, query: LogQuery, **options: object) -> list[str]:
    return [line.message for line in house.reads.logs.page(query, 100, **options).items]  # type: ignore[arg-type] # options of the page


def test_lines_are_read_back_as_they_were_written(house: House, claimed: list[Assignment]) -> None:
    first = claimed[0]
    line = LogLine(NOW_S - 2.0, 30, "ünï 'quoted' \"text\" {now} %s :run_id", "shop.stock")

    store(house, logged(first, line, attempt_id="a" * 36))

    [view] = house.reads.logs.page(LogQuery(), 10).items
    assert (view.run_id, view.attempt_id) == (first.run_id, "a" * 36)
    assert (view.namespace, view.workflow, view.step) == ("default", "first", "only")
    assert (view.attempt, view.level, view.logger) == (1, "warning", "shop.stock")
    assert view.message == line.message
    age = house.reads.schedules.now() - view.at
    assert timedelta(seconds=1.9) < age < timedelta(seconds=20)


def test_lines_keep_their_order_over_several_transactions(
    house: House, claimed: list[Assignment]
) -> None:
    lines = [f"info: {number}" for number in range(600)]

    store(house, logged(claimed[0], *lines))

    page = house.reads.logs.page(LogQuery(run_id=claimed[0].run_id), 1000)
    assert [line.message for line in page.items] == [str(number) for number in range(600)]
    assert page.next_cursor is None


def test_lines_of_a_run_that_is_gone_are_left_out(house: House, claimed: list[Assignment]) -> None:
    with house.database.write() as tx:
        tx.execute(text("DELETE FROM runs WHERE name = 'first'"))

    store(house, logged(claimed[0], "info: orphan"), logged(claimed[1], "info: kept"))

    assert messages(house, LogQuery()) == ["kept"]


def test_nothing_logged_is_no_transaction(house: House) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        pytest.fail("a transaction without lines")

    house.database.transact = refuse  # type: ignore[method-assign, assignment] # observed

    house.engine.store_logs([], NOW_S)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_filters_find_what_they_name(house: House, claimed: list[Assignment], order: str) -> None:
    first, second = claimed
    one, two = new_id(), new_id()
    store(house, logged(first, "debug: Alpha", "error: beta", attempt_id=one))
    store(house, logged(second, "warning: ALPHA 100%", "info: gamma_1", attempt_id=two))

    def found(**fields: object) -> set[str]:
        return set(messages(house, LogQuery(**fields), order=order))  # type: ignore[arg-type] # fields of the query

    assert found(run_id=first.run_id) == {"Alpha", "beta"}
    assert found(attempt_id=two) == {"ALPHA 100%", "gamma_1"}
    assert found(attempt_id=two, run_id=first.run_id) == set()
    assert found(namespace="default", name="second") == {"ALPHA 100%", "gamma_1"}
    assert found(name="first") == {"Alpha", "beta"}
    assert found(namespace="elsewhere") == set()
    assert found(namespaces=("elsewhere", "default"), level=40) == {"beta"}
    assert found(namespaces=()) == set()
    assert found(level=LEVELS["warning"]) == {"beta", "ALPHA 100%"}
    assert found(level=LEVELS["info"], run_id=second.run_id) == {"ALPHA 100%", "gamma_1"}
    assert found(text="alpha") == {"Alpha", "ALPHA 100%"}
    assert found(text="0%") == {"ALPHA 100%"}
    assert found(text="a_1") == {"gamma_1"}
    assert found(text="alpha", level=30, name="second", namespace="default") == {"ALPHA 100%"}


def test_only_the_case_of_ascii_letters_is_ignored(house: House, claimed: list[Assignment]) -> None:
    store(house, logged(claimed[0], "info: ÄRGER", "info: ärger"))

    assert messages(house, LogQuery(text="äRGER")) == ["ärger"]


def test_spans_of_time_bound_the_list(house: House, claimed: list[Assignment]) -> None:
    hour = 3600.0
    ages = [30 * hour, 5 * hour, 2 * hour, 0.0]
    lines = [LogLine(NOW_S - age, 20, f"{age / hour:g} h ago") for age in ages]
    store(house, logged(claimed[0], *lines))
    now = house.reads.schedules.now()

    def found(since_h: float | None, until_h: float | None) -> list[str]:
        def ago(hours: float | None) -> object:
            return None if hours is None else now - timedelta(hours=hours)

        return messages(house, LogQuery(since=ago(since_h), until=ago(until_h)))  # type: ignore[arg-type] # times

    assert found(3, None) == ["2 h ago", "0 h ago"]
    assert found(None, 4) == ["30 h ago", "5 h ago"]
    assert found(6, 1) == ["5 h ago", "2 h ago"]
    assert found(1, 1) == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_cursors_go_through_everything_once_while_lines_are_added(
    house: House, claimed: list[Assignment], order: str
) -> None:
    store(house, logged(claimed[0], *(f"info: {number}" for number in range(25))))
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = house.reads.logs.page(LogQuery(), 10, order=order, cursor=cursor)  # type: ignore[arg-type] # one of two
        seen += [line.message for line in page.items]
        cursor = page.next_cursor
        if order == "desc":
            store(house, logged(claimed[0], "info: newer"))

    wanted = [str(number) for number in range(25)]
    assert seen == (wanted if order == "asc" else wanted[::-1])
    assert cursor is None


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_search_looks_at_a_bounded_number_of_lines_at_a_time(
    house: House, claimed: list[Assignment], order: str
) -> None:
    lines = ["info: needle" if number in (3, 27) else "info: hay" for number in range(30)]
    store(house, logged(claimed[0], *lines))
    found: list[list[str]] = []
    cursor = None
    while True:
        page = house.reads.logs.page(
            LogQuery(text="needle"),
            10,
            order=order,  # type: ignore[arg-type] # one of two
            cursor=cursor,
            scan=10,
        )
        found.append([line.message for line in page.items])
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == [["needle"], [], ["needle"]]


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10", "WzEsMl0", "WyJhIiwibG9nIl0", "WzEsIm90aGVyIl0"]
)
def test_a_foreign_cursor_is_refused(house: House, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="not a cursor of this list"):
        house.reads.logs.page(LogQuery(), 10, cursor=cursor)


def test_lines_of_many_attempts_come_together(house: House, claimed: list[Assignment]) -> None:
    one, two, none = new_id(), new_id(), new_id()
    store(house, logged(claimed[0], *(f"info: {n}" for n in range(5)), attempt_id=one))
    store(house, logged(claimed[1], "info: x", attempt_id=two))

    found = house.reads.logs.of_attempts([one, two, none], 3)

    assert [[line.message for line in found[key]] for key in (one, two, none)] == [
        ["0", "1", "2"],
        ["x"],
        [],
    ]


def test_a_follower_misses_no_line_of_several_writers(
    house: House, claimed: list[Assignment], database: Database
) -> None:
    writers, each = 4, 30
    databases = [Database(database.url) for _ in range(writers)]
    houses = [House(one) for one in databases]
    done = threading.Event()
    seen: list[str] = []

    def write(number: int) -> None:
        for count in range(each):
            store(houses[number], logged(claimed[number % 2], f"info: {number}/{count}"))

    def follow() -> None:
        place = 0
        while True:
            was_done = done.is_set()
            lines = house.reads.logs.after(LogQuery(), place, 7)
            for line in lines:
                assert line.sequence > place
                place = line.sequence
                seen.append(line.message)
            if was_done and not lines:
                return

    with ThreadPoolExecutor(writers + 1) as pool:
        following = pool.submit(follow)
        for future in [pool.submit(write, number) for number in range(writers)]:
            future.result()
        done.set()
        following.result()
    for one in databases:
        one.dispose()

    assert sorted(seen) == sorted(f"{n}/{c}" for n in range(writers) for c in range(each))


PLANS: dict[str, tuple[LogQuery, str]] = {
    "run": (LogQuery(run_id="r"), "log_lines_run"),
    "attempt": (LogQuery(attempt_id="a"), "log_lines_attempt"),
    "workflow": (LogQuery(namespace="n", name="w"), "log_lines_workflow"),
    "level": (LogQuery(level=40), "log_lines_grave"),
}


@pytest.mark.parametrize("by", PLANS)
def test_every_list_is_served_by_an_index_in_its_order(
    house: House, claimed: list[Assignment], by: str, statements: Callable[[], list[str]]
) -> None:
    query, index = PLANS[by]
    levels = ["error", *["info"] * 9]
    lines = [f"{level}: {number}" for number in range(100) for level in levels]
    store(house, logged(claimed[0], *lines))
    with house.database.write() as tx:  # what autovacuum does by itself
        tx.execute(text("ANALYZE"))

    house.reads.logs.page(query, 10, order="desc")

    plan = "\n".join(statements())
    assert index in plan
    assert "SORT" not in plan.upper().replace("SORT KEY", "")
    assert "TEMP B-TREE" not in plan.upper()


@pytest.fixture
def statements(database: Database) -> Callable[[], list[str]]:
    """Return the plan of the last read of lines."""
    sent: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        if "log_lines" in statement and statement.lstrip().startswith("SELECT"):
            sent.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)

    def plan() -> list[str]:
        statement, values = sent[-1]
        words = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
        with database.read() as tx:
            return [str(row) for row in tx.exec_driver_sql(words + statement, values)]  # type: ignore[arg-type] # as the driver had them

    return plan


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "fields",
    [{}, {"level": 30}, {"text": "NEE"}, {"level": 40, "text": "nee"}],
    ids=["all", "level", "text", "both"],
)
def test_pages_of_many_runs_are_those_of_each(
    house: House, claimed: list[Assignment], order: Order, fields: dict[str, Any]
) -> None:
    for place, assignment in enumerate(claimed):
        lines = [f"{'error' if n % 3 else 'info'}: needle {place} {n}" for n in range(7 - place)]
        store(house, logged(assignment, *lines, "debug: hay"))
    ids = [*(item.run_id for item in claimed), new_id()]
    logs = house.reads.logs

    for limit, scan in ((3, 5), (3, 100), (100, 4), (100, 100)):
        options: dict[str, Any] = {"order": order, "scan": scan}
        found = logs.pages_of_runs(LogQuery(**fields), ids, limit, **options)
        alone = {
            run_id: logs.page(LogQuery(run_id=run_id, **fields), limit, **options) for run_id in ids
        }
        assert found == alone
        cursor = alone[ids[0]].next_cursor
        if cursor is not None:
            on = logs.pages_of_runs(LogQuery(**fields), ids, limit, cursor=cursor, **options)
            query = LogQuery(run_id=ids[0], **fields)
            assert on[ids[0]] == logs.page(query, limit, cursor=cursor, **options)
