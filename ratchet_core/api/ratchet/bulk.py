"""`POST /api/v1/jobs/batch/{cancel,retry,delete}`: one action on all jobs of a filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from flask import Response
from marshmallow import fields, validate

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import permit
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import caller, principal, ratchet
from ratchet_core.api.door.field import (
    AnswerSchema,
    Choice,
    Flag,
    Moment,
    RequestSchema,
    Whole,
    Word,
    shown,
    version_word,
)
from ratchet_core.api.door.priority import Priority
from ratchet_core.api.ratchet.job import JobSchema, show_job
from ratchet_core.api.ratchet.jobs import job_query
from ratchet_core.api.ratchet.state import JOB_FILTER
from ratchet_core.domain.query import RunQuery
from ratchet_core.domain.views import RunView
from ratchet_core.engine.bulk import MAX_RUNS, SAMPLE, BulkAction, BulkRequest
from ratchet_core.errors import NothingMatches, ValidationFailed

#: Most ids that a filter names.
MAX_IDS: Final = 1000
#: What the caller needs in the namespace of each job.
_PERMISSIONS: Final = MappingProxyType(
    {
        BulkAction.CANCEL: "run:cancel",
        BulkAction.RETRY: "run:retry",
        BulkAction.DELETE: "run:delete",
    }
)


class JobFilter(RequestSchema):
    """Which jobs; all that is given must hold, as in the list of jobs."""

    status = Choice(JOB_FILTER, metadata={"description": "Where the job stands."})
    status_in = fields.List(Choice(JOB_FILTER), metadata={"description": "Any of these."})
    task_id = Word(512, metadata={"description": "Name or UUID of the task."})
    namespace = Word(metadata={"description": "Of the task."})
    version = version_word("Of the task.")
    priority = Priority(metadata={"description": "Exactly this priority."})
    priority_in = fields.List(Priority(), metadata={"description": "Any of these."})
    schedule_id = Word(metadata={"description": "Made by this schedule."})
    id_in = fields.List(
        Word(64),
        validate=validate.Length(1, MAX_IDS),
        metadata={"description": "Any of these ids."},
    )
    created_at_gte = Moment(metadata={"description": "Created at or after."})
    created_at_lte = Moment(metadata={"description": "Created at or before."})
    scheduled_for_gte = Moment(metadata={"description": "Made for that time or a later one."})
    scheduled_for_lte = Moment(metadata={"description": "Made for that time or an earlier one."})


class BulkBody(RequestSchema):
    """What to do to which jobs: a dry run, or so many as a dry run has told, or a batch."""

    filter = fields.Nested(
        JobFilter, load_default=dict, metadata={"description": "Empty: nothing, unless `all`."}
    )
    all = Flag(load_default=False, metadata={"description": "An empty filter is meant."})
    dry_run = Flag(load_default=False, metadata={"description": "Only tell what would be done."})
    expected = Whole(
        1,
        MAX_RUNS,
        load_default=None,
        metadata={"description": "Act only if exactly so many match, as a dry run has told."},
    )
    limit = Whole(
        1,
        MAX_RUNS,
        load_default=None,
        metadata={"description": "Act on so many at most, the oldest first."},
    )


class BulkAnswerSchema(AnswerSchema):
    """What was done, or would be."""

    dry_run = shown(fields.Boolean, "Nothing was changed.")
    matched = shown(fields.Integer, "Jobs that matched and that the action applies to.")
    done = shown(fields.Integer, "Jobs that were changed.")
    skipped = shown(fields.Integer, "Jobs that had changed by themselves meanwhile.")
    remaining = shown(fields.Integer, "Jobs that matched and were not looked at.")
    sample = shown(
        fields.List, f"With a dry run: the {SAMPLE} oldest of them.", fields.Nested(JobSchema)
    )


def declare_bulk(blueprint: DoorBlueprint) -> None:
    """Add the operations to `blueprint`."""

    @blueprint.operation(
        "POST",
        "/jobs/batch/cancel",
        "cancelJobs",
        permission="run:cancel",
        body=BulkBody,
        answers={200: BulkAnswerSchema},
        problems=(404, 409),
    )
    def cancel_jobs(body: Mapping[str, Any]) -> Response:
        """Cancel the jobs that a filter matches."""
        return _answered(BulkAction.CANCEL, body)

    @blueprint.operation(
        "POST",
        "/jobs/batch/retry",
        "retryJobs",
        permission="run:retry",
        body=BulkBody,
        answers={200: BulkAnswerSchema},
        problems=(404, 409),
    )
    def retry_jobs(body: Mapping[str, Any]) -> Response:
        """Run the failed or cancelled jobs again that a filter matches."""
        return _answered(BulkAction.RETRY, body)

    @blueprint.operation(
        "POST",
        "/jobs/batch/delete",
        "deleteJobs",
        permission="run:delete",
        body=BulkBody,
        answers={200: BulkAnswerSchema},
        problems=(404, 409),
    )
    def delete_jobs(body: Mapping[str, Any]) -> Response:
        """Delete the ended jobs that a filter matches, with their executions and events."""
        return _answered(BulkAction.DELETE, body)


def _answered(action: BulkAction, body: Mapping[str, Any]) -> Response:
    done, sample = act(action, body)
    return answer.json({**done, "sample": [show_job(run) for run in sample]})


def act(action: BulkAction, body: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[RunView, ...]]:
    """Do what a loaded `BulkBody` asks for, as far as the caller may.

    Returns:
        The answer without its sample, and the sample.

    Raises:
        ValidationFailed, NothingMatches, CountMismatch: as `engine.bulk` tells.
    """
    request = BulkRequest(
        action=action,
        query=_query(action, body["filter"]),
        by=principal(),
        everything=body["all"],
        expected=body["expected"],
        limit=body["limit"],
    )
    if not body["dry_run"]:
        done = ratchet().engine.bulk(request)
        left = done.matched - done.done - done.skipped
        told = {"done": done.done, "skipped": done.skipped, "remaining": left}
        return {"dry_run": False, "matched": done.matched, **told}, ()
    if request.expected is not None or request.limit is not None:
        rule = "cannot be given together with `expected` or `limit`"
        raise ValidationFailed(f"`dry_run` {rule}", {"dry_run": [rule]})
    look = ratchet().engine.bulk_look(request)
    told = {"done": 0, "skipped": 0, "remaining": look.matched}
    return {"dry_run": True, "matched": look.matched, **told}, look.sample


def _query(action: BulkAction, given: Mapping[str, Any]) -> RunQuery:
    """Return the filter, limited to the namespaces in which the caller may act."""
    query = job_query(given)
    if query is None:
        raise NothingMatches("The filter names a task, or states, that no job can have")
    if query.namespace is not None:
        permit(query.namespace)
    namespaces = ratchet().access.visible(caller(), _PERMISSIONS[action])
    return replace(query, namespaces=namespaces)
