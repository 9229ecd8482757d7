"""Mutations that control jobs: pause, resume, do again, and act on many; as `/api/v1` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.graphql.arguments import read_body
from ratchet_core.api.graphql.node import nodes
from ratchet_core.api.graphql.query import Fields, job_node
from ratchet_core.api.ratchet.bulk import BulkBody, JobFilter, act
from ratchet_core.api.ratchet.control import RerunBody, rerun_request, switch_queue, switch_task
from ratchet_core.api.ratchet.job import show_job
from ratchet_core.api.ratchet.jobs import permitted_run
from ratchet_core.api.ratchet.request import CreateJobBody
from ratchet_core.engine.bulk import BulkAction

Resolver = Callable[..., Any]


def pause_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Hold a job."""
    run_id = permitted_run(given["jobId"])
    return {"job": job_node(ratchet().engine.pause(run_id, principal()))}


def resume_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let a paused job go on."""
    run_id = permitted_run(given["jobId"])
    return {"job": job_node(ratchet().engine.resume(run_id, principal()))}


def rerun_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Do a job again as a new one."""
    named = {key: given[key] for key in ("version", "fromStep") if given.get(key) is not None}
    body = read_body(RerunBody, named)
    key = None
    if given.get("idempotencyKey") is not None:
        asked = {"taskId": "any", "idempotencyKey": given["idempotencyKey"]}
        key = read_body(CreateJobBody, asked)["idempotency_key"]
    submitted = ratchet().engine.rerun(rerun_request(given["jobId"], body, key))
    return {"job": job_node(submitted.run), "created": submitted.created}


def pause_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Hold all jobs of a task."""
    return switch_task(given["taskId"], paused=True)


def resume_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let the jobs of a task go on."""
    return switch_task(given["taskId"], paused=False)


def pause_queue(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let nothing be taken from a queue."""
    return switch_queue(given["queue"], paused=True)


def resume_queue(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let steps be taken from a queue again."""
    return switch_queue(given["queue"], paused=False)


def cancel_jobs(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Cancel the jobs that a filter matches."""
    return _act(BulkAction.CANCEL, given)


def retry_jobs(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Run the failed or cancelled jobs again that a filter matches."""
    return _act(BulkAction.RETRY, given)


def delete_jobs(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Delete the ended jobs that a filter matches."""
    return _act(BulkAction.DELETE, given)


def _act(action: BulkAction, given: Mapping[str, Any]) -> Fields:
    said = {key: value for key, value in given.items() if value is not None}
    chosen = {key: value for key, value in said.pop("filter", {}).items() if value is not None}
    body = {**read_body(BulkBody, said), "filter": read_body(JobFilter, chosen)}
    done, sample = act(action, body)
    return {**done, "sample": nodes(sample, show_job)}


#: Field to what returns its value, and the permission that it needs.
MUTATIONS: Final[Mapping[str, tuple[Resolver, str]]] = MappingProxyType(
    {
        "pauseJob": (pause_job, "run:cancel"),
        "resumeJob": (resume_job, "run:cancel"),
        "rerunJob": (rerun_job, "workflow:run"),
        "pauseTask": (pause_task, "run:cancel"),
        "resumeTask": (resume_task, "run:cancel"),
        "pauseQueue": (pause_queue, "run:cancel"),
        "resumeQueue": (resume_queue, "run:cancel"),
        "cancelJobs": (cancel_jobs, "run:cancel"),
        "retryJobs": (retry_jobs, "run:retry"),
        "deleteJobs": (delete_jobs, "run:delete"),
    }
)
