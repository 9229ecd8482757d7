"""Schedules of `/api/v1`: what is read, how they are shown, and what the two have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import fields

from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import (
    AnswerSchema,
    Choice,
    Json,
    Moment,
    RequestSchema,
    Whole,
    Word,
    shown,
    version_word,
)
from ratchet_core.api.door.moment import optional_millis, to_millis
from ratchet_core.api.door.paging import WindowQuery
from ratchet_core.api.door.priority import Priority
from ratchet_core.api.door.reference import name_of
from ratchet_core.api.ratchet.task import locate_task
from ratchet_core.domain.cron import MAX_LENGTH, FireTime
from ratchet_core.domain.delivery import secret_texts
from ratchet_core.domain.schedule import MAX_CATCHUP, MAX_NAME, MAX_RUNS, PREVIEW, Catchup, Overlap
from ratchet_core.domain.views import ScheduleView
from ratchet_core.errors import ValidationFailed
from ratchet_core.redaction import MASK

#: What each `shift` of a fire time means.
_NOTES: Final = {
    "gap": "the clocks leap over the named time that day; this is the end of the gap",
    "fold": "the clocks show this time twice that day",
}
_ABOUT: Final = {
    "catchup": "What becomes of fire times that nobody fired in time: given up, the latest makes "
    "one job, or all do.",
    "overlap": "What a fire time does while an earlier job of the schedule runs: start beside it, "
    "make no job, wait for its end, or cancel it.",
    "cron": "Five fields, six with seconds first, or `@daily` and friends.",
}


class ScheduleChanges(RequestSchema):
    """What may be changed of a schedule; what is absent stays."""

    task_id = Word(
        512,
        metadata={"description": "Name or UUID of the task; without `@version` the latest one."},
    )
    cron_expression = Word(MAX_LENGTH, metadata={"description": _ABOUT["cron"]})
    timezone = Word(100, metadata={"description": "IANA name of the time zone that counts."})
    input = Json(metadata={"description": "Input of every job."})
    enabled = fields.Boolean(
        truthy={True}, falsy={False}, metadata={"description": "False fires nothing."}
    )
    name = Word(MAX_NAME, allow_none=True, metadata={"description": "Unique where there is one."})
    description = Word(1000, metadata={"description": "For people."})
    priority = Priority(
        allow_none=True, metadata={"description": "Of its jobs; null takes the task's own."}
    )
    output_destinations = fields.List(
        fields.Dict(), metadata={"description": "Where results go besides the task's."}
    )
    metadata = fields.Dict(metadata={"description": "Kept with the schedule and with its jobs."})
    catchup = Choice(
        {item.value: item for item in Catchup}, metadata={"description": _ABOUT["catchup"]}
    )
    max_catchup = Whole(
        1, MAX_CATCHUP, metadata={"description": "Most jobs that are made up, or wait, at once."}
    )
    overlap = Choice(
        {item.value: item for item in Overlap}, metadata={"description": _ABOUT["overlap"]}
    )
    starts_at = Moment(allow_none=True, metadata={"description": "No fire time before."})
    ends_at = Moment(allow_none=True, metadata={"description": "No fire time after."})
    max_runs = Whole(
        1, MAX_RUNS, allow_none=True, metadata={"description": "Exhausted after so many jobs."}
    )


class CreateScheduleBody(ScheduleChanges):
    """A request for a schedule."""

    task_id = Word(
        512,
        required=True,
        metadata={"description": "Name or UUID of the task; without `@version` the latest one."},
    )
    cron_expression = Word(MAX_LENGTH, required=True, metadata={"description": _ABOUT["cron"]})


class ScheduleListQuery(WindowQuery):
    """Part and filters of the list of schedules."""

    task_id = Word(512, metadata={"description": "Name or UUID of the task."})
    namespace = Word(metadata={"description": "Of the task."})
    version = version_word("Of the task, where the schedule names one.")
    name = Word(metadata={"description": "Exactly this name."})
    enabled = Choice(
        {"true": True, "false": False}, metadata={"description": "As set by an operator."}
    )
    sort = Choice(
        {"created_at": "created_at", "next_run_at": "next_at"},
        load_default="created_at",
        metadata={"description": "`next_run_at` lists only those that will fire."},
    )


class PreviewQuery(RequestSchema):
    """How far a preview looks."""

    count = Whole(1, 100, load_default=PREVIEW, metadata={"description": "So many fire times."})


class ScheduleSchema(AnswerSchema):
    """A schedule: a task, when it is executed, and how far that has come."""

    id = shown(fields.UUID, "UUID of the schedule.")
    name = shown(fields.String, "Unique where there is one, or null.", allow_none=True)
    description = shown(fields.String, "For people.")
    task_id = shown(fields.String, "`id` of the task.")
    task_name = shown(fields.String, "Name of the task in its namespace.")
    namespace = shown(fields.String, "Of the task.")
    version = shown(fields.String, "Of the task; null means the latest.", allow_none=True)
    cron_expression = shown(fields.String, _ABOUT["cron"])
    timezone = shown(fields.String, "IANA name of the time zone that counts.")
    input = shown(Json, "Input of every job.")
    enabled = shown(fields.Boolean, "False fires nothing.")
    priority = shown(fields.Integer, "Of its jobs; null takes the task's own.", allow_none=True)
    output_destinations = shown(Json, "Where results go besides the task's.")
    metadata = shown(Json, "As submitted.")
    catchup = shown(
        fields.String, _ABOUT["catchup"], metadata={"enum": [item.value for item in Catchup]}
    )
    max_catchup = shown(fields.Integer, "Most jobs that are made up, or wait, at once.")
    overlap = shown(
        fields.String, _ABOUT["overlap"], metadata={"enum": [item.value for item in Overlap]}
    )
    starts_at = shown(fields.DateTime, "No fire time before, or null.", allow_none=True)
    ends_at = shown(fields.DateTime, "No fire time after, or null.", allow_none=True)
    max_runs = shown(fields.Integer, "Exhausted after so many jobs.", allow_none=True)
    next_run_at = shown(
        fields.DateTime, "Next fire time; null while disabled or exhausted.", allow_none=True
    )
    last_run_at = shown(fields.DateTime, "Latest fire time, or null.", allow_none=True)
    last_job_id = shown(fields.UUID, "Job that was made last, or null.", allow_none=True)
    run_count = shown(fields.Integer, "Jobs that its fire times have made.")
    runs_remaining = shown(fields.Integer, "Until `max_runs`, or null.", allow_none=True)
    skipped_count = shown(fields.Integer, "Fire times without a job because of an earlier one.")
    waiting = shown(fields.List, "Fire times whose jobs wait for an earlier one.", fields.DateTime)
    is_exhausted = shown(fields.Boolean, "It is enabled, and will never fire again.")
    problem = shown(fields.String, "Why it makes no jobs, or null.", allow_none=True)
    source = shown(fields.String, "File that declares it, or null.", allow_none=True)
    created_at = shown(fields.DateTime, "When it was made.")
    updated_at = shown(fields.DateTime, "When somebody last changed it.")


class SchedulePageSchema(AnswerSchema):
    """A part of the list of schedules."""

    items = shown(fields.List, "In the list's order.", fields.Nested(ScheduleSchema))
    total = shown(fields.Integer, "Number of all matches.")
    next_cursor = shown(fields.String, "Place of the next part, or null.", allow_none=True)


class FireTimeSchema(AnswerSchema):
    """One time at which a schedule will fire."""

    at = shown(fields.DateTime, "In UTC.")
    local = shown(fields.String, "In the schedule's time zone, with its offset from UTC.")
    is_dst = shown(fields.Boolean, "Daylight saving time holds then.")
    shift = shown(
        fields.String,
        "`gap`: moved, because the clocks leap over the named time; `fold`: the clocks show it "
        "twice that day; else null.",
        allow_none=True,
    )
    note = shown(fields.String, "The same in words, or null.", allow_none=True)


class PreviewSchema(AnswerSchema):
    """The next fire times of a schedule, as if it were enabled."""

    items = shown(fields.List, "Earliest first.", fields.Nested(FireTimeSchema))
    timezone = shown(fields.String, "IANA name of the time zone that counts.")


def spec_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a `ScheduleSpec` from a loaded body.

    Raises:
        ValidationFailed: a destination has a mask where its secret has to be.
        WorkflowNotFound: nothing can be named as `task_id` says.
    """
    found = {key: value for key, value in body.items() if key != "task_id"}
    if "output_destinations" in found:
        found["output_destinations"] = tuple(found["output_destinations"])
        _refuse_masks(found["output_destinations"])
    if "task_id" in body:
        task = locate_task(body["task_id"])
        found |= {"namespace": task.namespace, "workflow": task.name, "version": task.version}
    return found


def _refuse_masks(items: Sequence[Any]) -> None:
    """Refuse what an answer showed in place of a secret, sent back: it would be the new secret."""
    for index, item in enumerate(items):
        if any(MASK in text for text in secret_texts({"item": item}, ("item",))):
            place = f"output_destinations[{index}]"
            reason = f"'{MASK}' stands for a secret that is not shown; write the secret itself"
            raise ValidationFailed(
                f"The schedule is not valid: {place}: {reason}", {place: [reason]}
            )


def show_schedule(view: ScheduleView) -> dict[str, Any]:
    """Return a schedule."""
    spec = view.spec
    remaining = None if spec.max_runs is None else max(0, spec.max_runs - view.runs_made)
    return {
        "id": view.id,
        "name": spec.name,
        "description": spec.description,
        "task_id": name_of(spec.namespace, spec.workflow),
        "task_name": spec.workflow,
        "namespace": spec.namespace,
        "version": spec.version,
        "cron_expression": spec.cron_expression,
        "timezone": spec.timezone,
        "input": spec.input,
        "enabled": spec.enabled,
        "priority": spec.priority,
        "output_destinations": ratchet().core.destinations.shown(spec.output_destinations),
        "metadata": dict(spec.metadata),
        "catchup": spec.catchup.value,
        "max_catchup": spec.max_catchup,
        "overlap": spec.overlap.value,
        "starts_at": optional_millis(spec.starts_at),
        "ends_at": optional_millis(spec.ends_at),
        "max_runs": spec.max_runs,
        "next_run_at": optional_millis(view.next_at),
        "last_run_at": optional_millis(view.last_at),
        "last_job_id": view.last_run_id,
        "run_count": view.runs_made,
        "runs_remaining": remaining,
        "skipped_count": view.runs_skipped,
        "waiting": [to_millis(at) for at in view.waiting],
        "is_exhausted": view.is_exhausted,
        "problem": _in_our_words(view.problem),
        "source": view.source,
        "created_at": to_millis(view.created_at),
        "updated_at": to_millis(view.updated_at),
    }


def _in_our_words(problem: str | None) -> str | None:
    return None if problem is None else problem.replace("Workflow '", "Task '")


def show_fire_time(fire_time: FireTime) -> dict[str, Any]:
    """Return one line of a preview."""
    shift = fire_time.shift
    return {
        "at": to_millis(fire_time.at),
        "local": fire_time.local.isoformat(timespec="seconds"),
        "is_dst": bool(fire_time.local.dst()),
        "shift": shift,
        "note": None if shift is None else _NOTES[shift],
    }
