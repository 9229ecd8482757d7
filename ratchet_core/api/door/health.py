"""`/health*` and `/`: whether we live, whether we can serve, and where everything is.

Liveness and readiness are open to everybody, and tell no more than states.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import Response
from marshmallow import fields

import ratchet_core
from ratchet_core.api.door import answer
from ratchet_core.api.door.access import AUTHENTICATED, OPEN
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.problem import Dialect
from ratchet_core.errors import RatchetError

_log = logging.getLogger(__name__)

#: The one part without which no call can be served.
_NEEDED: Final = "database"
#: Whether a part works, a word about it, and its figures.
Checked = tuple[bool, str, Mapping[str, Any]]


class LiveSchema(AnswerSchema):
    """The process answers."""

    status = shown(fields.String, "Always `ok`.")
    timestamp = shown(fields.DateTime, "When this was said.")


class HealthSchema(AnswerSchema):
    """How the parts are."""

    status = shown(fields.String, "`healthy`, `degraded` or `unhealthy`.")
    timestamp = shown(fields.DateTime, "When this was said.")
    version = shown(fields.String, "Version of Ratchet.")
    checks = shown(Json, "Each part to its `status` (`ok` or `down`) and `message`.")


class DetailedHealthSchema(HealthSchema):
    """How the parts are, and what each of them has to tell."""

    checks = shown(
        Json,
        "Each part to its `status` (`ok` or `down`), `message`, `response_time_ms` and figures.",
    )


class ServiceSchema(AnswerSchema):
    """Where everything is."""

    service = shown(fields.String, "Always `ratchet`.")
    version = shown(fields.String, "Version of Ratchet.")
    endpoints = shown(Json, "Name to path.")


def health_blueprint(
    dialect: Dialect, problem: type[AnswerSchema], endpoints: Mapping[str, str]
) -> DoorBlueprint:
    """Return the routes.

    Args:
        dialect: of their problems.
        problem: schema of their problems.
        endpoints: name to path, for the service map at `/`.
    """
    blueprint = DoorBlueprint(
        "health", __name__, dialect=dialect, problem=problem, about="Liveness, readiness, map."
    )

    @blueprint.operation(
        "GET", "/health/live", "getLiveness", permission=OPEN, answers={200: LiveSchema}
    )
    def live() -> Response:
        """Tell that the process answers."""
        return answer.json({"status": "ok", "timestamp": _now()})

    answers = {200: HealthSchema, 503: HealthSchema}

    @blueprint.operation("GET", "/health/ready", "getReadiness", permission=OPEN, answers=answers)
    def ready() -> Response:
        """Tell whether calls can be served: 200, or 503 while a needed part is down."""
        return _health()

    @blueprint.operation("GET", "/health", "getHealth", permission="metrics:read", answers=answers)
    def health() -> Response:
        """Tell how the parts are."""
        return _health()

    detailed_answers = {200: DetailedHealthSchema, 503: DetailedHealthSchema}

    @blueprint.operation(
        "GET",
        "/health/detailed",
        "getDetailedHealth",
        permission="metrics:read",
        answers=detailed_answers,
    )
    def detailed() -> Response:
        """Tell how the parts are, workers and definitions too, with how long each took to say."""
        return _answer(_detailed_checks())

    @blueprint.operation(
        "GET", "/", "getServiceMap", permission=AUTHENTICATED, answers={200: ServiceSchema}
    )
    def service() -> Response:
        """List where everything is."""
        return answer.json(
            {
                "service": "ratchet",
                "version": ratchet_core.__version__,
                "endpoints": dict(endpoints),
            }
        )

    return blueprint


def _health() -> Response:
    checks = {name: _asked(_plain(check)) for name, check in ratchet().health_checks().items()}
    return _answer(checks)


def _answer(checks: Mapping[str, Mapping[str, Any]]) -> Response:
    down = {name for name, check in checks.items() if check["status"] != "ok"}
    status = "healthy"
    if down:
        status = "unhealthy" if _NEEDED in down else "degraded"
    body = {
        "status": status,
        "timestamp": _now(),
        "version": ratchet_core.__version__,
        "checks": checks,
    }
    return answer.json(body, 503 if status == "unhealthy" else 200)


def _detailed_checks() -> dict[str, dict[str, Any]]:
    checks = {name: _timed(_plain(check)) for name, check in ratchet().health_checks().items()}
    if "inputs" in checks:
        checks["inputs"] = _timed(_inputs)
    return {**checks, "registry": _timed(_registry), "workers": _timed(_workers)}


def _plain(check: Callable[[], tuple[bool, str]]) -> Callable[[], Checked]:
    """Return a check that has no figures."""
    return lambda: (*check(), {})


def _timed(check: Callable[[], Checked]) -> dict[str, Any]:
    started = time.perf_counter()
    found = _asked(check)
    took_ms = (time.perf_counter() - started) * 1000
    return {**found, "response_time_ms": round(took_ms, 3)}


def _asked(check: Callable[[], Checked]) -> dict[str, Any]:
    """Return what a check says; one that fails itself must not hide what the others say."""
    try:
        works, message, figures = check()
    except RatchetError as error:
        works, message, figures = False, error.message, {}
    except Exception:  # noqa: BLE001 - see above
        _log.exception("a check of health failed itself")
        works, message, figures = False, "cannot be told; the reason is in the log", {}
    return {"status": "ok" if works else "down", "message": message, **figures}


def _registry() -> Checked:
    found = ratchet().reads.stats.workflows(None)
    figures = {"workflows": found.enabled + found.disabled, "versions": found.versions}
    return True, "ok", figures


def _workers() -> Checked:
    drains = ratchet().reads.workers.drains()
    alive = sum(drain.is_alive for drain in drains)
    figures = {"alive": alive, "silent": len(drains) - alive}
    return (True, "ok", figures) if alive else (False, "no worker is at work", figures)


def _inputs() -> Checked:
    inputs = ratchet().inputs
    sources = [
        {
            "name": view.name,
            "type": view.type,
            "state": view.state,
            "message": view.message,
            "processes": len(view.places),
            **{
                count: sum(getattr(place, count) for place in view.places)
                for count in ("messages", "doubles", "rejected", "errors")
            },
        }
        for view in inputs.views()
    ]
    return (*inputs.health(), {"sources": sources})


def _now() -> str:
    return to_millis(datetime.now(UTC))
