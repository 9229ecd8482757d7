"""acceptance.md, Tasker: creating, listing and watching tasks."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api
from tests.waiting import wait_for

NINE_KEYS = [
    "id",
    "name",
    "namespace",
    "version",
    "full_name",
    "status",
    "context",
    "created_at",
    "updated_at",
]
SEED_BODY = {
    "name": "process_payment",
    "namespace": "payments",
    "version": "2.1.0",
    "context": {
        "payment_id": 12345,
        "amount": 99.99,
        "currency": "USD",
        "customer_id": 67890,
    },
}
SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def _create(
    api: Api, name: str, namespace: str, context: Any = None, **more: Any
) -> dict[str, Any]:
    body = {"name": name, "namespace": namespace, "context": context or {}, **more}
    answer = api.post("/tasker/tasks", json=body)
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    return task


def _task(api: Api, task_id: str, query: str = "") -> dict[str, Any]:
    answer = api.get(f"/tasker/tasks/{task_id}{query}")
    assert answer.status_code == 200, answer.text
    task: dict[str, Any] = answer.json()
    return task


def _when_step(api: Api, task_id: str, name: str, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        task = _task(api, task_id, "?include_dependencies=true")
        step = next(step for step in task["steps"] if step["name"] == name)
        return task if step["status"] == status else None

    return wait_for(look, f"step {name} to be {status}")


def _when(api: Api, task_id: str, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        task = _task(api, task_id, "?include_dependencies=true")
        return task if task["status"] == status else None

    return wait_for(look, f"task {task_id} to be {status}")


def test_tasker_023_024_the_seeds_request_is_created_with_exactly_its_keys(api: Api) -> None:
    answer = api.post("/tasker/tasks", json=SEED_BODY)

    assert answer.status_code == 201
    assert list(answer.json()) == NINE_KEYS


def test_tasker_025_the_answer_is_the_seeds(api: Api) -> None:
    task = api.post("/tasker/tasks", json=SEED_BODY).json()

    assert str(uuid.UUID(task["id"])) == task["id"]
    assert task["status"] == "pending"
    assert task["full_name"] == "payments.process_payment@2.1.0"
    assert task["context"] == SEED_BODY["context"]
    assert task["created_at"] == task["updated_at"]
    assert SECOND.fullmatch(task["created_at"])


def test_tasker_026_a_payment_id_is_enough(api: Api) -> None:
    task = _create(api, "process_payment", "payments", {"payment_id": 123})

    assert task["version"] == "2.1.0"
    assert _when(api, task["id"], "complete")["steps"][3]["status"] == "complete"


def test_tasker_027_more_fields_are_taken_and_shown_when_asked_for(api: Api) -> None:
    more = {
        "initiator": "billing",
        "source_system": "shop",
        "reason": "order 17",
        "tags": ["a", "b"],
        "requested_at": "2024-01-15T10:30:00Z",
        "bypass_steps": ["send_confirmation"],
    }
    task = _create(api, "process_payment", "payments", {"payment_id": 123}, **more)

    done = _when(api, task["id"], "complete")

    skipped = done["steps"][3]
    assert (skipped["status"], skipped["results"]) == ("complete", {"skipped": True})
    origin = _task(api, task["id"], "?extended=true")["origin"]
    assert origin == {key: value for key, value in more.items() if key != "bypass_steps"}


def test_tasker_027_only_skippable_steps_are_bypassed(api: Api) -> None:
    body = SEED_BODY | {"bypass_steps": ["charge_card"]}

    assert api.post("/tasker/tasks", json=body).status_code == 422


def test_tasker_028_a_missing_namespace_and_a_bad_version_are_told_together(api: Api) -> None:
    body = {"name": "process_payment", "version": "two", "context": {}}

    answer = api.post("/tasker/tasks", json=body)

    assert answer.status_code == 422
    assert answer.json() == {
        "error": {
            "type": "ValidationError",
            "message": "Invalid task configuration",
            "details": {
                "namespace": ["must be present"],
                "version": ["must be a valid semantic version"],
            },
            "code": "INVALID_TASK_CONFIG",
        }
    }


def test_tasker_028_a_context_against_the_schema_is_422(api: Api) -> None:
    answer = api.post("/tasker/tasks", json=SEED_BODY | {"context": {}})

    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error["code"] == "INVALID_TASK_CONFIG"
    assert set(error["details"]) == {"context.payment_id"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 5),
        ("namespace", ["payments"]),
        ("version", 2.1),
        ("context", "text"),
        ("context", []),
        ("tags", "a"),
        ("bypass_steps", [1]),
    ],
)
def test_tasker_028_a_field_of_the_wrong_type_is_400(api: Api, field: str, value: Any) -> None:
    answer = api.post("/tasker/tasks", json=SEED_BODY | {field: value})

    assert answer.status_code == 400
    assert set(answer.json()["error"]["details"]) == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\x00b"),
        ("namespace", "a\u0000"),
        ("version", "1.0"),
        ("version", ""),
        ("version", "01.0.0"),
        ("requested_at", "yesterday"),
        ("surplus", 1),
    ],
)
def test_tasker_028_a_well_formed_but_invalid_field_is_422(
    api: Api, field: str, value: Any
) -> None:
    answer = api.post("/tasker/tasks", json=SEED_BODY | {field: value})

    assert answer.status_code == 422
    assert set(answer.json()["error"]["details"]) == {field}


def test_tasker_029_an_unknown_handler_is_the_seeds_404(api: Api) -> None:
    body = SEED_BODY | {"name": "unknown_handler", "version": "1.0.0"}

    answer = api.post("/tasker/tasks", json=body)

    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "type": "HandlerNotFound",
            "message": "Handler 'unknown_handler' not found in namespace 'payments' "
            "version '1.0.0'",
            "code": "HANDLER_NOT_FOUND",
        }
    }


def test_tasker_029_an_unknown_namespace_is_the_seeds_404(api: Api) -> None:
    answer = api.post("/tasker/tasks", json=SEED_BODY | {"namespace": "unknown_namespace"})

    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "type": "NamespaceNotFound",
            "message": "Namespace 'unknown_namespace' does not exist",
            "code": "NAMESPACE_NOT_FOUND",
        }
    }


@pytest.mark.parametrize("body", ["{", "[]", "null", '"text"', '{"name": NaN}', "\xff"])
def test_tasker_030_a_malformed_body_is_400(api: Api, body: str) -> None:
    headers = {"Content-Type": "application/json"}

    answer = api.post("/tasker/tasks", data=body.encode("latin-1"), headers=headers)

    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"type", "message", "code"}


def test_tasker_031_the_list_has_tasks_and_pagination(api: Api) -> None:
    _create(api, "parked", "waiting")

    answer = api.get("/tasker/tasks")

    assert answer.status_code == 200
    assert list(answer.json()) == ["tasks", "pagination"]
    assert list(answer.json()["pagination"]) == [
        "current_page",
        "per_page",
        "total_pages",
        "total_count",
    ]


def test_tasker_032_rows_have_the_nine_keys(api: Api) -> None:
    _create(api, "parked", "waiting")

    for task in api.get("/tasker/tasks").json()["tasks"]:
        assert list(task) == NINE_KEYS


def test_tasker_033_filters_hold_alone_and_together(api: Api) -> None:
    old = _create(api, "parked", "waiting", version="1.0.0")
    new = _create(api, "parked", "waiting", version="2.0.0")
    done = _create(api, "versioned", "shelf", version="1.9.0")
    _when(api, done["id"], "complete")

    def ids(query: str) -> set[str]:
        tasks = api.get(f"/tasker/tasks?per_page=100&{query}").json()["tasks"]
        return {task["id"] for task in tasks}

    mine = {old["id"], new["id"], done["id"]}
    assert ids("namespace=waiting") & mine == {old["id"], new["id"]}
    assert ids("version=2.0.0") & mine == {new["id"]}
    assert ids("status=complete") & mine == {done["id"]}
    assert ids("namespace=waiting&version=1.0.0&status=pending") & mine == {old["id"]}
    assert ids("namespace=shelf&status=pending") == set()
    assert ids("namespace=nowhere") == set()


def test_tasker_034_pages_hold_25_and_at_most_100(api: Api) -> None:
    for query, size in (("", 25), ("?per_page=10", 10), ("?per_page=5000", 100)):
        assert api.get(f"/tasker/tasks{query}").json()["pagination"]["per_page"] == size


def test_tasker_035_42_tasks_make_five_pages_of_ten(api: Api) -> None:
    jobs = [{"task_id": "crowd.parked@3.0.0", "input": {}} for _ in range(42)]
    made = api.post("/api/v1/jobs/batch", json={"jobs": jobs}).json()
    assert made["accepted"] == 42, made["items"][0]
    query = "namespace=crowd&version=3.0.0&status=pending&per_page=10"

    pages = [api.get(f"/tasker/tasks?{query}&page={page}").json() for page in range(1, 7)]

    assert [len(page["tasks"]) for page in pages] == [10, 10, 10, 10, 2, 0]
    assert pages[0]["pagination"] == {
        "current_page": 1,
        "per_page": 10,
        "total_pages": 5,
        "total_count": 42,
    }
    ids = [task["id"] for page in pages for task in page["tasks"]]
    assert len(set(ids)) == 42


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=x",
        "per_page=0",
        "per_page=x",
        "status=done",
        "status=PENDING",
        "limit=5",
        "page=1&page=2",
        "extended=maybe",
        "namespace=a%00b",
    ],
)
def test_tasker_036_bad_parameters_are_400(api: Api, query: str) -> None:
    answer = api.get(f"/tasker/tasks?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "BadRequest"


def test_tasker_037_an_empty_list_keeps_the_page_that_was_asked_for(api: Api) -> None:
    answer = api.get("/tasker/tasks?namespace=nowhere&page=3").json()

    assert answer == {
        "tasks": [],
        "pagination": {"current_page": 3, "per_page": 25, "total_pages": 0, "total_count": 0},
    }


def test_tasker_038_the_newest_comes_first_without_doubles_or_gaps(api: Api) -> None:
    made = [_create(api, "parked", "waiting", {"n": n})["id"] for n in range(12)]

    pages = [
        api.get(f"/tasker/tasks?namespace=waiting&per_page=4&page={page}").json()["tasks"]
        for page in (1, 2, 3)
    ]

    assert [task["id"] for page in pages for task in page] == made[::-1]


def test_tasker_039_040_a_task_shows_its_steps_with_exactly_the_seeds_keys(api: Api) -> None:
    task = _task(api, _create(api, "parked", "waiting")["id"])

    assert list(task) == [*NINE_KEYS[:7], "steps", "created_at", "updated_at"]
    assert task["steps"] == [
        {
            "name": name,
            "status": "pending",
            "results": None,
            "attempts": 0,
            "started_at": None,
            "completed_at": None,
        }
        for name in ("first", "second")
    ]


def test_tasker_041_to_046_a_running_task_is_told_as_in_the_seed(api: Api, gate: Path) -> None:
    made = _create(api, "order", "shop", {"gate": str(gate)})

    task = _when_step(api, made["id"], "charge", "in_progress")

    first, second, third = task["steps"]
    assert task["status"] == "in_progress"
    assert first["status"] == "complete"
    assert first["results"] == {"valid": True, "validation_id": "val_123"}
    assert first["attempts"] == 1
    assert SECOND.fullmatch(first["completed_at"])
    assert second["results"] is None
    assert second["attempts"] == 1
    assert SECOND.fullmatch(second["started_at"])
    assert second["completed_at"] is None
    assert (third["status"], third["attempts"]) == ("pending", 0)
    assert task["dependencies"] == {
        "analysis": "Task is progressing normally through dependency chain",
        "blocked_steps": [],
        "ready_steps": ["charge"],
        "completed_steps": ["validate"],
    }
    assert task["created_at"] == made["created_at"]
    assert task["updated_at"] >= made["updated_at"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?include_dependencies=true", True),
        ("?include_dependencies=1", True),
        ("?include_dependencies=false", False),
        ("", False),
    ],
)
def test_tasker_043_dependencies_are_shown_when_asked_for(
    api: Api, query: str, shown: bool
) -> None:
    task = _create(api, "parked", "waiting")

    assert ("dependencies" in _task(api, task["id"], query)) is shown


def test_tasker_044_045_a_failure_blocks_what_is_below_it(api: Api, tmp_path: Path) -> None:
    made = _create(api, "diamond", "shop", {"repaired": str(tmp_path / "never")})

    task = _when(api, made["id"], "error")

    assert task["dependencies"]["blocked_steps"] == ["end"]
    assert task["dependencies"]["completed_steps"] == ["start", "right"]
    assert "left" in task["dependencies"]["analysis"]
    assert {step["name"]: step["status"] for step in task["steps"]} == {
        "start": "complete",
        "left": "error",
        "right": "complete",
        "end": "pending",
    }


def test_tasker_046_a_cancelled_task_says_so(api: Api) -> None:
    task_id = _create(api, "parked", "waiting")["id"]

    api.post(f"/api/v1/jobs/{task_id}/cancel")

    task = _task(api, task_id)
    assert task["status"] == "cancelled"
    assert {step["status"] for step in task["steps"]} == {"cancelled"}


@pytest.mark.parametrize(
    "task_id", ["TASK_ID", "1", "%00", "01a20503-afd6-71c6-870c-000000000000", "x" * 500]
)
def test_tasker_047_an_unknown_task_is_404(api: Api, task_id: str) -> None:
    answer = api.get(f"/tasker/tasks/{task_id}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "TASK_NOT_FOUND"


def test_the_same_key_and_request_give_the_same_task(api: Api) -> None:
    headers = {"Idempotency-Key": f"task-{uuid.uuid4()}"}
    answers = [api.post("/tasker/tasks", json=SEED_BODY, headers=headers) for _ in range(2)]
    other = api.post("/tasker/tasks", json=SEED_BODY | {"version": "2.0.0"}, headers=headers)

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert other.status_code == 409
