"""`/tasker/health/*`: whether the mount lives, can serve, and how the whole is. Extensions."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import OPEN, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import to_seconds
from ratchet_core.api.tasker.state import TASK_STATUS
from ratchet_core.domain.analytics import AnalyticsQuery, Trend
from ratchet_core.domain.states import StepState
from ratchet_core.errors import RatchetError

_log = logging.getLogger(__name__)

#: The one part without which no call can be served.
_NEEDED: Final = "database"
_HOUR_S: Final = 3600
#: The whole is unhealthy when over half of at least so many tasks of the last hour failed.
_ENOUGH: Final = 10


class TaskerLiveSchema(AnswerSchema):
    """The process answers."""

    alive = shown(fields.Boolean, "Always true.")
    timestamp = shown(fields.DateTime, "When this was said.")
    service = shown(fields.String, "Always `tasker`.")


class TaskerReadySchema(AnswerSchema):
    """Whether calls can be served."""

    ready = shown(fields.Boolean, "Whether they can.")
    checks = shown(Json, "Each part to its `status`, `message` and `response_time_ms`.")
    message = shown(fields.String, "One sentence.")
    timestamp = shown(fields.DateTime, "When this was said.")
    check_duration = shown(fields.Float, "Seconds.")
    failed_checks = shown(fields.List, "Parts that are down.", fields.String(), optional=True)


class TaskerStatusSchema(AnswerSchema):
    """How the whole is."""

    healthy = shown(fields.Boolean, "Parts work, and most tasks of the last hour went well.")
    status = shown(fields.String, "`healthy` or `unhealthy`.")
    metrics = shown(Json, "`tasks` by status, `steps` that are under way, `retries`, `last_hour`.")
    checks = shown(Json, "Each part to its `status`, `message` and `response_time_ms`.")
    timestamp = shown(fields.DateTime, "When this was said.")
    generation_duration = shown(fields.Float, "Seconds.")


def declare_health(blueprint: DoorBlueprint) -> None:
    """Declare the operations."""

    @blueprint.operation(
        "GET", "/health/live", "checkLiveness", permission=OPEN, answers={200: TaskerLiveSchema}
    )
    def live() -> Response:
        """Tell that the process answers."""
        return answer.json({"alive": True, "timestamp": _now(), "service": "tasker"})

    @blueprint.operation(
        "GET",
        "/health/ready",
        "checkReadiness",
        permission=OPEN,
        answers={200: TaskerReadySchema, 503: TaskerReadySchema},
    )
    def ready() -> Response:
        """Tell whether calls can be served: 200, or 503 while a needed part is down."""
        started = time.perf_counter()
        checks = _checks()
        failed = [name for name, check in checks.items() if check["status"] != "ok"]
        is_ready = _NEEDED not in failed
        body = {
            "ready": is_ready,
            "checks": checks,
            "message": "Calls are served" if is_ready else f"The {_NEEDED} is down",
            "timestamp": _now(),
            "check_duration": round(time.perf_counter() - started, 6),
        }
        if failed:
            body["failed_checks"] = failed
        return answer.json(body, 200 if is_ready else 503)

    @blueprint.operation(
        "GET",
        "/health/status",
        "getHealthStatus",
        permission="metrics:read",
        spelled="tasker.health_status:index",
        answers={200: TaskerStatusSchema, 503: TaskerStatusSchema},
    )
    def status() -> Response:
        """Tell how many tasks stand where, and whether most of them go well."""
        started = time.perf_counter()
        checks = _checks()
        works = checks[_NEEDED]["status"] == "ok"
        hour = reads().trend(AnalyticsQuery(period_s=_HOUR_S)) if works else None
        healthy = hour is not None and not _goes_badly(hour)
        body = {
            "healthy": healthy,
            "status": "healthy" if healthy else "unhealthy",
            "metrics": {} if hour is None else _metrics(hour),
            "checks": checks,
            "timestamp": _now(),
            "generation_duration": round(time.perf_counter() - started, 6),
        }
        return answer.json(body, 200 if healthy else 503)


def _goes_badly(hour: Trend) -> bool:
    return hour.ended >= _ENOUGH and hour.failed * 2 > hour.ended


def _metrics(hour: Trend) -> dict[str, Any]:
    by_status: dict[str, int] = dict.fromkeys(TASK_STATUS.values(), 0)
    by_state = reads().run_stats().by_state
    for state, count in by_state.items():
        by_status[TASK_STATUS[state]] += count
    steps = reads().worker_stats().steps
    return {
        "tasks": {"total": sum(by_state.values()), **by_status},
        "steps": {
            "ready": steps[StepState.READY],
            "in_progress": steps[StepState.CLAIMED] + steps[StepState.RUNNING],
        },
        "retries": {"in_backoff": steps[StepState.BACKOFF]},
        "last_hour": {
            "created": hour.created,
            "completed": hour.completed,
            "failed": hour.failed,
            "avg_task_duration": hour.average_run_s,
            "avg_step_duration": hour.average_attempt_s,
        },
    }


def _checks() -> Mapping[str, Mapping[str, Any]]:
    checks = {}
    for name, check in ratchet().health_checks().items():
        started = time.perf_counter()
        try:
            works, message = check()
        except RatchetError as error:
            works, message = False, error.message
        except Exception as error:  # noqa: BLE001 - whatever breaks in a check makes the part down
            _log.exception("the health check of '%s' failed", name)
            works, message = False, f"the check failed: {type(error).__name__}"
        checks[name] = {
            "status": "ok" if works else "down",
            "message": message,
            "response_time_ms": round((time.perf_counter() - started) * 1000, 3),
        }
    return checks


def _now() -> str:
    return to_seconds(datetime.now(UTC))
