"""Deliveries of `/api/v1`: what is read, and how they are shown."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import fields, validate

from ratchet_core.api.door.field import (
    AnswerSchema,
    Choice,
    CommaList,
    Flag,
    Json,
    Moment,
    RequestSchema,
    Word,
    shown,
)
from ratchet_core.api.door.moment import optional_millis, to_millis
from ratchet_core.api.door.paging import WindowQuery
from ratchet_core.api.door.reference import name_of
from ratchet_core.domain.delivery import (
    DeliveryAttemptView,
    DeliveryError,
    DeliveryState,
    DeliveryView,
)

#: Most deliveries that one call asks for again.
MAX_REDELIVERED: Final = 1000
_STATES: Final = {state.value: (state,) for state in DeliveryState}


class DeliveryErrorSchema(AnswerSchema):
    """Why an attempt to deliver failed."""

    code = shown(fields.String, "Stable.")
    message = shown(fields.String, "For people.")


def _error_field() -> fields.Nested:
    return fields.Nested(
        DeliveryErrorSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Why it failed, or null."},
    )


class DeliverySchema(AnswerSchema):
    """The output of one job on its way to one destination."""

    id = shown(fields.String, "UUID; sent along, so that the other side can tell doubles apart.")
    job_id = shown(fields.String, "Whose output it is.")
    task_id = shown(fields.String, "`id` of the task.")
    task_version = shown(fields.String, "Version of the task.")
    destination = shown(fields.String, "Name of the destination.")
    destination_type = shown(fields.String, "Such as `webhook`.")
    origin = shown(
        fields.String,
        "Who names the destination.",
        metadata={"enum": ["global", "workflow", "run"]},
    )
    job_status = shown(fields.String, "How the job ended.")
    status = shown(
        fields.String,
        "`failed`: put aside until somebody asks for it again.",
        metadata={"enum": list(_STATES)},
    )
    attempts = shown(fields.Integer, "Started so far.")
    error = _error_field()
    next_attempt_at = shown(fields.DateTime, "While pending.", allow_none=True)
    created_at = shown(fields.DateTime, "When it was handed over.")
    updated_at = shown(fields.DateTime, "Of its latest change.")
    completed_at = shown(fields.DateTime, "When it arrived or was put aside.", allow_none=True)


class DeliveryAttemptSchema(AnswerSchema):
    """One attempt to deliver that has ended."""

    number = shown(fields.Integer, "From 1.")
    status = shown(fields.String, "Of the attempt.", metadata={"enum": ["delivered", "failed"]})
    error = _error_field()
    details = shown(Json, "About the answer, such as its `status`.")
    started_at = shown(fields.DateTime, "When it began.")
    completed_at = shown(fields.DateTime, "When it ended.")
    duration_ms = shown(fields.Float, "How long it took.")


class DeliveryDetailSchema(DeliverySchema):
    """A delivery with its attempts."""

    attempt_list = shown(
        fields.List, "Those that have ended, first to last.", fields.Nested(DeliveryAttemptSchema)
    )


class DeliveryPageSchema(AnswerSchema):
    """A part of the list of deliveries."""

    items = shown(fields.List, "Newest first.", fields.Nested(DeliverySchema))
    total = shown(fields.Integer, "Of all parts.")
    next_cursor = shown(fields.String, "Of the next part, or null.", allow_none=True)


class DeliveryFilter(RequestSchema):
    """Which deliveries; all that is given must hold."""

    status = Choice(_STATES, metadata={"description": "Where the delivery stands."})
    job_id = Word(64, metadata={"description": "Of this job."})
    task_id = Word(512, metadata={"description": "Name or UUID of the task."})
    namespace = Word(metadata={"description": "Of the task."})
    destination = Word(metadata={"description": "To the destination of this name."})
    created_at_gte = Moment(metadata={"description": "Handed over at or after."})
    created_at_lte = Moment(metadata={"description": "Handed over at or before."})


class DeliveryListQuery(WindowQuery, DeliveryFilter):
    """Filters of the list of deliveries."""

    status_in = CommaList(Choice(_STATES), metadata={"description": "Any of these."})


class RedeliverBody(RequestSchema):
    """Which ended deliveries to send again: by their ids, or those that a filter matches."""

    ids = fields.List(
        Word(64),
        load_default=None,
        validate=validate.Length(1, MAX_REDELIVERED),
        metadata={"description": "Exactly these."},
    )
    filter = fields.Nested(
        DeliveryFilter, metadata={"description": "By default those that failed."}
    )
    dry_run = Flag(load_default=False, metadata={"description": "Only tell how many."})


class RedeliverAnswerSchema(AnswerSchema):
    """What is sent again."""

    dry_run = shown(fields.Boolean, "Nothing was changed.")
    matched = shown(fields.Integer, "Ended deliveries that match.")
    redelivered = shown(fields.Integer, f"Of those, at most {MAX_REDELIVERED} in one call.")


def show_delivery(view: DeliveryView) -> dict[str, Any]:
    """Return a delivery."""
    return {
        "id": view.id,
        "job_id": view.run_id,
        "task_id": name_of(view.namespace, view.workflow),
        "task_version": view.version,
        "destination": view.destination,
        "destination_type": view.kind,
        "origin": view.origin,
        "job_status": view.run_state,
        "status": view.state.value,
        "attempts": view.attempts,
        "error": _show_error(view.error),
        "next_attempt_at": optional_millis(view.next_at),
        "created_at": to_millis(view.created_at),
        "updated_at": to_millis(view.updated_at),
        "completed_at": optional_millis(view.completed_at),
    }


def show_attempt(view: DeliveryAttemptView) -> dict[str, Any]:
    """Return an attempt to deliver."""
    took = view.completed_at - view.started_at
    return {
        "number": view.number,
        "status": view.state.value,
        "error": _show_error(view.error),
        "details": dict(view.details),
        "started_at": to_millis(view.started_at),
        "completed_at": to_millis(view.completed_at),
        "duration_ms": took.total_seconds() * 1000,
    }


def _show_error(error: DeliveryError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}
