"""Tests that nesting costs a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from ratchet_core.domain.outcome import Completed
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.work import DrainInfo, Finished
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id

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
