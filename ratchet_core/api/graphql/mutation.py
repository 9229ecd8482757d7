"""What mutations do: the same verbs as `/api/v1`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.access import authorize, permit
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.reference import name_of
from ratchet_core.api.door.waiting import wait_for_end
from ratchet_core.api.graphql.arguments import camel, read_body, read_parameters, snake
from ratchet_core.api.graphql.node import nodes
from ratchet_core.api.graphql.query import Fields, job_node, named_task, task_node
from ratchet_core.api.ratchet.batch import create, show_refusal
from ratchet_core.api.ratchet.job import show_job
from ratchet_core.api.ratchet.jobs import permitted_run
from ratchet_core.api.ratchet.request import CreateJobBody, ExecuteQuery, RetryBody, submission
from ratchet_core.api.ratchet.task import find_task, locate_task, parse_task_id
from ratchet_core.api.ratchet.tasks import restored, validated
from ratchet_core.engine.requests import Submitted
from ratchet_core.errors import RatchetError

_TIMES = ("scheduledFor", "delayS", "deadline", "timeLimitS")
#: Arguments of `executeTask` that may be null and then count as absent.
_OPTIONAL = ("priority", "idempotencyKey", "metadata", "outputDestinations", *_TIMES)


def execute_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Make a job of a task."""
    version = given.pop("version", None)
    wait_s = _seconds(given.pop("waitS", None))
    options = read_body(CreateJobBody, _said(given))
    task = locate_task(named_task(given["taskId"], version))
    permit(task.namespace)
    if wait_s > 0:
        authorize("run:read", task.namespace)  # the answer may hold the result
    submitted = ratchet().engine.submit(submission(task, options, options["idempotency_key"]))
    run = wait_for_end(submitted.run, wait_s)
    return {"job": job_node(run), "created": submitted.created}


def create_jobs(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Make many jobs in one transaction."""
    jobs = [{snake(key): value for key, value in _said(job).items()} for job in given["jobs"]]
    results = create({"jobs": jobs, "atomic": bool(given.get("atomic"))})
    made = iter(nodes([item.run for item in results if isinstance(item, Submitted)], show_job))
    items = [
        {"index": index, "created": result.created, "job": next(made)}
        if isinstance(result, Submitted)
        else {"index": index, "error": _refusal(result)}
        for index, result in enumerate(results)
    ]
    refused = sum("error" in item for item in items)
    return {"items": items, "accepted": len(items) - refused, "refused": refused}


def validate_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Tell whether a job would be accepted and performed; makes none."""
    task = locate_task(named_task(given["taskId"], given.pop("version", None)))
    options = read_body(CreateJobBody, _said(given))
    permit(task.namespace)
    told = validated(submission(task, options, None))
    return {**told, "errors": {camel(key): texts for key, texts in told["errors"].items()}}


def cancel_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Cancel a job."""
    return {"job": job_node(ratchet().engine.cancel(permitted_run(given["jobId"]), principal()))}


def retry_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Run a failed or cancelled job again."""
    from_step = read_body(RetryBody, {"fromStep": given.get("fromStep")})["from_step"]
    run_id = permitted_run(given["jobId"])
    return {"job": job_node(ratchet().engine.retry(run_id, principal(), from_step))}


def delete_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Delete a job that has come to its end."""
    run_id = permitted_run(given["jobId"])
    ratchet().engine.delete_run(run_id)
    return {"job_id": run_id}


def restore_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Bring a deleted task back."""
    return {"task": task_node(restored(given["taskId"]))}


def enable_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let a task take new jobs."""
    return _switch(given["taskId"], enabled=True)


def disable_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Refuse new jobs of a task."""
    return _switch(given["taskId"], enabled=False)


def delete_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Delete a task, or one version of it."""
    version = parse_task_id(given["taskId"]).version
    definition = find_task(given["taskId"]).definition
    permit(definition.namespace)
    ratchet().engine.delete_workflow(definition.namespace, definition.name, version)
    return {"task_id": name_of(definition.namespace, definition.name)}


def _switch(task_id: str, *, enabled: bool) -> Fields:
    definition = find_task(task_id).definition
    permit(definition.namespace)
    ratchet().engine.set_enabled(definition.namespace, definition.name, enabled=enabled)
    return {"task": task_node(find_task(task_id))}


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in _OPTIONAL or value is not None}


def _seconds(wait: float | None) -> float:
    said = None if wait is None else f"{wait:.3f}"
    seconds: float = read_parameters(ExecuteQuery, {"wait": said})["wait"]
    return seconds


def _refusal(error: RatchetError) -> Fields:
    told = show_refusal(error)
    details = {camel(key): texts for key, texts in told.get("details", {}).items()}
    return {**told, "details": details or None}
