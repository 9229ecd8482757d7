"""Tests of run control in the graph."""

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


def test_a_job_is_paused_and_resumed(ask: Ask, job: str) -> None:
    body = ask(
        """mutation($id: ID!) {
          pauseJob(jobId: $id) { job { status waiting_for } }
          again: pauseJob(jobId: $id) { job { waiting_for } }
          resumeJob(jobId: $id) { job { status waiting_for } }
        }""",
        id=job,
    )

    assert body["data"]["pauseJob"]["job"] == {"status": "running", "waiting_for": "resume"}
    assert body["data"]["resumeJob"]["job"] == {"status": "pending", "waiting_for": None}
    refused = ask("mutation($id: ID!) { resumeJob(jobId: $id) { job { id } } }", id=job)
    assert code_of(refused) == "CONFLICT"


def test_a_job_is_done_again(ask: Ask, job: str) -> None:
    rerun = """mutation($id: ID!, $version: String, $step: String) {
      rerunJob(jobId: $id, version: $version, fromStep: $step, idempotencyKey: "again") {
        created job { rerun_of input }
      }
    }"""

    first, second = ask(rerun, id=job), ask(rerun, id=job)

    assert first["data"]["rerunJob"] == {
        "created": True,
        "job": {"rerun_of": job, "input": {"n": 1}},
    }
    assert second["data"]["rerunJob"]["created"] is False
    assert code_of(ask(rerun, id=job, step="nothing")) == "VALIDATION_FAILED"
    assert code_of(ask(rerun, id=job, version="newest")) == "VALIDATION_FAILED"
    unknown = ask(rerun, id="01a20503-afd6-71c6-870c-000000000000")
    assert code_of(unknown) == "JOB_NOT_FOUND"


def test_a_task_and_a_queue_are_paused_and_resumed(ask: Ask) -> None:
    body = ask(
        """mutation {
          pauseTask(taskId: "echo") { task_id paused changed }
          resumeTask(taskId: "echo") { paused changed }
          pauseQueue(queue: "slow") { queue paused changed }
          resumeQueue(queue: "slow") { changed }
          again: resumeQueue(queue: "slow") { changed }
        }"""
    )

    assert body["data"]["pauseTask"] == {"task_id": "echo", "paused": True, "changed": True}
    assert body["data"]["resumeTask"] == {"paused": False, "changed": True}
    assert body["data"]["pauseQueue"] == {"queue": "slow", "paused": True, "changed": True}
    assert (body["data"]["resumeQueue"], body["data"]["again"]) == (
        {"changed": True},
        {"changed": False},
    )
    unknown = ask('mutation { pauseTask(taskId: "nothing") { paused } }')
    assert code_of(unknown) == "TASK_NOT_FOUND"


def test_a_job_has_times(ask: Ask) -> None:
    body = ask(
        """mutation { executeTask(taskId: "echo", delayS: 60, timeLimitS: 1.5) {
          job { created_at scheduled_for deadline }
        } }"""
    )

    job = body["data"]["executeTask"]["job"]
    assert job["created_at"] < job["scheduled_for"] < job["deadline"]
    wrong = ask('mutation { executeTask(taskId: "echo", delayS: -1) { job { id } } }')
    assert code_of(wrong) in {"BAD_REQUEST", "VALIDATION_FAILED"}


def test_many_jobs_are_looked_at_and_changed(ask: Ask, job: str) -> None:
    chosen = {"idIn": [job]}
    verb = """mutation($filter: JobFilter, $dry: Boolean, $count: Int) {
      cancelJobs(filter: $filter, dryRun: $dry, expected: $count) {
        dry_run matched done remaining sample { id status }
      }
    }"""

    look, done = ask(verb, filter=chosen, dry=True), ask(verb, filter=chosen, count=1)

    assert look["data"]["cancelJobs"]["sample"] == [{"id": job, "status": "pending"}]
    assert look["data"]["cancelJobs"]["dry_run"] is True
    assert (done["data"]["cancelJobs"]["done"], done["data"]["cancelJobs"]["remaining"]) == (1, 0)
    assert code_of(ask(verb, filter=chosen, count=1)) == "NOTHING_MATCHES"
    assert code_of(ask(verb, filter={}, dry=True)) == "VALIDATION_FAILED"
    others = """mutation($filter: JobFilter) {
      retryJobs(filter: $filter, limit: 5) { done }
      cancelJobs(filter: $filter, limit: 5) { done }
      deleteJobs(filter: $filter, limit: 5) { done }
    }"""
    assert ask(others, filter=chosen)["data"] == {
        "retryJobs": {"done": 1},
        "cancelJobs": {"done": 1},
        "deleteJobs": {"done": 1},
    }
