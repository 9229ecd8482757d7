"""Tests of figures, workers and reasons in the graph: the same as `/api/v1` tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from ratchet_core.engine.work import DrainInfo
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id

Ask = Callable[..., dict[str, Any]]

DURATIONS = "duration_ms { count average median p95 longest }"
STATS = {
    "taskStats": ("tasks", "total enabled disabled versions namespaces"),
    "jobStats": ("jobs", f"total by_status by_priority oldest_pending_at {DURATIONS}"),
    "executionStats": ("executions", f"total by_status {DURATIONS}"),
    "scheduleStats": (
        "schedules",
        "total enabled disabled exhausted next_run_at jobs_made jobs_skipped",
    ),
}
WORKER = """id name status host pid queues handlers current_load current { job_id }
    started_at last_heartbeat lease_until"""


@pytest.fixture
def drain(ratchet: Ratchet) -> Iterator[str]:
    """Give a worker process that looks for work."""
    made = new_id()
    info = DrainInfo(id=made, host="here", pid=1, worker="graph", queues=("default", "slow"))
    ratchet.engine.open_drain(info)
    yield made
    ratchet.engine.close_drain(made)


@pytest.mark.parametrize("field", STATS)
def test_figures_are_those_of_rest(ask: Ask, client: FlaskClient, field: str) -> None:
    noun, names = STATS[field]

    found = ask(f"{{ {field} {{ {names} }} }}")

    assert found == {"data": {field: client.get(f"/api/v1/{noun}/stats").get_json()}}


def test_figures_about_workers(ask: Ask, drain: str) -> None:
    found = ask("{ workerStats { total idle busy silent steps queues { name ready } } }")

    stats = found["data"]["workerStats"]
    assert stats["total"] == stats["idle"] + stats["busy"] + stats["silent"] > 0
    assert set(stats["steps"]) == {"ready", "claimed", "running", "backoff"}


def test_workers_are_listed_and_found(ask: Ask, client: FlaskClient, drain: str) -> None:
    found = ask(
        f"""query($id: ID!) {{
          all: workers {{ total items {{ id }} }}
          slow: workers(queue: "slow", host: "here") {{ items {{ id }} }}
          none: workers(host: "elsewhere") {{ total items {{ id }} }}
          one: worker(id: $id) {{ {WORKER} }}
        }}""",
        id=drain,
    )["data"]

    assert drain in [item["id"] for item in found["all"]["items"]]
    assert found["slow"]["items"] == [{"id": drain}]
    assert found["none"] == {"total": 0, "items": []}
    assert found["one"] == client.get(f"/api/v1/workers/{drain}").get_json()


def test_a_job_says_why_it_does_not_run(ask: Ask, client: FlaskClient) -> None:
    made = ask('mutation { executeTask(taskId: "echo") { job { id } } }')
    job = made["data"]["executeTask"]["job"]["id"]

    why = ask(
        """query($id: ID!) { why(jobId: $id) {
          job_id status summary omitted
          reasons { cause message remedy step until parents worker { id } }
        } }""",
        id=job,
    )["data"]["why"]

    told = client.get(f"/api/v1/jobs/{job}/why").get_json()
    assert why == {key: value for key, value in told.items() if key != "timestamp"}
    assert why["reasons"][0]["cause"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ worker(id: "absent") { id } }', "NOT_FOUND"),
        ('{ workers(status: "odd") { total } }', "BAD_REQUEST"),
        ('{ why(jobId: "absent") { summary } }', "JOB_NOT_FOUND"),
    ],
)
def test_what_is_wrong_is_told_with_a_stable_code(ask: Ask, query: str, code: str) -> None:
    assert ask(query)["errors"][0]["extensions"]["code"] == code
