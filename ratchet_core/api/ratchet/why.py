"""`GET /api/v1/jobs/{job_id}/why`: what keeps a job from running or from its end."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.field import AnswerSchema, shown
from ratchet_core.api.door.moment import optional_millis, to_millis
from ratchet_core.api.ratchet.jobs import parse_job_id
from ratchet_core.api.ratchet.state import JOB_STATUS
from ratchet_core.domain.views import DrainView
from ratchet_core.domain.why import Cause, Reason, Why


class ReasonWorkerSchema(AnswerSchema):
    """The worker that holds a step."""

    id = shown(fields.String, "UUID, as in `GET /workers`.")
    name = shown(fields.String, "Name of the worker.")
    host = shown(fields.String, "Name of the machine.")
    pid = shown(fields.Integer, "Number of the process there.")
    lease_until = shown(fields.DateTime, "Others take over from then on.")


class ReasonSchema(AnswerSchema):
    """One thing that keeps the job."""

    cause = shown(
        fields.String, "Stable code.", metadata={"enum": [cause.value for cause in Cause]}
    )
    message = shown(fields.String, "What it is.")
    remedy = shown(fields.String, "What would change it.")
    step = shown(fields.String, "The step that it is about, or null.", allow_none=True)
    until = shown(fields.DateTime, "When it ends by itself, or null.", allow_none=True)
    parents = shown(fields.List, "Steps above that are awaited or to blame.", fields.String())
    worker = fields.Nested(ReasonWorkerSchema, required=True, allow_none=True)


class WhySchema(AnswerSchema):
    """What keeps a job, as of one moment."""

    job_id = shown(fields.String, "Of the job.")
    status = shown(fields.String, "Where the job stands.")
    summary = shown(fields.String, "The most decisive reason.")
    reasons = shown(fields.List, "The most decisive one first.", fields.Nested(ReasonSchema))
    omitted = shown(fields.Integer, "Reasons that are not listed.")
    timestamp = shown(fields.DateTime, "The moment that this is about.")


def declare_why(blueprint: DoorBlueprint) -> None:
    """Add the operation to `blueprint`."""

    @blueprint.operation(
        "GET",
        "/jobs/<job_id>/why",
        "explainJob",
        permission="run:read",
        answers={200: WhySchema},
        problems=(404,),
    )
    def explain_job(job_id: str) -> Response:
        """Say why a job is not running or not finished, and what would change that."""
        return answer.json(show_why(reads().why(parse_job_id(job_id))))


def show_why(why: Why) -> dict[str, Any]:
    """Return what keeps a run as what keeps a job."""
    return {
        "job_id": why.run.id,
        "status": JOB_STATUS[why.run.state],
        "summary": why.summary,
        "reasons": [_show_reason(reason) for reason in why.reasons],
        "omitted": why.omitted,
        "timestamp": to_millis(why.now),
    }


def _show_reason(reason: Reason) -> dict[str, Any]:
    return {
        "cause": reason.cause.value,
        "message": reason.message,
        "remedy": reason.remedy,
        "step": reason.step,
        "until": optional_millis(reason.until),
        "parents": reason.parents,
        "worker": None if reason.drain is None else _show_worker(reason.drain),
    }


def _show_worker(drain: DrainView) -> dict[str, Any]:
    return {
        "id": drain.id,
        "name": drain.worker,
        "host": drain.host,
        "pid": drain.pid,
        "lease_until": to_millis(drain.lease_until),
    }
