"""`/debug/*`: settings, workers, backlog and failures, for whoever hunts a fault.

Only there with `development.enable_debug_endpoints`; for administrators alone, or, while
authentication is off, for callers on this machine alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from ratchet_core.api.door import answer
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, Json, RequestSchema, Whole, shown
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.origin import host_name
from ratchet_core.api.door.problem import Dialect
from ratchet_core.config import describe, is_loopback
from ratchet_core.domain.delivery import shown_options
from ratchet_core.domain.query import AttemptQuery, Window
from ratchet_core.domain.states import AttemptState
from ratchet_core.domain.views import AttemptView, DrainView
from ratchet_core.errors import AuthorizationFailed

#: Needs a permission that administrators alone have.
_PERMISSION = "audit:read"


class DebugSchema(AnswerSchema):
    """What is asked for, in a form that may change with every version."""

    config = shown(Json, "Every setting in force, secrets masked.", optional=True)
    workers = shown(Json, "Drains that have not ended.", optional=True)
    queues = shown(Json, "Queues that are not empty.", optional=True)
    steps = shown(Json, "State to the number of steps in it.", optional=True)
    errors = shown(Json, "Failed attempts, newest first.", optional=True)


class ErrorsQuery(RequestSchema):
    """How many failures are wanted."""

    limit = Whole(1, 1000, load_default=50, metadata={"description": "At most this many."})


def debug_blueprint(dialect: Dialect, problem: type[AnswerSchema]) -> DoorBlueprint:
    """Return the routes.

    Args:
        dialect: of their problems.
        problem: schema of their problems.
    """
    blueprint = DoorBlueprint(
        "debug", __name__, dialect=dialect, problem=problem, about="For whoever hunts a fault."
    )
    blueprint.before_request(_check_caller)
    shared: Any = {"permission": _PERMISSION, "answers": {200: DebugSchema}}

    @blueprint.operation("GET", "/debug/config", "debugConfig", **shared)
    def config() -> Response:
        """Show every setting in force; secrets are masked."""
        return answer.json({"config": _config()})

    @blueprint.operation("GET", "/debug/workers", "debugWorkers", **shared)
    def workers() -> Response:
        """Show the drains that have not ended, silent ones too."""
        return answer.json({"workers": [_drain(one) for one in ratchet().reads.workers.drains()]})

    @blueprint.operation("GET", "/debug/queue", "debugQueue", **shared)
    def queue() -> Response:
        """Show what waits in each queue, and for how long."""
        found = ratchet().reads.stats.workers()
        queues = [
            {"queue": one.queue, "ready": one.ready, "oldest_ready_s": one.oldest_ready_s}
            for one in found.queues
        ]
        steps = {state.value: count for state, count in found.steps.items()}
        return answer.json({"queues": queues, "steps": steps})

    @blueprint.operation("GET", "/debug/errors", "debugErrors", query=ErrorsQuery, **shared)
    def errors(query: Mapping[str, Any]) -> Response:
        """Show the newest failed attempts."""
        wanted = AttemptQuery(states=(AttemptState.FAILED,))
        page = ratchet().reads.attempts(wanted, Window(limit=query["limit"]))
        return answer.json({"errors": [_failure(one) for one in page.items]})

    return blueprint


def _check_caller() -> None:
    """Refuse other machines while nobody is asked who he is; a proxy here is another machine."""
    if ratchet().access.is_on:
        return
    is_near = is_loopback(request.remote_addr or "") and is_loopback(host_name(request.host))
    if not is_near:
        raise AuthorizationFailed(
            "While authentication is off, /debug answers this machine alone, without a proxy"
        )


def _drain(drain: DrainView) -> dict[str, Any]:
    return {
        "id": drain.id,
        "worker": drain.worker,
        "host": drain.host,
        "pid": drain.pid,
        "queues": list(drain.queues),
        "started_at": to_millis(drain.started_at),
        "lease_until": to_millis(drain.lease_until),
        "is_alive": drain.is_alive,
        "held": drain.held,
    }


def _failure(attempt: AttemptView) -> dict[str, Any]:
    error = attempt.error
    return {
        "attempt_id": attempt.id,
        "run_id": attempt.run_id,
        "workflow": f"{attempt.namespace}.{attempt.workflow}@{attempt.version}",
        "step": attempt.step,
        "number": attempt.number,
        "at": None if attempt.completed_at is None else to_millis(attempt.completed_at),
        "type": None if error is None else error.type,
        "message": None if error is None else error.message,
    }


def _config() -> dict[str, Any]:
    """Return the settings; what the plugins of destinations call secret is masked, too."""
    shown = describe(ratchet().settings)
    secret_options = ratchet().core.destinations.secret_options
    for one in shown["output"]["global_destinations"]:
        one["options"] = shown_options(one["options"], secret_options(one["kind"]))
    return shown
