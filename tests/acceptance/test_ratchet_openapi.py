"""acceptance.md, Ratchet: the OpenAPI document. That answers fit it is checked on every call."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from tests.acceptance.conftest import Api
from tests.acceptance.programs import tool

EVERY_SEED_OPERATION = {
    "listTasks",
    "getTask",
    "executeTask",
    "deleteTask",
    "listJobs",
    "getJob",
    "cancelJob",
    "retryJob",
    "listExecutions",
    "listNamespaces",
    "listHandlersInNamespace",
    "getHandlerWithDependencies",
    "createTask",
    "listTaskerTasks",
    "getTaskerTask",
}


def test_ratchet_099_curl_fetches_the_document_as_yaml(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "ratchet-openapi.yaml"

    subprocess.run([tool("curl"), "-sf", "-o", path, f"{api.base}/openapi.yaml"], check=True)

    assert yaml.safe_load(path.read_text(encoding="utf-8"))["openapi"] == "3.0.3"


def test_ratchet_100_it_covers_every_operation_of_the_seeds(api: Api) -> None:
    document = api.get("/openapi.json").json()

    ids = {
        operation["operationId"]
        for operations in document["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    }
    assert ids >= EVERY_SEED_OPERATION


def test_ratchet_102_a_reply_is_described_by_the_document(api: Api) -> None:
    job_id = api.execute("echo")["id"]
    api.finished(job_id)
    for path in (
        "/api/v1/tasks",
        "/api/v1/tasks/payments.process_payment",
        "/api/v1/jobs",
        f"/api/v1/jobs/{job_id}/steps",
        f"/api/v1/jobs/{job_id}/events",
        "/api/v1/executions",
        "/tasker/handlers",
        "/tasker/handlers/payments?extended=true",
        "/tasker/handlers/payments/process_payment?extended=true",
        "/tasker/tasks?extended=true",
        f"/tasker/tasks/{job_id}?include_dependencies=true&extended=true",
        "/health",
        "/",
    ):
        assert api.get(path).status_code == 200, path

    assert {"getJob", "listJobEvents", "getTaskerTask"} <= api.contract.met


def test_ratchet_103_errors_and_limits_are_described(api: Api) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/api/v1/tasks/{task_id}/execute"]["post"]

    assert {"202", "200", "400", "404", "409", "413", "415", "429", "500"} <= set(
        operation["responses"]
    )
    assert "Retry-After" in operation["responses"]["429"]["headers"]
