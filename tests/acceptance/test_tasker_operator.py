"""What operators do over `/tasker`: settle tasks and steps, note things, read the audit trail."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api
from tests.waiting import wait_for

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def repaired(tmp_path: Path) -> Path:
    """Give the path of a file without which fragile steps fail for good."""
    return tmp_path / f"repaired-{uuid.uuid4().hex}"


def _create(api: Api, name: str, namespace: str = "default", **context: Any) -> str:
    body = {"name": name, "namespace": namespace, "context": context}
    answer = api.post("/tasker/tasks", json=body)
    assert answer.status_code == 201, answer.text
    task_id: str = answer.json()["id"]
    return task_id


def _when(api: Api, task_id: str, status: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        task = api.get(f"/tasker/tasks/{task_id}?include_dependencies=true").json()
        return task if task["status"] == status else None

    return wait_for(look, f"task {task_id} to be {status}")


def _broken(api: Api, repaired: Path) -> str:
    """Return a diamond of which `left` is in error: `start`, `right` done, `end` blocked."""
    task_id = _create(api, "diamond", "shop", repaired=str(repaired))
    _when(api, task_id, "error")
    return task_id


def _step(api: Api, task_id: str, name: str) -> dict[str, Any]:
    answer = api.get(f"/tasker/tasks/{task_id}/workflow_steps/{name}")
    assert answer.status_code == 200, answer.text
    step: dict[str, Any] = answer.json()
    return step


def _trail(api: Api, task_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/tasker/tasks/{task_id}/audit").json()["transitions"]
    return found


def test_steps_are_listed_with_why_they_do_not_run(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)

    steps = api.get(f"/tasker/tasks/{task_id}/workflow_steps").json()["steps"]

    by_name = {step["name"]: step for step in steps}
    assert list(by_name) == ["start", "left", "right", "end"]
    assert [by_name[name]["status"] for name in by_name] == [
        "complete",
        "error",
        "complete",
        "pending",
    ]
    assert by_name["end"]["blocking_reason"] == "dependencies_not_satisfied"
    assert by_name["left"]["blocking_reason"] == "retry_not_eligible"
    assert by_name["left"]["children"] == ["end"]
    assert by_name["left"]["error"] == "it is broken"
    assert by_name["start"]["processed"] is True
    assert _step(api, task_id, by_name["end"]["workflow_step_id"]) == by_name["end"]


def test_a_step_completed_with_results_lets_the_task_complete(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)
    path = f"/tasker/tasks/{task_id}/workflow_steps/left/complete"

    answer = api.post(path, json={"results": {"by": "phone"}, "reason": "called the bank"})

    assert (answer.status_code, answer.json()["status"]) == (200, "complete")
    assert answer.json()["results"] == {"by": "phone"}
    done = _when(api, task_id, "complete")
    assert done["dependencies"]["blocked_steps"] == []
    [move] = [item for item in _trail(api, task_id) if item["reason"] == "called the bank"]
    assert (move["step_name"], move["from_state"], move["to_state"]) == (
        "left",
        "error",
        "complete",
    )
    assert move["by"] == "anonymous"


def test_a_resolved_step_lets_the_task_go_on(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)

    answer = api.post(f"/tasker/tasks/{task_id}/workflow_steps/left/resolve")

    assert answer.json()["status"] == "resolved_manually"
    assert answer.json()["results"] is None
    assert _when(api, task_id, "complete")["steps"][1]["status"] == "resolved_manually"


def test_a_step_is_edited_and_retried(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)
    other = repaired.with_name("other")
    other.touch()
    path = f"/tasker/tasks/{task_id}/workflow_steps/left"

    edited = api.call("PATCH", path, json={"inputs": {"repaired": str(other)}, "retry_limit": 2})
    retried = api.post(f"{path}/retry", json={"reason": "other file"})

    assert edited.json()["inputs"] == {"repaired": str(other)}
    assert (edited.json()["retry_limit"], edited.json()["status"]) == (2, "error")
    assert retried.status_code == 200
    done = _when(api, task_id, "complete")
    assert done["steps"][1]["results"] == {"repaired": str(other)}
    assert done["steps"][1]["attempts"] == 2
    assert done["context"] == {"repaired": str(repaired)}


def test_a_cancelled_step_ends_its_task_in_error_and_a_retry_mends_it(api: Api, gate: Path) -> None:
    task_id = _create(api, "gated", gate=str(gate))
    _when(api, task_id, "in_progress")

    answer = api.delete(f"/tasker/tasks/{task_id}/workflow_steps/gated")

    assert answer.json()["status"] == "cancelled"
    assert _when(api, task_id, "error")["steps"][0]["status"] == "cancelled"
    assert api.delete(f"/tasker/tasks/{task_id}/workflow_steps/gated").status_code == 200
    gate.touch()
    assert api.post(f"/tasker/tasks/{task_id}/retry").status_code == 200
    _when(api, task_id, "complete")


def test_a_running_step_is_completed_by_hand_and_its_attempt_is_told_to_stop(
    api: Api, gate: Path
) -> None:
    task_id = _create(api, "gated", gate=str(gate))
    wait_for(lambda: _step(api, task_id, "gated")["in_process"] or None, "the step to be under way")

    api.post(f"/tasker/tasks/{task_id}/workflow_steps/gated/complete", json={"results": 1})

    assert _when(api, task_id, "complete")["steps"][0]["results"] == 1
    wait_for(lambda: Path(f"{gate}.stopped").exists() or None, "the attempt to stop")


def test_a_task_is_resolved_for_good(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)

    answer = api.post(f"/tasker/tasks/{task_id}/resolve", json={"reason": "written off"})

    assert answer.json()["status"] == "resolved_manually"
    again = api.post(f"/tasker/tasks/{task_id}/resolve")
    assert (again.status_code, again.json()["error"]["type"]) == (409, "Conflict")
    assert again.json()["error"]["message"].startswith(f"Task '{task_id}' is resolved")
    found = api.get("/tasker/tasks?status=resolved_manually&namespace=shop").json()["tasks"]
    assert task_id in [task["id"] for task in found]


def test_a_reset_task_runs_every_step_again(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)
    repaired.touch()

    answer = api.post(f"/tasker/tasks/{task_id}/reset")

    assert answer.status_code == 200, answer.text
    done = _when(api, task_id, "complete")
    assert [step["attempts"] for step in done["steps"]] == [2, 2, 2, 1]


def test_a_task_goes_on_from_a_step_that_it_has(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)
    repaired.touch()

    unknown = api.post(f"/tasker/tasks/{task_id}/retry", json={"from_step": "nope"})
    answer = api.post(f"/tasker/tasks/{task_id}/retry", json={"from_step": "right"})

    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "StepNotFound")
    assert answer.status_code == 200
    done = _when(api, task_id, "complete")
    assert [step["attempts"] for step in done["steps"]] == [1, 2, 2, 1]


def test_a_task_is_cancelled_with_its_steps(api: Api, gate: Path) -> None:
    task_id = _create(api, "gated", gate=str(gate))

    first, second = (api.delete(f"/tasker/tasks/{task_id}") for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["status"] == "cancelled"
    assert _step(api, task_id, "gated")["status"] == "cancelled"


def test_reason_and_tags_of_a_task_change(api: Api) -> None:
    task_id = _create(api, "echo")
    path = f"/tasker/tasks/{task_id}"

    api.call("PATCH", path, json={"reason": "new", "tags": ["a", "b"]})
    answer = api.call("PATCH", path, json={"reason": None})

    assert answer.json()["origin"] == {"tags": ["a", "b"]}


def test_annotations_are_noted_listed_by_type_and_taken_away(api: Api) -> None:
    task_id = _create(api, "echo")
    path = f"/tasker/tasks/{task_id}/annotations"

    made = api.post(path, json={"annotation_type": "ticket", "annotation": {"id": 7}})
    api.post(path, json={"annotation_type": "note", "annotation": None})

    assert made.status_code == 201
    assert made.json()["created_by"] == "anonymous"
    assert len(api.get(path).json()["annotations"]) == 2
    tickets = api.get(f"{path}?annotation_type=ticket").json()["annotations"]
    assert tickets == [made.json()]
    assert api.delete(f"{path}/{made.json()['task_annotation_id']}").status_code == 204
    assert api.delete(f"{path}/{made.json()['task_annotation_id']}").status_code == 404


def test_the_audit_trail_is_read_in_parts(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)
    path = f"/tasker/tasks/{task_id}/audit"

    first = api.get(f"{path}?limit=2").json()
    rest = api.get(f"{path}?after={first['next_after']}").json()["transitions"]

    whole = first["transitions"] + rest
    assert whole == _trail(api, task_id)
    assert (whole[0]["event"], whole[0]["from_state"], whole[0]["to_state"]) == (
        "run.created",
        None,
        "pending",
    )
    of_left = [item for item in whole if item["step_name"] == "left"]
    assert [item["to_state"] for item in of_left][-1] == "error"
    assert of_left[-1]["attempt"] == 1
    assert whole[-1]["event"] == "run.failed"
    assert whole[-1]["to_state"] == "error"


def test_tasker_001_the_dependencies_of_a_task_are_analysed(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)

    found = api.get(f"/tasker/tasks/{task_id}/dependency_analysis").json()

    assert found["critical_paths"]["longest_path_length"] == 3
    assert found["critical_paths"]["total_paths"] == 2
    assert found["critical_paths"]["paths"][0]["step_names"] == ["start", "left", "end"]
    assert found["parallelism_opportunities"]["max_parallel_steps"] == 2
    assert found["error_chains"]["recovery_priority"] == ["left"]
    assert found["bottlenecks"]["bottlenecks"][0]["type"] == "Non-Retryable"
    assert found["task_execution_summary"]["overall_health"] == "critical"
    path = f"/tasker/tasks/{task_id}?include_dependencies=true&extended=true"
    extended = api.get(path).json()["dependency_analysis"]
    assert extended["dependency_graph"] == found["dependency_graph"]
    plain = api.get(f"/tasker/tasks/{task_id}?include_dependencies=true").json()
    assert "dependency_analysis" not in plain


def test_a_task_and_a_handler_are_drawn(api: Api, repaired: Path) -> None:
    task_id = _broken(api, repaired)

    flow = api.get(f"/tasker/tasks/{task_id}/diagram")
    picture = api.get(f"/tasker/tasks/{task_id}/diagram.svg")
    handler = api.get("/tasker/handlers/shop/diamond/diagram?version=1.0.0")
    drawn = api.get("/tasker/handlers/shop/diamond/diagram.svg")

    assert 's1["left<br/>error"]:::error' in flow.text
    assert "s0 --> s1" in flow.text
    assert picture.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert picture.text.count("<line ") == 4
    assert 'title: "shop.diamond@1.0.0"' in handler.text
    assert drawn.text.count("<rect ") == 5
    assert api.get("/tasker/handlers/shop/nope/diagram").status_code == 404


#: Method, path below a task, body, status, and a word of the answer.
BAD: dict[str, tuple[str, str, Any, int, str]] = {
    "nothing to change": ("PATCH", "", {}, 422, "Nothing is to change"),
    "a reason that is no text": ("PATCH", "", {"reason": 7}, 400, "must be text"),
    "a long reason": ("PATCH", "", {"reason": "x" * 129}, 422, "at most 128"),
    "too many tags": ("PATCH", "", {"tags": ["t"] * 101}, 422, "at most 100"),
    "a tag that is no text": ("PATCH", "", {"tags": [1]}, 400, "a list of texts"),
    "an unknown field": ("PATCH", "", {"status": "complete"}, 422, "unknown"),
    "a body that is no object": ("PATCH", "", [1], 400, "JSON object"),
    "a step that is no text": ("POST", "/retry", {"from_step": 1}, 400, "must be text"),
    "retrying what runs": ("POST", "/retry", {}, 409, "cannot be asked to retry"),
    "resetting what runs": ("POST", "/reset", {}, 409, "cannot be asked to retry"),
    "resolving what runs": ("POST", "/resolve", {}, 409, "cannot be asked to resolve"),
    "a step that is none": ("POST", "/workflow_steps/x/retry", {}, 404, "has no step 'x'"),
    "a limit that is no number": (
        "PATCH",
        "/workflow_steps/gated",
        {"retry_limit": "3"},
        400,
        "whole number",
    ),
    "a limit out of range": ("PATCH", "/workflow_steps/gated", {"retry_limit": -1}, 422, "1000"),
    "inputs that are no object": ("PATCH", "/workflow_steps/gated", {"inputs": 1}, 400, "object"),
    "no results": ("POST", "/workflow_steps/gated/complete", {}, 422, "results"),
    "retrying a step that runs": ("POST", "/workflow_steps/gated/retry", {}, 409, "be retried"),
    "resolving a step that runs": ("POST", "/workflow_steps/gated/resolve", {}, 409, "resolve"),
    "no kind of annotation": ("POST", "/annotations", {"annotation": 1}, 422, "annotation_type"),
    "an empty kind": (
        "POST",
        "/annotations",
        {"annotation_type": "", "annotation": 1},
        422,
        "1 to 64",
    ),
    "a kind that is no text": (
        "POST",
        "/annotations",
        {"annotation_type": {}, "annotation": 1},
        400,
        "text",
    ),
    "an annotation that is none": ("DELETE", "/annotations/nope", None, 404, "no annotation"),
    "an unknown parameter": ("GET", "/audit?sort=x", None, 400, "sort"),
    "a limit of entries out of range": ("GET", "/audit?limit=1001", None, 400, "limit"),
    "a wrong method": ("PUT", "", {}, 405, "not allowed"),
}


@pytest.fixture(scope="module")
def running(stack: str, contract: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give the id of a task whose step is under way, until all tests have seen it."""
    gate = tmp_path_factory.mktemp("bad") / "gate"
    api = Api(stack, contract)
    task_id = _create(api, "gated", gate=str(gate))
    wait_for(lambda: _step(api, task_id, "gated")["in_process"] or None, "the step to start")
    yield task_id
    gate.touch()
    api.session.close()


@pytest.mark.parametrize("what", BAD)
def test_tasker_048_bad_input_is_told(api: Api, running: str, what: str) -> None:
    method, path, body, status, word = BAD[what]

    answer = api.call(method, f"/tasker/tasks/{running}{path}", json=body)

    assert answer.status_code == status, answer.text
    assert word in answer.text
    assert set(answer.json()["error"]) - {"details"} == {"type", "message", "code"}


@pytest.mark.parametrize("task_id", ["nope", NOBODY])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/retry"),
        ("POST", "/resolve"),
        ("POST", "/reset"),
        ("GET", "/audit"),
        ("GET", "/annotations"),
        ("GET", "/workflow_steps"),
        ("GET", "/workflow_steps/a"),
        ("DELETE", "/workflow_steps/a"),
        ("GET", "/dependency_analysis"),
        ("GET", "/diagram"),
        ("GET", "/diagram.svg"),
    ],
)
def test_tasker_047_an_unknown_task_is_404_everywhere(
    api: Api, task_id: str, method: str, path: str
) -> None:
    body = {"reason": "x"} if method == "PATCH" else None

    answer = api.call(method, f"/tasker/tasks/{task_id}{path}", json=body)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "TASK_NOT_FOUND"
