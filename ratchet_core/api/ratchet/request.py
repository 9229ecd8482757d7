"""What `/api/v1` reads: bodies and parameters, and the requests to the engine made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields

from ratchet_core.api.door.call import principal
from ratchet_core.api.door.duration import Duration
from ratchet_core.api.door.field import (
    Choice,
    CommaList,
    Flag,
    Json,
    Moment,
    RequestSchema,
    Seconds,
    Whole,
    Word,
    version_word,
)
from ratchet_core.api.door.idempotency import MAX_KEY
from ratchet_core.api.door.paging import WindowQuery
from ratchet_core.api.door.priority import PATTERN, Priority
from ratchet_core.api.door.reference import Reference
from ratchet_core.api.ratchet.state import EXECUTION_FILTER, JOB_FILTER
from ratchet_core.engine.requests import SubmitRequest

#: Longest that a caller may wait for a job (decisions.md section 4).
MAX_WAIT_S: Final = 60
#: Most jobs of one batch.
MAX_BATCH: Final = 1000


class JobOptions(RequestSchema):
    """What a request for a job may say besides its task."""

    input = Json(load_default=dict, metadata={"description": "JSON value; absent means `{}`."})
    priority = Priority(load_default=None, metadata={"description": "Absent: the task's own."})
    output_destinations = fields.List(
        fields.Dict(),
        load_default=list,
        metadata={"description": "Where the result goes besides the task's destinations."},
    )
    metadata = fields.Dict(
        load_default=dict, metadata={"description": "Kept with the job and shown with it."}
    )
    scheduled_for = Moment(
        load_default=None, metadata={"description": "Do not start before this time."}
    )
    delay_s = Duration(
        load_default=None,
        metadata={"description": "Do not start before so many seconds are over."},
    )
    deadline = Moment(
        load_default=None, metadata={"description": "The job fails if it has not ended by then."}
    )
    time_limit_s = Duration(
        load_default=None,
        metadata={"description": "The same, in seconds from when the job may start."},
    )


class ExecuteBody(JobOptions):
    """A request to execute a task."""


class CreateJobBody(JobOptions):
    """A request for a job of the task named in it."""

    task_id = Word(512, required=True, metadata={"description": "Name or UUID of the task."})
    idempotency_key = Word(
        MAX_KEY,
        pattern="[ -~]+",
        rule="must be printable ASCII characters",
        load_default=None,
        metadata={"description": "Same key, same request: the same job."},
    )


class _BatchItem(fields.Nested):
    """A request for a job in a batch: documented here, read one by one by `batch`."""

    def _deserialize(
        self,
        value: Any,
        attr: str | None,
        data: Mapping[str, Any] | None,
        partial: object = None,
        **_: Any,
    ) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        return value


class BatchBody(RequestSchema):
    """A request for many jobs."""

    jobs = fields.List(
        _BatchItem(CreateJobBody),
        required=True,
        metadata={
            "description": "Requests as of `POST /jobs`.",
            "minItems": 1,
            "maxItems": MAX_BATCH,
        },
    )
    atomic = Flag(load_default=False, metadata={"description": "All or none."})


class RetryBody(RequestSchema):
    """How a job is to be retried."""

    from_step = Word(
        128,
        load_default=None,
        metadata={"description": "Run this step and all below it again, even if completed."},
    )


class ExecuteQuery(RequestSchema):
    """How long the caller waits."""

    wait = Seconds(
        MAX_WAIT_S,
        load_default=0.0,
        metadata={"description": "Wait so many seconds for the job to finish."},
    )


class TaskListQuery(WindowQuery):
    """Part and filters of the list of tasks."""

    namespace = Word(metadata={"description": "Exactly this namespace."})
    name = Word(metadata={"description": "Exactly this name."})
    name_like = Word(metadata={"description": "Contained in the name, letter case ignored."})
    enabled = Choice(
        {"true": True, "false": False}, metadata={"description": "As set by an operator."}
    )
    sort = Choice(
        {"name": "name", "created_at": "created_at"},
        load_default="created_at",
        metadata={"description": "Order of the list."},
    )


class JobListQuery(WindowQuery):
    """Part and filters of the list of jobs."""

    status = Choice(JOB_FILTER, metadata={"description": "Where the job stands."})
    status_in = CommaList(Choice(JOB_FILTER), metadata={"description": "Any of these statuses."})
    task_id = Word(512, metadata={"description": "Name or UUID of the task."})
    namespace = Word(metadata={"description": "Of the task."})
    version = version_word("Of the task.")
    priority = Priority(metadata={"description": "Exactly this priority."})
    priority_in = CommaList(
        Priority(), pattern=PATTERN, metadata={"description": "Any of these priorities."}
    )
    schedule_id = Word(metadata={"description": "Made by this schedule."})
    scheduled_for_gte = Moment(metadata={"description": "Made for that time or a later one."})
    scheduled_for_lte = Moment(metadata={"description": "Made for that time or an earlier one."})
    id_in = CommaList(Word(64), metadata={"description": "Any of these ids."})
    created_at_gte = Moment(metadata={"description": "Created at or after."})
    created_at_lte = Moment(metadata={"description": "Created at or before."})
    sort = Choice(
        {"created_at": "created_at"},
        load_default="created_at",
        metadata={"description": "Order of the list."},
    )


class ExecutionListQuery(WindowQuery):
    """Part and filters of the list of executions."""

    status = Choice(EXECUTION_FILTER, metadata={"description": "Where the execution stands."})
    status_in = CommaList(
        Choice(EXECUTION_FILTER), metadata={"description": "Any of these statuses."}
    )
    task_id = Word(512, metadata={"description": "Name or UUID of the task."})
    job_id = Word(64, metadata={"description": "Of this job."})
    namespace = Word(metadata={"description": "Of the task."})
    version = version_word("Of the task.")
    created_at_gte = Moment(metadata={"description": "Started at or after."})
    created_at_lte = Moment(metadata={"description": "Started at or before."})
    sort = Choice(
        {"created_at": "created_at"},
        load_default="created_at",
        metadata={"description": "Order of the list."},
    )


class EventsQuery(RequestSchema):
    """Which part of a job's journal is wanted."""

    after = Whole(
        0, 10**17, load_default=0, metadata={"description": "Entries after this sequence number."}
    )
    limit = Whole(1, 1000, load_default=100, metadata={"description": "At most so many."})


def submission(task: Reference, options: Mapping[str, Any], key: str | None) -> SubmitRequest:
    """Return the request for a run that a call makes.

    Args:
        task: the workflow.
        options: a loaded `JobOptions` or `CreateJobBody`.
        key: idempotency key of the call.
    """
    return SubmitRequest(
        namespace=task.namespace,
        name=task.name,
        version=task.version,
        input=options["input"],
        idempotency_key=key,
        principal=principal(),
        priority=options["priority"],
        origin=options["metadata"],
        output_destinations=tuple(options["output_destinations"]),
        scheduled_for=options["scheduled_for"],
        delay_s=options["delay_s"],
        deadline=options["deadline"],
        time_limit_s=options["time_limit_s"],
    )
