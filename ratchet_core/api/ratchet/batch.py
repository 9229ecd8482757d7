"""`POST /api/v1/jobs/batch`: many jobs in one request and one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from marshmallow import ValidationError, fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import permit
from ratchet_core.api.door.blueprint import DoorBlueprint, body_error
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, shown
from ratchet_core.api.door.problem import describe
from ratchet_core.api.ratchet.job import JobSchema, show_job
from ratchet_core.api.ratchet.problem import DIALECT
from ratchet_core.api.ratchet.request import MAX_BATCH, BatchBody, CreateJobBody, submission
from ratchet_core.api.ratchet.task import locate_task
from ratchet_core.engine.requests import SubmitRequest, Submitted
from ratchet_core.errors import RatchetError, ValidationFailed


class BatchErrorSchema(AnswerSchema):
    """Why one job of a batch was not made."""

    type = shown(fields.String, "Kind of the problem.")
    message = shown(fields.String, "What happened, and what to do.")
    code = shown(fields.String, "Stable code to match on.")
    details = shown(fields.Dict, "Field to the messages about it.", optional=True)


class BatchItemSchema(AnswerSchema):
    """What became of one job of a batch: `job` or `error`."""

    index = shown(fields.Integer, "Place in the request, from 0.")
    created = shown(fields.Boolean, "False where the idempotency key was known.", optional=True)
    job = fields.Nested(JobSchema)
    error = fields.Nested(BatchErrorSchema)


class BatchSchema(AnswerSchema):
    """What became of a batch."""

    items = shown(fields.List, "In the order of the request.", fields.Nested(BatchItemSchema))
    accepted = shown(fields.Integer, "Jobs that are stored.")
    refused = shown(fields.Integer, "Jobs that were not made.")


def declare_batch(blueprint: DoorBlueprint) -> None:
    """Add the operation to `blueprint`."""

    @blueprint.operation(
        "POST",
        "/jobs/batch",
        "createJobs",
        permission="workflow:run",
        body=BatchBody,
        answers={200: BatchSchema},
        problems=(404, 409),
    )
    def create_jobs(body: Mapping[str, Any]) -> Response:
        """Make up to 1,000 jobs: the valid ones in one transaction, errors by index.

        With `atomic` all of them are made, or none where one is refused.
        """
        items = [_show(index, result) for index, result in enumerate(create(body))]
        refused = sum("error" in item for item in items)
        return answer.json({"items": items, "accepted": len(items) - refused, "refused": refused})


def create(body: Mapping[str, Any]) -> Sequence[Submitted | RatchetError]:
    """Make the jobs of a loaded `BatchBody` and return what became of each.

    Raises:
        ValidationFailed: it holds none or too many; with `atomic`, one is wrong in itself.
        RatchetError: with `atomic`, the first is refused for another reason: no such task.
    """
    jobs = body["jobs"]
    if not 0 < len(jobs) <= MAX_BATCH:
        rule = f"must hold 1 to {MAX_BATCH} jobs"
        raise ValidationFailed(f"The batch {rule}; it holds {len(jobs)}", {"jobs": [rule]})
    read = [_read(job) for job in jobs]
    if body["atomic"]:
        _refuse_all(read)
    results = _submit(read, atomic=body["atomic"])
    if body["atomic"]:
        _refuse_all(results)
    return results


def _read(job: Mapping[str, Any]) -> SubmitRequest | RatchetError:
    try:
        options = CreateJobBody().load(job)
        task = locate_task(options["task_id"])
        permit(task.namespace)
        return submission(task, options, options["idempotency_key"])
    except ValidationError as error:
        return body_error(error.messages, CreateJobBody())
    except RatchetError as error:
        return error


def _submit(
    read: Sequence[SubmitRequest | RatchetError], *, atomic: bool
) -> list[Submitted | RatchetError]:
    requests = [item for item in read if isinstance(item, SubmitRequest)]
    answers = iter(ratchet().engine.submit_many(requests, atomic=atomic) if requests else ())
    return [item if isinstance(item, RatchetError) else next(answers) for item in read]


def _refuse_all(results: Sequence[object]) -> None:
    failed = {i: item for i, item in enumerate(results) if isinstance(item, RatchetError)}
    if not failed:
        return
    if not any(isinstance(error, ValidationFailed) for error in failed.values()):
        index, first = next(iter(failed.items()))
        first.index = index
        raise first
    details = {f"jobs.{i}": [describe(e, DIALECT).message] for i, e in failed.items()}
    message = f"{len(failed)} of {len(results)} jobs are refused, so none was made"
    raise ValidationFailed(message, details)


def _show(index: int, result: Submitted | RatchetError) -> dict[str, Any]:
    if isinstance(result, Submitted):
        return {"index": index, "created": result.created, "job": show_job(result.run)}
    return {"index": index, "error": show_refusal(result)}


def show_refusal(refusal: RatchetError) -> dict[str, Any]:
    """Return why one job of a batch was not made."""
    problem = describe(refusal, DIALECT)
    error: dict[str, Any] = {"type": problem.type, "message": problem.message, "code": problem.code}
    if problem.details:
        error["details"] = problem.details
    return error
