"""Tests of what operators do in the graph: notes, steps, batches, deliveries, tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., dict[str, Any]]


def code_of(body: dict[str, Any]) -> str:
    code: str = body["errors"][0]["extensions"]["code"]
    return code


@pytest.fixture
def job(ask: Ask) -> str:
    """Give the id of a job that nobody works at."""
    body = ask('mutation { executeTask(taskId: "echo", input: {n: 1}) { job { id } } }')
    job_id: str = body["data"]["executeTask"]["job"]["id"]
    return job_id


def test_notes_are_made_shown_and_taken_away(ask: Ask, job: str) -> None:
    made = ask(
        """mutation($id: ID!) { annotateJob(jobId: $id, kind: "review", value: {ok: [1]}) {
          annotation { id kind value created_by } } }""",
        id=job,
    )["data"]["annotateJob"]["annotation"]
    shown = "query($id: ID!) { job(id: $id) { annotations { id kind value } } }"
    before = ask(shown, id=job)["data"]["job"]["annotations"]
    gone = ask(
        "mutation($id: ID!, $note: ID!) { deleteAnnotation(jobId: $id, id: $note) { id } }",
        id=job,
        note=made["id"],
    )
    again = ask(
        'mutation($id: ID!) { deleteAnnotation(jobId: $id, id: "odd") { id } }',
        id=job,
    )

    assert before == [{"id": made["id"], "kind": "review", "value": {"ok": [1]}}]
    assert gone["data"]["deleteAnnotation"] == {"id": made["id"]}
    assert ask(shown, id=job)["data"]["job"]["annotations"] == []
    assert code_of(again) == "ANNOTATION_NOT_FOUND"


def test_a_step_is_changed_and_completed_by_hand(ask: Ask, job: str) -> None:
    step = "query($id: ID!) { job(id: $id) { max_retries steps { name } } }"
    name = ask(step, id=job)["data"]["job"]["steps"][0]["name"]
    changed = ask(
        """mutation($id: ID!, $step: String!) {
          updateStep(jobId: $id, step: $step, retryLimit: 4, retryable: true) {
            job { max_retries } } }""",
        id=job,
        step=name,
    )
    nothing = ask(
        "mutation($id: ID!, $s: String!) { updateStep(jobId: $id, step: $s) { job { id } } }",
        id=job,
        s=name,
    )
    done = ask(
        """mutation($id: ID!, $step: String!) {
          completeStep(jobId: $id, step: $step, result: {by: "hand"}, reason: "seen") {
            job { status result } } }""",
        id=job,
        step=name,
    )

    assert changed["data"]["updateStep"]["job"]["max_retries"] == 3
    assert code_of(nothing) == "VALIDATION_FAILED"
    assert done["data"]["completeStep"]["job"] == {"status": "completed", "result": {"by": "hand"}}


def test_a_cancelled_step_runs_again_and_a_job_starts_anew(ask: Ask, job: str) -> None:
    name = ask("query($id: ID!) { job(id: $id) { steps { name } } }", id=job)["data"]["job"][
        "steps"
    ][0]["name"]
    body = ask(
        """mutation($id: ID!, $s: String!) {
          cancelStep(jobId: $id, step: $s) { job { status steps { status } } }
          retryStep(jobId: $id, step: $s, reason: "again") { job { steps { status } } }
          cancelJob(jobId: $id) { job { status } }
          resetJob(jobId: $id) { job { status } }
          updateJob(jobId: $id, reason: "a test", tags: ["x"]) { job { metadata } }
        }""",
        id=job,
        s=name,
    )

    data = body["data"]
    assert data["cancelStep"]["job"]["steps"] == [{"status": "cancelled"}]
    assert data["retryStep"]["job"]["steps"] == [{"status": "ready"}]
    assert data["cancelJob"]["job"]["status"] == "cancelled"
    assert data["resetJob"]["job"]["status"] == "pending"
    assert data["updateJob"]["job"]["metadata"] == {"reason": "a test", "tags": ["x"]}


CREATE = """mutation($jobs: [JobRequest!]!, $atomic: Boolean) {
  createJobs(jobs: $jobs, atomic: $atomic) {
    accepted refused items { index created job { id input priority } error { code details } }
  }
}"""


def test_many_jobs_are_made_and_those_that_are_refused_are_told(ask: Ask) -> None:
    jobs = [
        {"taskId": "echo", "input": {"n": 1}, "priority": "high", "idempotencyKey": None},
        {"taskId": "absent"},
        {"taskId": "echo", "delayS": -1},
    ]

    made = ask(CREATE, jobs=jobs)["data"]["createJobs"]
    none = ask(CREATE, jobs=jobs, atomic=True)

    assert (made["accepted"], made["refused"]) == (1, 2)
    assert made["items"][0]["created"] is True
    assert made["items"][0]["job"]["input"] == {"n": 1}
    assert made["items"][0]["job"]["priority"] == 10
    assert [item["error"]["code"] for item in made["items"][1:]] == [
        "TASK_NOT_FOUND",
        "VALIDATION_FAILED",
    ]
    assert list(made["items"][2]["error"]["details"]) == ["delayS"]
    assert code_of(none) == "VALIDATION_FAILED"
    assert code_of(ask(CREATE, jobs=[])) == "VALIDATION_FAILED"


def test_an_ended_job_is_deleted(ask: Ask, job: str) -> None:
    delete = "mutation($id: ID!) { deleteJob(jobId: $id) { job_id } }"

    early = ask(delete, id=job)
    ask("mutation($id: ID!) { cancelJob(jobId: $id) { job { id } } }", id=job)
    late = ask(delete, id=job)

    assert code_of(early) == "CONFLICT"
    assert late["data"]["deleteJob"] == {"job_id": job}
    assert code_of(ask("query($id: ID!) { job(id: $id) { id } }", id=job)) == "JOB_NOT_FOUND"


def test_a_task_is_validated_shown_in_its_versions_and_restored(ask: Ask) -> None:
    validate = """query($input: JSON) {
      validateTask(taskId: "weather-api", input: $input) { valid task_id version errors }
    }"""
    bad = ask(validate, input={})["data"]["validateTask"]
    good = ask(validate, input={"city": "Oslo"})["data"]["validateTask"]
    versions = ask('{ taskVersions(id: "weather-api") { total items { version } } }')["data"]

    assert bad["valid"] is False
    assert bad["errors"]
    assert good["valid"] is True
    assert good["errors"] == {}
    assert versions["taskVersions"]["total"] == len(versions["taskVersions"]["items"]) >= 2
    oldest = versions["taskVersions"]["items"][-1]["version"]
    body = ask(
        """mutation($id: ID!) { deleteTask(taskId: $id) { task_id }
          restoreTask(taskId: $id) { task { id version } } }""",
        id=f"weather-api@{oldest}",
    )
    assert body["data"]["restoreTask"]["task"]["id"] == "weather-api"
    again = ask('{ taskVersions(id: "weather-api") { total } }')["data"]["taskVersions"]
    assert again["total"] == versions["taskVersions"]["total"]


def test_what_is_paused_is_listed(ask: Ask) -> None:
    ask('mutation { pauseQueue(queue: "graph-queue") { changed } }')
    try:
        pauses = ask("{ pauses { kind name paused_by paused_at } }")["data"]["pauses"]
    finally:
        ask('mutation { resumeQueue(queue: "graph-queue") { changed } }')

    [found] = [item for item in pauses if item["name"] == "graph-queue"]
    assert found["kind"] == "queue"


def test_plugins_and_destinations_are_shown_one_by_one(ask: Ask) -> None:
    name = ask("{ plugins { name } }")["data"]["plugins"][0]["name"]
    body = ask(
        """query($name: ID!) { plugin(name: $name) { name state }
          destinations { name } deliveries { total items { id } }
          testOutputDestinations(destinations: [{type: "odd"}, 3]) {
            overall_success results { index destination_type success error } } }""",
        name=name,
    )

    assert body["data"]["plugin"]["name"] == name
    assert body["data"]["destinations"] == []
    tested = body["data"]["testOutputDestinations"]
    assert tested["overall_success"] is False
    assert [one["success"] for one in tested["results"]] == [False, False]
    assert tested["results"][0]["destination_type"] == "odd"
    assert code_of(ask('{ plugin(name: "absent") { name } }')) == "PLUGIN_NOT_FOUND"
    assert code_of(ask('{ delivery(id: "absent") { id } }')) == "DELIVERY_NOT_FOUND"
    absent = ask('mutation { enableDestination(name: "absent") { destination { name } } }')
    assert code_of(absent) == "NOT_FOUND"
    nothing = ask("mutation { redeliverMany { redelivered } }")
    assert code_of(nothing) == "VALIDATION_FAILED"
    none = ask("mutation { redeliverMany(filter: {status: null}) { dry_run matched redelivered } }")
    assert none["data"]["redeliverMany"] == {"dry_run": False, "matched": 0, "redelivered": 0}


def test_a_job_is_waited_for(ask: Ask) -> None:
    query = 'mutation($s: Float) { executeTask(taskId: "echo", waitS: $s) { job { status } } }'

    assert ask(query, s=0.01)["data"]["executeTask"]["job"]["status"] == "pending"
    assert code_of(ask(query, s=1e6)) == "BAD_REQUEST"
