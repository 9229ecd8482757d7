"""What mutations do: the same verbs as `/api/v1`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.field import RequestSchema, Word
from ratchet_core.api.door.reference import name_of
from ratchet_core.api.graphql.arguments import read_body
from ratchet_core.api.graphql.query import Fields, job_node, named_task, task_node
from ratchet_core.api.ratchet.jobs import permitted_run
from ratchet_core.api.ratchet.request import CreateJobBody, RetryBody, submission
from ratchet_core.api.ratchet.task import find_task, locate_task, parse_task_id

_TIMES = ("scheduledFor", "delayS", "deadline", "timeLimitS")
#: Arguments of `executeTask` that may be null and then count as absent.
_OPTIONAL = ("priority", "idempotencyKey", "metadata", "outputDestinations", *_TIMES)


class ResolveBody(RequestSchema):
    """Why somebody settles something by hand."""

    reason = Word(1000)


def execute_task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Make a job of a task."""
    version = given.pop("version", None)
    kept = {key: value for key, value in given.items() if key not in _OPTIONAL or value is not None}
    options = read_body(CreateJobBody, kept)
    task = locate_task(named_task(given["taskId"], version))
    permit(task.namespace)
    submitted = ratchet().engine.submit(submission(task, options, options["idempotency_key"]))
    return {"job": job_node(submitted.run), "created": submitted.created}


def cancel_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Cancel a job."""
    return {"job": job_node(ratchet().engine.cancel(permitted_run(given["jobId"]), principal()))}


def retry_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Run a failed or cancelled job again."""
    from_step = read_body(RetryBody, {"fromStep": given.get("fromStep")})["from_step"]
    run_id = permitted_run(given["jobId"])
    return {"job": job_node(ratchet().engine.retry(run_id, principal(), from_step))}


def resolve_job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Settle a failed or cancelled job by hand."""
    run_id = permitted_run(given["jobId"])
    resolved = ratchet().engine.operator.resolve(run_id, principal(), _reason(given))
    return {"job": job_node(resolved)}


def resolve_step(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Settle a step that does not run."""
    run_id = permitted_run(given["jobId"])
    ratchet().engine.operator.resolve_step(run_id, given["step"], principal(), _reason(given))
    return {"job": job_node(reads().run(run_id))}


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


def _reason(given: Mapping[str, Any]) -> str | None:
    said = {"reason": given["reason"]} if given.get("reason") is not None else {}
    reason: str | None = read_body(ResolveBody, said).get("reason")
    return reason


def _switch(task_id: str, *, enabled: bool) -> Fields:
    definition = find_task(task_id).definition
    permit(definition.namespace)
    ratchet().engine.set_enabled(definition.namespace, definition.name, enabled=enabled)
    return {"task": task_node(find_task(task_id))}
