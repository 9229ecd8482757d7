"""`ratchet_client` (contrib/clients/python) against a running `ratchet up`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ratchet_client import Conflict, InvalidCall, NotFound, RatchetClient, TaskerClient
from tests.acceptance.conftest import Api


@pytest.fixture
def client(api: Api) -> Iterator[RatchetClient]:
    with RatchetClient(api.base) as made:
        yield made


@pytest.fixture
def tasker(api: Api) -> Iterator[TaskerClient]:
    with TaskerClient(api.base) as made:
        yield made


def test_a_task_is_executed_and_waited_for(client: RatchetClient) -> None:
    job = client.wait(client.execute("echo", {"a": 1})["id"], timeout_s=20)

    assert (job["status"], job["result"]) == ("completed", {"a": 1})


def test_the_server_waits_where_it_is_asked_to(client: RatchetClient) -> None:
    job = client.execute("echo", {"a": 2}, wait_s=20, priority="high", metadata={"by": "test"})

    assert job["result"] == {"a": 2}
    assert job["metadata"]["by"] == "test"


def test_a_key_makes_one_job_of_two_calls(client: RatchetClient) -> None:
    key = uuid.uuid4().hex
    first = client.execute("echo", {"a": 3}, key=key)

    assert client.execute("echo", {"a": 3}, key=key)["id"] == first["id"]
    with pytest.raises(Conflict):
        client.execute("echo", {"a": 4}, key=key)


def test_refusals_are_typed_and_say_why(client: RatchetClient) -> None:
    with pytest.raises(NotFound) as missing:
        client.execute("no-such-task")
    with pytest.raises(InvalidCall) as invalid:
        client.execute("weather-api", {"city": 7})

    assert missing.value.code == "TASK_NOT_FOUND"
    assert missing.value.trace_id
    assert any("city" in field for field in invalid.value.details)


def test_lists_are_walked_whole_by_cursor_and_by_offset(client: RatchetClient) -> None:
    batch = client.execute_many([{"task_id": "waiting.parked"} for _ in range(7)])
    made = {item["job"]["id"] for item in batch}

    filters = {"id_in": ",".join(sorted(made))}
    for paging in ("cursor", "offset"):
        walked = [job["id"] for job in client.jobs(size=3, paging=paging, **filters)]
        assert len(walked) == 7
        assert set(walked) == made
    assert client.count_jobs(**filters) == 7


def test_one_bad_job_of_a_batch_is_told_by_its_place(client: RatchetClient) -> None:
    jobs: list[dict[str, Any]] = [{"task_id": "echo", "input": {}}, {"task_id": "no-such-task"}]

    items = client.execute_many(jobs)

    assert [("job" in item, "error" in item) for item in items] == [(True, False), (False, True)]
    assert items[1]["error"]["code"] == "TASK_NOT_FOUND"


def test_a_job_is_cancelled_and_tells_its_story(client: RatchetClient, gate: Path) -> None:
    job = client.execute("gated", {"gate": str(gate)})

    client.cancel(job["id"])
    ended = client.wait(job["id"], timeout_s=20)

    assert ended["status"] == "cancelled"
    assert client.cancel(job["id"])["id"] == job["id"]
    assert [step["name"] for step in client.steps(job["id"])]
    names = [event["name"] for event in client.events(job["id"], size=1)]
    assert len(names) > 1
    assert client.retry(job["id"])["status"] in {"pending", "running"}


def test_tasks_executions_and_schedules_are_there(client: RatchetClient) -> None:
    job = client.execute("echo", {}, wait_s=20)

    assert "weather-api" in {task["id"] for task in client.tasks(size=5)}
    assert client.task("weather-api")["namespace"] == "default"
    assert [item["job_id"] for item in client.executions(job_id=job["id"])] == [job["id"]]
    schedule = client.create_schedule("echo", "0 9 * * *", enabled=False)
    assert client.change_schedule(schedule["id"], cron_expression="0 10 * * *")["id"]
    assert schedule["id"] in {item["id"] for item in client.schedules(size=2)}
    client.delete_schedule(schedule["id"])
    assert schedule["id"] not in {item["id"] for item in client.schedules()}


def test_the_tasker_dialect_from_discovery_to_a_task(tasker: TaskerClient) -> None:
    assert "payments" in {space["name"] for space in tasker.namespaces()}
    assert len(tasker.handlers("payments")) == 5
    handler = tasker.handler("payments", "process_payment", "2.1.0")
    task = tasker.create_task(
        handler["id"], "payments", "2.1.0", {"payment_id": 123}, reason="a test"
    )

    shown = tasker.task(task["id"], include_dependencies=True)

    assert shown["full_name"] == "payments.process_payment@2.1.0"
    assert "blocked_steps" in shown["dependencies"]
    assert task["id"] in {item["id"] for item in tasker.tasks(size=2, namespace="payments")}
    assert tasker.count_tasks(namespace="payments") >= 1


def test_the_http_client_is_there_for_everything_else(client: RatchetClient) -> None:
    answer = client.client.get("jobs", params={"limit": 1})

    assert answer.json()["total"] >= 0
