"""`/api/v1`: pause and resume jobs, tasks and queues; do a job again as a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import authorize, permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.field import AnswerSchema, RequestSchema, Word, shown
from ratchet_core.api.door.idempotency import idempotency_key
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.reference import name_of
from ratchet_core.api.ratchet.job import JobAnswerSchema, show_job
from ratchet_core.api.ratchet.jobs import permitted_run
from ratchet_core.api.ratchet.task import find_task, parse_task_id
from ratchet_core.domain.pause import PauseKind
from ratchet_core.domain.views import PauseView
from ratchet_core.engine.requests import SAME, RerunRequest
from ratchet_core.errors import ValidationFailed, WorkflowNotFound


class RerunBody(RequestSchema):
    """How a job is to be done again."""

    version = Word(
        64,
        load_default=SAME,
        metadata={"description": "`same`, `latest`, or a version of the task."},
    )
    from_step = Word(
        128,
        load_default=None,
        metadata={"description": "Begin there; results of what stands before it are kept."},
    )


class PauseSchema(AnswerSchema):
    """One queue or task that is paused."""

    kind = shown(fields.String, "What is paused.", metadata={"enum": ["queue", "task"]})
    name = shown(fields.String, "Of the queue; `id` of the task.")
    paused_by = shown(fields.String, "Who paused it.")
    paused_at = shown(fields.DateTime, "Since when.")


class PausesSchema(AnswerSchema):
    """Everything that is paused."""

    items = shown(fields.List, "Queues first.", fields.Nested(PauseSchema))
    total = shown(fields.Integer, "Number of items.")


class TaskPauseSchema(AnswerSchema):
    """Whether a task is paused."""

    task_id = shown(fields.String, "`id` of the task.")
    paused = shown(fields.Boolean, "Its jobs wait.")
    changed = shown(fields.Boolean, "False where it was so before.")


class QueuePauseSchema(AnswerSchema):
    """Whether a queue is paused."""

    queue = shown(fields.String, "Name of the queue.")
    paused = shown(fields.Boolean, "Nothing is taken from it.")
    changed = shown(fields.Boolean, "False where it was so before.")


def declare_control(blueprint: DoorBlueprint) -> None:
    """Add the operations to `blueprint`."""
    _declare_jobs(blueprint)
    _declare_rerun(blueprint)
    _declare_tasks(blueprint)
    _declare_queues(blueprint)
    _declare_list(blueprint)


def _declare_jobs(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/jobs/<job_id>/pause",
        "pauseJob",
        permission="run:cancel",
        answers={200: JobAnswerSchema},
        problems=(404, 409),
    )
    def pause_job(job_id: str) -> Response:
        """Hold a job: steps that run go on to their end, no other starts until it is resumed."""
        run_id = permitted_run(job_id)
        return answer.json({"job": show_job(ratchet().engine.pause(run_id, principal()))})

    @blueprint.operation(
        "POST",
        "/jobs/<job_id>/resume",
        "resumeJob",
        permission="run:cancel",
        answers={200: JobAnswerSchema},
        problems=(404, 409),
    )
    def resume_job(job_id: str) -> Response:
        """Let a paused job go on where it stopped."""
        run_id = permitted_run(job_id)
        return answer.json({"job": show_job(ratchet().engine.resume(run_id, principal()))})


def _declare_rerun(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/jobs/<job_id>/rerun",
        "rerunJob",
        permission="workflow:run",
        body=RerunBody,
        body_required=False,
        answers={201: JobAnswerSchema, 200: JobAnswerSchema},
        problems=(404, 409),
        keyed=True,
    )
    def rerun_job(body: Mapping[str, Any], job_id: str) -> Response:
        """Do a job again as a new one with the same input; 200 where the key is known."""
        submitted = ratchet().engine.rerun(rerun_request(job_id, body, idempotency_key(request)))
        return answer.json({"job": show_job(submitted.run)}, 201 if submitted.created else 200)


def _declare_tasks(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/pause",
        "pauseTask",
        permission="run:cancel",
        answers={200: TaskPauseSchema},
        problems=(404,),
    )
    def pause_task(task_id: str) -> Response:
        """Hold all jobs of a task; new ones are accepted and wait."""
        return answer.json(switch_task(task_id, paused=True))

    @blueprint.operation(
        "POST",
        "/tasks/<task_id>/resume",
        "resumeTask",
        permission="run:cancel",
        answers={200: TaskPauseSchema},
        problems=(404,),
    )
    def resume_task(task_id: str) -> Response:
        """Let the jobs of a task go on; those that were paused for themselves stay paused."""
        return answer.json(switch_task(task_id, paused=False))


def _declare_queues(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/queues/<queue>/pause",
        "pauseQueue",
        permission="run:cancel",
        answers={200: QueuePauseSchema},
    )
    def pause_queue(queue: str) -> Response:
        """Let no step be taken from a queue, whichever task it belongs to."""
        return answer.json(switch_queue(queue, paused=True))

    @blueprint.operation(
        "POST",
        "/queues/<queue>/resume",
        "resumeQueue",
        permission="run:cancel",
        answers={200: QueuePauseSchema},
    )
    def resume_queue(queue: str) -> Response:
        """Let steps be taken from a queue again."""
        return answer.json(switch_queue(queue, paused=False))


def _declare_list(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/pauses",
        "listPauses",
        permission="run:read",
        answers={200: PausesSchema},
    )
    def list_pauses() -> Response:
        """List the queues and tasks that are paused."""
        items = [show_pause(pause) for pause in reads().pauses()]
        return answer.json({"items": items, "total": len(items)})


def rerun_request(job_id: str, body: Mapping[str, Any], key: str | None) -> RerunRequest:
    """Return the request for a rerun that a call makes.

    Args:
        job_id: as the call names it.
        body: a loaded `RerunBody`.
        key: idempotency key of the call.
    """
    run_id = permitted_run(job_id)
    authorize("run:read", reads().run(run_id).namespace)  # the answer holds the old input
    return RerunRequest(
        run_id=run_id,
        version=body["version"],
        from_step=body["from_step"],
        idempotency_key=key,
        principal=principal(),
    )


def switch_task(task_id: str, *, paused: bool) -> dict[str, Any]:
    """Pause or resume a task.

    Raises:
        ValidationFailed: a version is named; all versions pause together.
        WorkflowNotFound: no such task.
    """
    if parse_task_id(task_id).version is not None:
        rule = "must name no version: all versions of a task pause together"
        raise ValidationFailed(f"task_id {rule}", {"task_id": [rule]})
    namespace, name = _named_task(task_id, may_be_deleted=not paused)
    permit(namespace)
    engine, by = ratchet().engine, principal()
    change = engine.pause_workflow if paused else engine.resume_workflow
    changed = change(namespace, name, by)
    return {"task_id": name_of(namespace, name), "paused": paused, "changed": changed}


def switch_queue(queue: str, *, paused: bool) -> dict[str, Any]:
    """Pause or resume a queue, which belongs to no namespace."""
    permit("")
    engine = ratchet().engine
    changed = engine.pause_queue(queue, principal()) if paused else engine.resume_queue(queue)
    return {"queue": queue, "paused": paused, "changed": changed}


def show_pause(pause: PauseView) -> dict[str, Any]:
    """Return one pause."""
    is_queue = pause.kind is PauseKind.QUEUE
    return {
        "kind": "queue" if is_queue else "task",
        "name": pause.name if is_queue else name_of(pause.namespace or "", pause.name),
        "paused_by": pause.by,
        "paused_at": to_millis(pause.at),
    }


def _named_task(task_id: str, *, may_be_deleted: bool) -> tuple[str, str]:
    """Return namespace and name of a task; the jobs of a deleted one may still have to go on."""
    try:
        found = find_task(task_id).definition
    except WorkflowNotFound:
        for pause in reads().pauses() if may_be_deleted else ():
            if pause.namespace is not None and show_pause(pause)["name"] == task_id:
                return pause.namespace, pause.name
        raise
    return found.namespace, found.name
