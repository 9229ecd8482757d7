"""The extensions of `/tasker` over a runtime without a worker: a test moves the steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.config import Settings
from ratchet_core.domain.outcome import Completed, Failed
from ratchet_core.engine.work import DrainInfo, Finished
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id

FAILED = Failed(error_type="DataError", message="no", retryable=False)


@pytest.fixture
def task(client: FlaskClient) -> str:
    """Give the id of a new task of the diamond."""
    body = {"name": "diamond", "namespace": "shop", "context": {"city": "Rome"}}
    answer = client.post("/tasker/tasks", json=body)
    task_id: str = answer.get_json()["id"]
    return task_id


@pytest.fixture
def work_off(ratchet: Ratchet) -> Callable[..., None]:
    """Give a function that performs all steps that can be performed."""

    def perform(failing: str = "") -> None:
        drain_id = new_id()
        engine = ratchet.engine
        info = DrainInfo(id=drain_id, host="h", pid=1, worker="w", queues=("default",))
        engine.open_drain(info)
        while held := engine.claim(drain_id, ("default",), 100):
            ends = [
                Finished(
                    assignment=item,
                    attempt_id=new_id(),
                    outcome=FAILED if item.step.name == failing else Completed('{"ok":true}'),
                    age_us=2_000_000,
                    duration_us=1_500_000,
                )
                for item in held
            ]
            engine.conclude(drain_id, ends, claim_next=False)

    return perform


def test_liveness_and_readiness_are_told(client: FlaskClient) -> None:
    live, ready = (client.get(f"/tasker/health/{name}") for name in ("live", "ready"))

    assert (live.status_code, live.get_json()["alive"]) == (200, True)
    assert (ready.status_code, ready.get_json()["ready"]) == (200, True)
    assert ready.get_json()["checks"]["database"]["status"] == "ok"
    assert "failed_checks" not in ready.get_json()


def test_readiness_and_status_are_503_while_the_database_cannot_be_used(tmp_path: Path) -> None:
    without_tables = Ratchet(Settings(data_dir=tmp_path))
    client = create_app(without_tables).test_client()

    ready, status = (client.get(f"/tasker/health/{name}") for name in ("ready", "status"))

    without_tables.close()

    assert ready.status_code == 503
    assert ready.get_json()["ready"] is False
    assert "database" in ready.get_json()["failed_checks"]
    assert (status.status_code, status.get_json()["healthy"]) == (503, False)


def test_the_status_counts_tasks_and_steps(
    client: FlaskClient, task: str, work_off: Callable[..., None]
) -> None:
    before = client.get("/tasker/health/status").get_json()["metrics"]
    work_off()

    after = client.get("/tasker/health/status").get_json()["metrics"]

    assert before["tasks"]["pending"] >= 1
    assert before["steps"]["ready"] >= 1
    assert after["steps"]["ready"] == 0
    assert after["tasks"]["total"] == before["tasks"]["total"]
    assert client.get(f"/tasker/tasks/{task}").get_json()["status"] == "complete"


def test_performance_and_bottlenecks_are_computed_from_what_is_stored(
    client: FlaskClient, task: str, work_off: Callable[..., None]
) -> None:
    work_off("left")

    performance = client.get("/tasker/analytics/performance").get_json()
    report = client.get("/tasker/analytics/bottlenecks?namespace=shop&period=1").get_json()

    hour = performance["performance_trends"]["last_hour"]
    assert hour["task_throughput"] >= 1
    assert hour["avg_step_duration"] > 0
    assert 0 <= performance["system_overview"]["system_health_score"] <= 1
    found = report["bottleneck_analysis"]
    assert found["slowest_steps"][0]["duration_seconds"] == 1.5
    assert {"error_type": "DataError", "count": 1} in found["error_patterns"]["common_error_types"]
    blocker = found["dependency_bottlenecks"]["blocking_dependencies"][0]
    assert (blocker["step_name"], blocker["task_name"]) == ("left", "diamond")
    steps = report["performance_distribution"]["steps"]
    assert steps["percentiles"] == {"p50": 1.5, "p95": 1.5, "p99": 1.5}
    assert sum(bucket["count"] for bucket in steps["distribution_buckets"]) == steps["count"]
    assert report["scope"] == {"namespace": "shop"}
    assert task in [item["task_id"] for item in found["slowest_tasks"]]


@pytest.mark.parametrize("query", ["period=0", "period=721", "period=x", "hours=1"])
def test_a_bad_parameter_of_analytics_is_400(client: FlaskClient, query: str) -> None:
    assert client.get(f"/tasker/analytics/bottlenecks?{query}").status_code == 400


def test_a_task_in_error_is_settled_step_by_step(
    client: FlaskClient, task: str, work_off: Callable[..., None]
) -> None:
    work_off("left")
    path = f"/tasker/tasks/{task}"

    completed = client.post(f"{path}/workflow_steps/left/complete", json={"results": {"n": 1}})

    assert (completed.status_code, completed.get_json()["status"]) == (200, "complete")
    work_off()
    done: dict[str, Any] = client.get(path).get_json()
    assert done["status"] == "complete"
    assert [item["name"] for item in done["steps"]] == ["start", "left", "right", "end"]


def test_answers_of_the_analysis_and_pictures(
    client: FlaskClient, task: str, work_off: Callable[..., None]
) -> None:
    work_off("left")

    analysis = client.get(f"/tasker/tasks/{task}/dependency_analysis").get_json()
    picture = client.get(f"/tasker/tasks/{task}/diagram.svg")
    flow = client.get("/tasker/handlers/shop/diamond/diagram")

    assert analysis["error_chains"]["recovery_priority"] == ["left"]
    assert picture.mimetype == "image/svg+xml"
    assert flow.get_data(as_text=True).startswith('---\ntitle: "shop.diamond@2.1.0"')


def test_an_annotation_of_any_json_comes_back_as_it_was(client: FlaskClient, task: str) -> None:
    path = f"/tasker/tasks/{task}/annotations"

    made = client.post(path, json={"annotation_type": "t", "annotation": [1, {"a": None}]})

    assert made.status_code == 201
    assert client.get(path).get_json()["annotations"] == [made.get_json()]
    key = made.get_json()["task_annotation_id"]
    assert client.delete(f"{path}/{key}").status_code == 204
