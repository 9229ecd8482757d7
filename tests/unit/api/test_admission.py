"""Every door answers 429 while a queue takes no runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from ratchet_core.app import create_app
from ratchet_core.runtime import Ratchet

MUTATION = 'mutation { executeTask(taskId: "echo", input: {}) { job { id } } }'
TASKER = {"name": "diamond", "namespace": "shop", "version": "2.1.0", "context": {"city": "Rome"}}
BATCH = {"jobs": [{"task_id": "echo"}]}


@pytest.fixture
def overloaded(ratchet: Ratchet) -> Iterator[FlaskClient]:
    """Give a client of a server whose queue has waited for an hour, and may for a minute."""
    limits = replace(ratchet.settings.limits, max_ready_age_s=60.0)
    runtime = Ratchet(replace(ratchet.settings, limits=limits))
    client = create_app(runtime).test_client()
    client.post("/api/v1/tasks/echo/execute", json={})
    with runtime.database.write() as tx:
        tx.execute(text("UPDATE steps SET ready_at = ready_at - 3600000000"))
    runtime.core.admission._looks.clear()
    yield client
    runtime.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/tasks/echo/execute", {}),
        ("/api/v1/jobs", {"task_id": "echo"}),
        ("/api/v1/jobs/batch", BATCH),
        ("/api/v1/jobs/batch", {**BATCH, "atomic": True}),
        ("/tasker/tasks", TASKER),
    ],
)
def test_a_submission_to_an_overloaded_queue_is_answered_429(
    overloaded: FlaskClient, path: str, body: dict[str, object]
) -> None:
    answer = overloaded.post(path, json=body)

    assert answer.status_code == 429, answer.text
    assert answer.headers["Retry-After"] == "300"
    assert answer.get_json()["error"]["code"] == "OVERLOADED"


def test_graphql_says_the_same_in_its_errors(overloaded: FlaskClient) -> None:
    answer = overloaded.post("/graphql", json={"query": MUTATION})

    told = answer.get_json()["errors"][0]["extensions"]
    assert (told["code"], told["retry_after"]) == ("OVERLOADED", 300)


def test_reading_goes_on_meanwhile(overloaded: FlaskClient) -> None:
    assert overloaded.get("/api/v1/jobs").status_code == 200
