"""Lists: every filter finds what it says, and an index of the list's order serves it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from ratchet_core.domain.query import AttemptQuery, RunQuery, Window
from ratchet_core.domain.states import AttemptState, RunState
from ratchet_core.errors import InvalidRequest
from ratchet_core.store.check import repair_totals
from ratchet_core.store.database import Database
from ratchet_core.store.reads import listing
from ratchet_core.store.reads.page import encode_cursor
from tests.contract.engine_house import House

_RUN = text(
    "INSERT INTO runs (id, workflow_id, snapshot_id, namespace, name, version, state, priority,"
    " input, progress, retries, steps_total, steps_open, steps_active, steps_backoff,"
    " steps_failed, principal, created_at, updated_at, schedule_id, scheduled_for) VALUES"
    " (:id, 'w', 's', :namespace, :name, :version, :state, :priority, '{}', 0, 0, 1, 1, 1, 0, 0,"
    " 'me', :at, :at, :schedule_id, :scheduled_for)"
)
_STEP = text(
    "INSERT INTO steps (id, run_id, position, name, queue, priority, state, pending_parents,"
    " attempts, failures, losses, interruptions, alone, token, progress) VALUES"
    " (:id, :id, 0, 's', 'q', 0, 'completed', 0, 1, 0, 0, 0, FALSE, 0, 1)"
)
_ATTEMPT = text(
    "INSERT INTO attempts (id, step_id, run_id, namespace, name, version, step, number, state,"
    " started_at) VALUES (:id, :id, :id, :namespace, :name, :version, 's', 1, :attempt, :at)"
)
START = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 200
Row = dict[str, Any]


def row(place: int, chance: random.Random) -> Row:
    """Return a run; several are of one and the same moment."""
    is_planned = chance.random() < 0.2
    return {
        "id": f"0191a000-0000-7000-8000-{chance.randrange(16**12):012x}",
        "namespace": chance.choice(["ours", "theirs", "default"]),
        "name": chance.choice(["one", "two"]),
        "version": chance.choice(["1.0.0", "2.0.0"]),
        "state": chance.choice(["completed", "completed", "failed", "pending", "paused"]),
        "priority": chance.choice([0, 0, 5, -5]),
        "at": at_us(place // 3),
        "schedule_id": "s1" if is_planned else None,
        "scheduled_for": at_us(place) if is_planned else None,
        "attempt": chance.choice(["completed", "completed", "failed"]),
    }


def at_us(seconds: float) -> int:
    return round((START.timestamp() + seconds) * 1e6)


@pytest.fixture
def rows(house: House) -> list[Row]:
    """Store runs of all kinds with an attempt each; return them newest first."""
    chance = random.Random(3)
    made = [row(place, chance) for place in range(COUNT)]
    with house.database.write() as tx:
        for statement in (_RUN, _STEP, _ATTEMPT):
            tx.execute(statement, made)
    repair_totals(house.database)
    return sorted(made, key=lambda one: (one["at"], one["id"]), reverse=True)


CHOICES: dict[str, tuple[Any, ...]] = {
    "namespace": (None, "ours", "nowhere"),
    "namespaces": (None, ("ours", "theirs"), ()),
    "name": (None, "one"),
    "version": (None, "2.0.0"),
    "priority_in": (None, (0,), (5, -5)),
    "states": (None, (RunState.FAILED,), (RunState.PENDING, RunState.COMPLETED)),
}
SPANS: tuple[dict[str, Any], ...] = (
    {},
    {"created_from": START + timedelta(seconds=20)},
    {"created_from": START + timedelta(seconds=20), "created_to": START + timedelta(seconds=40)},
)


def queries() -> list[RunQuery]:
    """Return some of all that may be asked, the same at each run."""
    asked = [
        RunQuery(**dict(zip(CHOICES, values, strict=True)), **span)
        for values in itertools.product(*CHOICES.values())
        for span in SPANS
    ]
    return random.Random(5).sample(asked, 120)


def matches(query: RunQuery | AttemptQuery, one: Row, state: str) -> bool:
    same = all(
        wanted is None or one[name] == wanted
        for name, wanted in (
            ("namespace", query.namespace),
            ("name", query.name),
            ("version", query.version),
        )
    )
    priorities = getattr(query, "priority_in", None)
    return (
        same
        and (query.namespaces is None or one["namespace"] in query.namespaces)
        and (query.states is None or one[state] in query.states)
        and (priorities is None or one["priority"] in priorities)
        and (query.created_from is None or one["at"] >= query.created_from.timestamp() * 1e6)
        and (query.created_to is None or one["at"] <= query.created_to.timestamp() * 1e6)
    )


WAYS = {
    "groups": {},
    "merged": {"_MOST_SORTED": 0},
    "walked": {"MOST_GROUPS": 3},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists be read in each of the ways there are, however few rows are stored."""
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(listing, name, value)


@pytest.mark.usefixtures("way")
def test_every_choice_of_filters_finds_what_it_says(house: House, rows: list[Row]) -> None:
    for number, query in enumerate(queries()):
        expected = [one["id"] for one in rows if matches(query, one, "state")]
        order: Any = ("desc", "asc")[number % 2]
        if order == "asc":
            expected.reverse()
        offset = (0, 5)[number // 2 % 2]

        page = house.reads.runs(query, Window(limit=7, offset=offset, order=order))

        assert page.total == len(expected), query
        assert [run.id for run in page.items] == expected[offset : offset + 7], query


@pytest.mark.usefixtures("way")
def test_every_choice_of_filters_finds_its_attempts(house: House, rows: list[Row]) -> None:
    states = (None, (AttemptState.FAILED,), (AttemptState.FAILED, AttemptState.COMPLETED))
    kinds = [CHOICES[name] for name in ("namespace", "namespaces", "name", "version")]
    asked = list(itertools.product(*kinds, states, SPANS))
    for namespace, namespaces, name, version, chosen, span in random.Random(6).sample(asked, 60):
        query = AttemptQuery(
            namespace=namespace,
            namespaces=namespaces,
            name=name,
            version=version,
            states=chosen,
            **span,
        )
        expected = [one["id"] for one in rows if matches(query, one, "attempt")]

        page = house.reads.attempts(query, Window(limit=7))

        assert page.total == len(expected), query
        assert [attempt.id for attempt in page.items] == expected[:7], query


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(version="2.0.0"),
        RunQuery(states=(RunState.FAILED,), namespaces=("ours", "default")),
        RunQuery(schedule_id="s1"),
    ],
)
def test_cursors_go_through_a_list_once(
    house: House, rows: list[Row], query: RunQuery, order: Any
) -> None:
    whole = [run.id for run in house.reads.runs(query, Window(limit=1000, order=order)).items]
    seen: list[str] = []
    cursor = None
    for _ in range(COUNT):
        page = house.reads.runs(query, Window(limit=7, order=order, cursor=cursor))
        seen += [run.id for run in page.items]
        assert page.total == len(whole)
        cursor = page.next_cursor
        if cursor is None:
            break

    assert rows
    assert len(whole) > 7
    assert seen == whole


@pytest.mark.parametrize("place", [["2026", "id"], [True, "id"], [2**63, "id"]])
def test_a_cursor_of_another_list_is_refused(house: House, rows: list[Row], place: Any) -> None:
    assert rows
    with pytest.raises(InvalidRequest, match="not a cursor of this list"):
        house.reads.runs(RunQuery(), Window(cursor=encode_cursor(place)))


@pytest.fixture
def plan(database: Database) -> Callable[[str], str]:
    """Give what returns the plan of the last statement that begins with some words."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        sent.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)

    def planned(words: str) -> str:
        statement, values = next(
            pair for pair in reversed(sent) if pair[0].lstrip("(").startswith(words)
        )
        explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
        with database.write() as tx:
            if database.dialect == "postgresql":  # which would rather sort so few rows
                tx.exec_driver_sql("SET LOCAL enable_sort = off")
                tx.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
            return "\n".join(str(row) for row in tx.exec_driver_sql(explain + statement, values))

    return planned


RUN_PLANS = {
    "status": (RunQuery(states=(RunState.FAILED,)), "runs_listed"),
    "status_in": (RunQuery(states=(RunState.FAILED, RunState.PENDING)), "runs_listed"),
    "task_id": (RunQuery(namespace="ours", name="one"), "runs_listed"),
    "namespace": (RunQuery(namespace="ours"), "runs_listed"),
    "version": (RunQuery(version="1.0.0"), "runs_listed"),
    "priority": (RunQuery(priority_in=(5,)), "runs_listed"),
    "priority_in": (RunQuery(priority_in=(5, -5)), "runs_listed"),
    "schedule_id": (RunQuery(schedule_id="s1"), "runs_of_schedule"),
    "created_at_gte": (RunQuery(created_from=START), "runs_created"),
    "created_at_lte": (RunQuery(created_to=START), "runs_created"),
    "nothing": (RunQuery(), "runs_created"),
    "all at once": (
        RunQuery(namespace="ours", version="1.0.0", states=(RunState.FAILED,), priority_in=(0,)),
        "runs_listed",
    ),
}


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", RUN_PLANS)
def test_an_index_gives_jobs_in_their_order(
    house: House, rows: list[Row], plan: Callable[[str], str], name: str, deep: bool
) -> None:
    query, index = RUN_PLANS[name]
    house.reads.runs(query, Window(limit=5, offset=20 if deep else 0))

    words = (
        "SELECT runs.id, runs.created_at"
        if index == "runs_of_schedule"
        else "SELECT created_at, id"
    )
    told = plan(words)

    assert rows
    assert_ordered_by(told, index, "runs")


ATTEMPT_PLANS = {
    "status": (AttemptQuery(states=(AttemptState.FAILED,)), "attempts_listed"),
    "task_id": (AttemptQuery(namespace="ours", name="one"), "attempts_listed"),
    "namespace": (AttemptQuery(namespace="ours"), "attempts_listed"),
    "version": (AttemptQuery(version="1.0.0"), "attempts_listed"),
    "created_at_gte": (AttemptQuery(created_from=START), "attempts_started"),
    "nothing": (AttemptQuery(), "attempts_started"),
}


@pytest.mark.parametrize("name", ATTEMPT_PLANS)
def test_an_index_gives_executions_in_their_order(
    house: House, rows: list[Row], plan: Callable[[str], str], name: str
) -> None:
    query, index = ATTEMPT_PLANS[name]
    house.reads.attempts(query, Window(limit=5))

    assert rows
    assert_ordered_by(plan("SELECT started_at, id"), index, "attempts")


def test_where_too_many_groups_match_the_order_s_index_is_read(
    house: House, rows: list[Row], plan: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_GROUPS", 1)
    house.reads.runs(RunQuery(namespace="ours", priority_in=(0, 5)), Window(limit=5))

    assert rows
    assert_ordered_by(plan("SELECT created_at, id"), "runs_created", "runs")


def test_totals_count_no_runs(house: House, rows: list[Row], database: Database) -> None:
    sent: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_rest: sent.append(statement),
    )

    house.reads.runs(RunQuery(version="1.0.0", states=(RunState.FAILED,)), Window(limit=5))

    assert rows
    assert [statement for statement in sent if "count(" in statement] == []


def assert_ordered_by(plan: str, index: str, table: str) -> None:
    """Assert that rows come from an index in the order wanted, and none is sorted."""
    assert f"INDEX {index}" in plan or f"using {index} on" in plan, plan
    sorts = [line for line in plan.splitlines() if "Sort  (" in line or "TEMP B-TREE" in line]
    of_groups = "Function Scan on one" in plan  # PostgreSQL sorts the beginnings of the groups
    assert len(sorts) <= of_groups, plan
    assert f"SCAN {table}\n" not in plan
    assert "Seq Scan" not in plan
