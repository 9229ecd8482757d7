"""`/api/v1/tasks`: the operations on tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import authorize, permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.idempotency import idempotency_key
from ratchet_core.api.door.paging import listed, window
from ratchet_core.api.door.problem import describe
from ratchet_core.api.door.reference import Reference, name_of
from ratchet_core.api.door.waiting import wait_for_end
from ratchet_core.api.ratchet.job import JobAnswerSchema, show_job
from ratchet_core.api.ratchet.problem import DIALECT
from ratchet_core.api.ratchet.request import (
    ExecuteBody,
    ExecuteQuery,
    TaskListQuery,
    submission,
)
from ratchet_core.api.ratchet.task import (
    TaskDetailSchema,
    TaskPageSchema,
    TaskValidationSchema,
    find_task,
    locate_task,
    parse_task_id,
    show_task,
    show_task_detail,
)
from ratchet_core.domain.provision import lacks
from ratchet_core.domain.query import WorkflowQuery
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.domain.views import WorkflowView
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import (
    InvalidRequest,
    NamespaceNotFound,
    WorkflowDisabled,
    WorkflowNotFound,
)


def declare_tasks(blueprint: DoorBlueprint) -> None:
    """Add the operations on tasks to `blueprint`."""
    _declare_reads(blueprint)
    _declare_execute(blueprint)
    _declare_writes(blueprint)


def _declare_reads(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/tasks",
        "listTasks",
        permission="workflow:read",
        query=TaskListQuery,
        answers={200: TaskPageSchema},
    )
    def list_tasks(query: Mapping[str, Any]) -> Response:
        """List tasks, one row per task with its latest version, newest first."""
        wanted = WorkflowQuery(
            namespace=query.get("namespace"),
            name=query.get("name"),
            name_like=query.get("name_like"),
            enabled=query.get("enabled"),
            sort=query["sort"],
        )
        page = reads().workflows(wanted, window(query))
        items = [show_task(view) for view in page.items]
        return answer.json(listed(items, page.total, page.next_cursor))

    @blueprint.operation(
        "GET",
        "/tasks/<task_id>",
        "getTask",
        permission="workflow:read",
        answers={200: TaskDetailSchema, 304: None},
        problems=(404,),
    )
    def get_task(task_id: str) -> Response:
        """Show one task, at its latest version or at the one named with `@version`."""
        return answer.cacheable(show_task_detail(find_task(task_id)))

    @blueprint.operation(
        "GET",
        "/tasks/<task_id>/versions",
        "listTaskVersions",
        permission="workflow:read",
        answers={200: TaskPageSchema},
        problems=(404,),
    )
    def list_task_versions(task_id: str) -> Response:
        """List all versions of one task, latest first."""
        views = versions_of(task_id)
        return answer.json(listed([show_task(view) for view in views], len(views), None))


def _declare_execute(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/execute",
        "executeTask",
        permission="workflow:run",
        query=ExecuteQuery,
        body=ExecuteBody,
        body_required=False,
        answers={202: JobAnswerSchema, 200: JobAnswerSchema},
        problems=(404, 409),
        keyed=True,
    )
    def execute_task(query: Mapping[str, Any], body: Mapping[str, Any], task_id: str) -> Response:
        """Execute a task: 202 with the new job.

        200 where the job is finished within `wait` seconds, or is known by its `Idempotency-Key`.
        """
        wanted = submission(locate_task(task_id), body, idempotency_key(request))
        permit(wanted.namespace)
        if query["wait"] > 0:
            authorize("run:read", wanted.namespace)  # the answer may hold the result
        submitted = ratchet().engine.submit(wanted)
        run = wait_for_end(submitted.run, query["wait"])
        is_done = run.state in RUN_TERMINAL and query["wait"] > 0
        status = 200 if is_done or not submitted.created else 202
        return answer.json({"job": show_job(run)}, status)

    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/validate",
        "validateTask",
        permission="workflow:run",
        body=ExecuteBody,
        body_required=False,
        answers={200: TaskValidationSchema},
        problems=(404,),
    )
    def validate_task(body: Mapping[str, Any], task_id: str) -> Response:
        """Tell whether a job with this input would be accepted and performed; makes none."""
        task = locate_task(task_id)
        permit(task.namespace)
        return answer.json(validated(submission(task, body, None)))


def versions_of(task_id: str) -> Sequence[WorkflowView]:
    """Return all versions of a task, latest first.

    Raises:
        WorkflowNotFound: no such task.
    """
    definition = find_task(task_id).definition
    return reads().workflow_versions(definition.namespace, definition.name)


def validated(wanted: SubmitRequest) -> dict[str, Any]:
    """Return what `submit` would refuse, and what would keep the job from being performed."""
    found = ratchet().reads.workflow(wanted.namespace, wanted.name, wanted.version).definition
    refused: dict[str, list[str]] = {}
    try:
        ratchet().engine.check(wanted)
    except (InvalidRequest, WorkflowDisabled) as error:
        problem = describe(error, DIALECT)
        refused = dict(problem.details) or {"task_id": [problem.message]}
    return {
        "valid": not refused,
        "task_id": name_of(found.namespace, found.name),
        "version": found.version,
        "errors": refused,
        "warnings": lacks(found, ratchet().reads.workers.drains()),
    }


def _declare_writes(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "DELETE",
        "/tasks/<task_id>",
        "deleteTask",
        permission="workflow:delete",
        answers={204: None},
        problems=(404, 409),
    )
    def delete_task(task_id: str) -> Response:
        """Delete a task with all its versions, or the one named with `@version`; jobs stay."""
        version = parse_task_id(task_id).version
        definition = find_task(task_id).definition
        permit(definition.namespace)
        ratchet().engine.delete_workflow(definition.namespace, definition.name, version)
        return answer.empty()

    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/enable",
        "enableTask",
        permission="workflow:write",
        answers={200: TaskDetailSchema},
        problems=(404,),
    )
    def enable_task(task_id: str) -> Response:
        """Let a task take new jobs."""
        return _switch(task_id, enabled=True)

    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/disable",
        "disableTask",
        permission="workflow:write",
        answers={200: TaskDetailSchema},
        problems=(404,),
    )
    def disable_task(task_id: str) -> Response:
        """Refuse new jobs of a task; those that exist go on."""
        return _switch(task_id, enabled=False)

    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/restore",
        "restoreTask",
        permission="workflow:write",
        answers={200: TaskDetailSchema},
        problems=(404,),
    )
    def restore_task(task_id: str) -> Response:
        """Bring a deleted task back, or one version of it; repeating is harmless."""
        return answer.json(show_task_detail(restored(task_id)))


def restored(task_id: str) -> WorkflowView:
    """Take the tombstone of what is named away, where there is one, and return the task.

    Raises:
        WorkflowNotFound: there is no such task, deleted or not.
        AuthorizationFailed: the caller may see it and do no more.
    """
    _restore(parse_task_id(task_id))
    return find_task(task_id)


def _restore(reference: Reference) -> None:
    for candidate in _readings(reference):
        if reads().sees(candidate.namespace, "workflow"):
            permit(candidate.namespace)
            try:
                ratchet().engine.restore_workflow(
                    candidate.namespace, candidate.name, candidate.version
                )
            except (WorkflowNotFound, NamespaceNotFound):
                continue
            return


def _readings(reference: Reference) -> list[Reference]:
    """Return all that a reference may mean, deleted or not."""
    readings = [reference] if reference.other is None else [reference, reference.other]
    if reference.uuid is not None:
        try:
            reads().workflow_by_id(reference.uuid, reference.version)
        except WorkflowNotFound as error:  # of a deleted one it knows the names
            readings.insert(0, Reference(error.namespace, error.name, reference.version))
    return readings


def _switch(task_id: str, *, enabled: bool) -> Response:
    definition = find_task(task_id).definition
    permit(definition.namespace)
    ratchet().engine.set_enabled(definition.namespace, definition.name, enabled=enabled)
    return answer.json(show_task_detail(find_task(task_id)))
