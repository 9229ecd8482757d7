"""`/api/v1/workers`: the processes that perform steps, with their leases and their load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.field import AnswerSchema, Choice, RequestSchema, Word, shown
from ratchet_core.api.door.moment import optional_millis, to_millis
from ratchet_core.api.door.reference import name_of, read_id
from ratchet_core.domain.views import DrainView
from ratchet_core.errors import NotFound

_STATUSES = ("idle", "busy", "silent")


class WorkerJobSchema(AnswerSchema):
    """What a worker performs now."""

    job_id = shown(fields.String, "Of the job.")
    task_id = shown(fields.String, "`id` of the task.")
    step = shown(fields.String, "Name of the step.")
    execution_id = shown(fields.String, "Of the execution, or null.", allow_none=True)
    started_at = shown(fields.DateTime, "When the step first started.", allow_none=True)


class WorkerSchema(AnswerSchema):
    """One process in which steps are performed."""

    id = shown(fields.String, "UUID; a new one after each restart.")
    name = shown(fields.String, "Name of the worker that hosts the process.")
    status = shown(
        fields.String,
        "`silent`: its lease has run out; what it holds is taken over.",
        metadata={"enum": list(_STATUSES)},
    )
    host = shown(fields.String, "Name of the machine.")
    pid = shown(fields.Integer, "Number of the process there.")
    queues = shown(fields.List, "Where it takes work from, in order.", fields.String())
    handlers = shown(
        fields.List,
        "Step handlers that it knows by name, or null.",
        fields.String(),
        allow_none=True,
    )
    current_load = shown(fields.Integer, "Steps that it holds.")
    current = fields.Nested(
        WorkerJobSchema,
        required=True,
        allow_none=True,
        metadata={
            "description": "The step that it performs, or null: short ones are not told, and "
            "those of other namespaces are not shown."
        },
    )
    started_at = shown(fields.DateTime, "When the process began to take work.")
    last_heartbeat = shown(fields.DateTime, "Its last sign of life, or null.", allow_none=True)
    lease_until = shown(fields.DateTime, "Others take over what it holds from then on.")


class WorkerListSchema(AnswerSchema):
    """The workers that have not ended."""

    items = shown(fields.List, "Oldest first.", fields.Nested(WorkerSchema))
    total = shown(fields.Integer, "Number of items.")


class WorkerListQuery(RequestSchema):
    """Filters of the list of workers."""

    status = Choice(
        {status: status for status in _STATUSES}, metadata={"description": "Only such workers."}
    )
    queue = Word(64, metadata={"description": "Only those that take work from this queue."})
    host = Word(metadata={"description": "Only those on this machine."})


def declare_workers(blueprint: DoorBlueprint) -> None:
    """Add the operations on workers to `blueprint`."""

    @blueprint.operation(
        "GET",
        "/workers",
        "listWorkers",
        permission="metrics:read",
        query=WorkerListQuery,
        answers={200: WorkerListSchema},
    )
    def list_workers(query: Mapping[str, Any]) -> Response:
        """List the worker processes that have not ended, oldest first."""
        return answer.json(list_of_workers(query))

    @blueprint.operation(
        "GET",
        "/workers/<worker_id>",
        "getWorker",
        permission="metrics:read",
        answers={200: WorkerSchema},
        problems=(404,),
    )
    def get_worker(worker_id: str) -> Response:
        """Show one worker process; one that has ended is gone."""
        return answer.json(one_worker(worker_id))


def list_of_workers(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the workers that fit a loaded `WorkerListQuery`, oldest first."""
    items = [show_worker(drain) for drain in reads().drains() if _fits(drain, query)]
    return {"items": items, "total": len(items)}


def one_worker(worker_id: str) -> dict[str, Any]:
    """Return one worker.

    Raises:
        NotFound: there is none, or it has ended.
    """
    drain_id = read_id(worker_id)
    drain = None if drain_id is None else reads().drain(drain_id)
    if drain is None:
        message = f"Worker '{worker_id[:100]}' does not exist, or has ended"
        raise NotFound(message)
    return show_worker(drain)


def show_worker(drain: DrainView) -> dict[str, Any]:
    """Return a drain as a worker."""
    current = drain.current
    return {
        "id": drain.id,
        "name": drain.worker,
        "status": _status(drain),
        "host": drain.host,
        "pid": drain.pid,
        "queues": drain.queues,
        "handlers": drain.handlers,
        "current_load": drain.held,
        "current": None
        if current is None
        else {
            "job_id": current.run_id,
            "task_id": name_of(current.namespace, current.workflow),
            "step": current.step,
            "execution_id": current.attempt_id,
            "started_at": optional_millis(current.started_at),
        },
        "started_at": to_millis(drain.started_at),
        "last_heartbeat": optional_millis(drain.renewed_at),
        "lease_until": to_millis(drain.lease_until),
    }


def _status(drain: DrainView) -> str:
    if not drain.is_alive:
        return "silent"
    return "busy" if drain.held else "idle"


def _fits(drain: DrainView, query: Mapping[str, Any]) -> bool:
    return (
        query.get("status") in {None, _status(drain)}
        and query.get("host") in {None, drain.host}
        and (query.get("queue") is None or query["queue"] in drain.queues)
    )
