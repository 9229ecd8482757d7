"""`POST /api/v1/jobs/batch`: how many jobs one request may make, each told by its place."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

MOST = 1_000


def total(client: FlaskClient) -> int:
    answer = client.get("/api/v1/jobs?task_id=echo&limit=1")
    found: int = answer.get_json()["total"]
    return found


def send(client: FlaskClient, jobs: list[dict[str, Any]]) -> Any:
    return client.post("/api/v1/jobs/batch", json={"jobs": jobs})


def test_a_thousand_jobs_are_made_at_once_and_each_refusal_has_its_place(
    client: FlaskClient,
) -> None:
    before = total(client)
    jobs: list[dict[str, Any]] = [{"task_id": "echo", "input": {"n": n}} for n in range(MOST)]
    jobs[17] = {"task_id": "no-such-task"}
    jobs[999] = {"task_id": "weather-api", "input": {"city": 7}}

    answer = send(client, jobs).get_json()

    assert (answer["accepted"], answer["refused"]) == (MOST - 2, 2)
    assert [item["index"] for item in answer["items"]] == list(range(MOST))
    refused = {item["index"]: item["error"] for item in answer["items"] if "error" in item}
    assert refused[17]["code"] == "TASK_NOT_FOUND"
    assert list(refused[999]["details"]) == ["input.city"]
    assert answer["items"][998]["job"]["input"] == {"n": 998}
    assert total(client) == before + MOST - 2


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_more_or_less_is_refused_and_makes_nothing(client: FlaskClient, count: int) -> None:
    before = total(client)

    answer = send(client, [{"task_id": "echo"}] * count)

    assert answer.status_code == 400
    assert answer.get_json()["error"]["details"] == {"jobs": ["must hold 1 to 1000 jobs"]}
    assert total(client) == before
