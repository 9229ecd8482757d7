"""Tests that nesting costs a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import get_named_type, is_object_type
from sqlalchemy import event, insert

from ratchet_core.api.graphql.schema import RESOLVERS, make_schema
from ratchet_core.domain.outcome import Completed
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.work import DrainInfo, Finished
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.store.schema import deliveries

Ask = Callable[..., dict[str, Any]]

SEED = """query($n: Int) {
  tasks(limit: $n, offset: 0, namespace: "many") {
    items {
      id name description version
      executions(limit: 5) { items { id status created_at completed_at } }
    }
    total
  }
}"""


@contextmanager
def counted(ratchet: Ratchet) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(ratchet.database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(ratchet.database.engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def many(ratchet: Ratchet) -> Ratchet:
    """Give the runtime with 100 workflows of six completed runs each."""
    definitions = [single_step(f"flow-{n}", "test", namespace="many") for n in range(100)]
    ratchet.engine.sync_definitions(definitions, {}, on_change="replace")
    requests = [
        SubmitRequest(namespace="many", name=f"flow-{n}") for n in range(100) for _ in range(6)
    ]
    ratchet.engine.submit_ids(requests)
    drain = new_id()
    info = DrainInfo(id=drain, host="here", pid=1, worker="test", queues=("default",))
    ratchet.engine.open_drain(info)
    while claimed := ratchet.engine.claim(drain, ("default",), 300):
        ratchet.engine.conclude(
            drain,
            [
                Finished(
                    assignment=item,
                    attempt_id=new_id(),
                    outcome=Completed("{}"),
                    age_us=60,
                    duration_us=50,
                )
                for item in claimed
            ],
        )
    return ratchet


def test_executions_of_a_hundred_tasks_cost_no_more_statements_than_of_two(
    many: Ratchet, ask: Ask
) -> None:
    ask(SEED, n=100)  # parses the definitions, which are kept

    with counted(many) as few:
        ask(SEED, n=2)
    with counted(many) as sent:
        body = ask(SEED, n=100)

    assert len(sent) == len(few) <= 6
    page = body["data"]["tasks"]
    assert page["total"] == len(page["items"]) == 100
    for item in page["items"]:
        found = item["executions"]["items"]
        assert [execution["status"] for execution in found] == ["completed"] * 5
        assert found == sorted(found, key=lambda one: one["created_at"], reverse=True)


def test_every_nesting_costs_a_fixed_number_of_statements(many: Ratchet, ask: Ask) -> None:
    query = """query($n: Int) { jobs(limit: $n, namespace: "many") { items {
        id steps { name } max_retries annotations { id }
        executions(limit: 3) { total items { id job { id steps { status } } } }
    } } }"""

    with counted(many) as few:
        ask(query, n=2)
    with counted(many) as sent:
        body = ask(query, n=100)

    assert len(sent) == len(few)
    for job in body["data"]["jobs"]["items"]:
        assert job["executions"]["total"] == 1
        assert job["executions"]["items"][0]["job"]["id"] == job["id"]


def test_two_parts_of_the_same_list_do_not_mix(many: Ratchet, ask: Ask) -> None:
    body = ask(
        """{ task(id: "many.flow-1") {
            all: executions(limit: 10) { items { id } }
            first: executions(limit: 1) { items { id } }
            second: executions(limit: 1, offset: 1) { items { id } }
            failed: executions(status: "failed") { total items { id } }
        } }"""
    )

    found = body["data"]["task"]
    assert found["all"]["items"][:2] == found["first"]["items"] + found["second"]["items"]
    assert found["failed"] == {"total": 0, "items": []}


#: Root field to the nested fields of its items, each with what has to be chosen below it.
NESTED: dict[str, dict[str, str]] = {
    "tasks": {
        "executions": "{ total items { id logs { message } job { id } } }",
        "steps": "{ name }",
    },
    "jobs": {
        "executions": "(limit: 3) { total items { id logs { message } job { id steps { id } } } }",
        "steps": "{ name }",
        "max_retries": "",
        "annotations": "{ id }",
        "events": "{ name }",
        "logs": '(level: "info", text: "e") { next_cursor items { message } }',
        "error_details": "{ code }",
    },
    "executions": {
        "logs": "{ message }",
        "job": "{ id events { name } logs { items { message } } executions { total } }",
        "error_details": "{ code }",
    },
    "schedules": {"preview": "{ at }"},
    "deliveries": {"attempt_list": "{ number }", "error": "{ code }"},
}
#: Type of the items of each root field.
ITEMS = {
    "tasks": "Task",
    "jobs": "Job",
    "executions": "Execution",
    "schedules": "Schedule",
    "deliveries": "Delivery",
}


@pytest.fixture(scope="module")
def plenty(many: Ratchet) -> Ratchet:
    """Give the runtime with 20 schedules and 20 deliveries, too."""
    for number in range(20):
        spec = ScheduleSpec(
            namespace="many", workflow="flow-1", cron_expression=f"{number} 1 * * *"
        )
        many.engine.create_schedule(spec)
    run = many.reads.runs(RunQuery(namespace="many"), Window(limit=1)).items[0]
    row = {
        "run_id": run.id,
        "namespace": run.namespace,
        "name": run.name,
        "version": run.version,
        "origin": "global",
        "destination": "nowhere",
        "kind": "webhook",
        "run_state": "completed",
        "state": "delivered",
        "attempts": 1,
        "failures": 0,
        "token": 1,
        "timeout_us": 1,
        "created_at": 1,
        "updated_at": 1,
    }
    with many.database.write() as tx:
        for place in range(20):
            tx.execute(insert(deliveries).values(**row, id=new_id(), place=place))
    return many


def test_the_table_names_every_nested_field() -> None:
    schema = make_schema()
    for root, kind in ITEMS.items():
        fields = schema.type_map[kind].fields  # type: ignore[attr-defined] # an object type
        found = {
            name
            for name, field in fields.items()
            if field.resolve is not None or is_object_type(get_named_type(field.type))
        }
        assert set(NESTED[root]) == found
    assert {name for name in RESOLVERS if name not in {"Query", "Mutation"}} == set(ITEMS.values())


@pytest.mark.parametrize(
    ("root", "field"), [(root, field) for root, fields in NESTED.items() for field in fields]
)
def test_a_nested_field_costs_as_many_statements_for_20_parents_as_for_2(
    plenty: Ratchet, ask: Ask, root: str, field: str
) -> None:
    query = "query($n: Int) { %s(limit: $n, namespace: %s) { items { id %s %s } } }"
    query %= (root, '"many"', field, NESTED[root][field])
    ask(query, n=20)  # parses the definitions, which are kept

    with counted(plenty) as few:
        two = ask(query, n=2)
    with counted(plenty) as sent:
        twenty = ask(query, n=20)

    assert len(two["data"][root]["items"]) == 2
    assert len(twenty["data"][root]["items"]) == 20
    assert len(sent) == len(few)


def test_jobs_that_a_bulk_operation_names_are_loaded_together(many: Ratchet, ask: Ask) -> None:
    query = """mutation {
        deleteJobs(filter: {taskId: "many.flow-1"}, dryRun: true) {
            sample { id events(limit: 1) { name } }
        }
    }"""

    with counted(many) as sent:
        sample = ask(query)["data"]["deleteJobs"]["sample"]

    assert len(sample) > 2
    assert sum("journal" in statement for statement in sent) == 1
