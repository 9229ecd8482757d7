"""`/api/v1/jobs`: the operations on jobs. Batches have a module of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.idempotency import idempotency_key
from ratchet_core.api.door.paging import listed, window
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.ratchet.filter import chosen_states, of_task
from ratchet_core.api.ratchet.job import (
    EventsSchema,
    JobAnswerSchema,
    JobDetailSchema,
    JobPageSchema,
    JobStepsSchema,
    show_event,
    show_job,
    show_job_detail,
    show_step,
)
from ratchet_core.api.ratchet.request import (
    CreateJobBody,
    EventsQuery,
    JobListQuery,
    RetryBody,
    submission,
)
from ratchet_core.api.ratchet.task import locate_task
from ratchet_core.domain.query import RunQuery
from ratchet_core.errors import RunNotFound, WorkflowNotFound


def declare_jobs(blueprint: DoorBlueprint) -> None:
    """Add the operations on jobs to `blueprint`."""
    _declare_lists(blueprint)
    _declare_one(blueprint)
    _declare_verbs(blueprint)


def _declare_lists(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/jobs",
        "listJobs",
        permission="run:read",
        query=JobListQuery,
        answers={200: JobPageSchema},
    )
    def list_jobs(query: Mapping[str, Any]) -> Response:
        """List jobs, newest first."""
        wanted = job_query(query)
        if wanted is None:
            return answer.json(listed([], 0, None))
        page = reads().runs(wanted, window(query))
        items = [show_job(run) for run in page.items]
        return answer.json(listed(items, page.total, page.next_cursor))

    @blueprint.operation(
        "POST",
        "/jobs",
        "createJob",
        permission="workflow:run",
        body=CreateJobBody,
        answers={201: JobAnswerSchema, 200: JobAnswerSchema},
        problems=(404, 409),
        keyed=True,
    )
    def create_job(body: Mapping[str, Any]) -> Response:
        """Make a job of the task named in the body; 200 where the idempotency key is known."""
        key = idempotency_key(request) or body["idempotency_key"]
        wanted = submission(locate_task(body["task_id"]), body, key)
        permit(wanted.namespace)
        submitted = ratchet().engine.submit(wanted)
        return answer.json({"job": show_job(submitted.run)}, 201 if submitted.created else 200)


def _declare_one(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/jobs/<job_id>",
        "getJob",
        permission="run:read",
        answers={200: JobDetailSchema},
        problems=(404,),
    )
    def get_job(job_id: str) -> Response:
        """Show one job with its steps."""
        run_id = parse_job_id(job_id)
        run = reads().run(run_id)
        return answer.json(show_job_detail(run, reads().steps(run_id)))

    @blueprint.operation(
        "GET",
        "/jobs/<job_id>/steps",
        "listJobSteps",
        permission="step:read",
        answers={200: JobStepsSchema},
        problems=(404,),
    )
    def list_job_steps(job_id: str) -> Response:
        """List the steps of a job in definition order."""
        run_id = parse_job_id(job_id)
        reads().run(run_id)
        steps = reads().steps(run_id)
        return answer.json({"items": [show_step(step) for step in steps], "total": len(steps)})

    @blueprint.operation(
        "GET",
        "/jobs/<job_id>/events",
        "listJobEvents",
        permission="run:read",
        query=EventsQuery,
        answers={200: EventsSchema},
        problems=(404,),
    )
    def list_job_events(query: Mapping[str, Any], job_id: str) -> Response:
        """List what happened to a job, oldest first."""
        run_id = parse_job_id(job_id)
        reads().run(run_id)
        events = reads().events(run_id, query["after"], query["limit"])
        after = events[-1].sequence if events else query["after"]
        return answer.json({"items": [show_event(event) for event in events], "next_after": after})


def _declare_verbs(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/jobs/<job_id>/cancel",
        "cancelJob",
        permission="run:cancel",
        answers={200: JobAnswerSchema},
        problems=(404, 409),
    )
    def cancel_job(job_id: str) -> Response:
        """Cancel a job: a pending one never runs, a running one is stopped."""
        run_id = permitted_run(job_id)
        run = ratchet().engine.cancel(run_id, principal())
        return answer.json({"job": show_job(run)})

    @blueprint.operation(
        "POST",
        "/jobs/<job_id>/retry",
        "retryJob",
        permission="run:retry",
        body=RetryBody,
        body_required=False,
        answers={200: JobAnswerSchema},
        problems=(404, 409),
    )
    def retry_job(body: Mapping[str, Any], job_id: str) -> Response:
        """Run a failed or cancelled job again with the same input; what completed is kept."""
        run_id = permitted_run(job_id)
        run = ratchet().engine.retry(run_id, principal(), body["from_step"])
        return answer.json({"job": show_job(run)})

    @blueprint.operation(
        "DELETE",
        "/jobs/<job_id>",
        "deleteJob",
        permission="run:delete",
        answers={204: None},
        problems=(404, 409),
    )
    def delete_job(job_id: str) -> Response:
        """Delete a job that has come to its end, with its steps, executions and events."""
        ratchet().engine.delete_run(permitted_run(job_id))
        return answer.empty()


def permitted_run(text: str) -> str:
    """Return the id of a run with which the caller may do what the operation does.

    Raises:
        RunNotFound: no such run, or none that the caller may know of.
        AuthorizationFailed: the caller may see it and do no more.
    """
    run_id = parse_job_id(text)
    permit(reads().run(run_id).namespace)
    return run_id


def parse_job_id(text: str) -> str:
    """Return the id of a run.

    Raises:
        RunNotFound: no run can have that id.
    """
    run_id = read_id(text)
    if run_id is None:
        raise RunNotFound(text[:100])
    return run_id


def job_query(query: Mapping[str, Any]) -> RunQuery | None:
    """Return the filters; None where nothing can match."""
    try:
        task = of_task(query)
    except WorkflowNotFound:
        return None
    states = chosen_states(query)
    if states == ():
        return None
    priorities = query.get("priority_in")
    if query.get("priority") is not None:
        priorities = (query["priority"],)
    return RunQuery(
        states=states,
        namespace=task["namespace"],
        name=task["name"],
        version=task["version"],
        priority_in=priorities,
        schedule_id=query.get("schedule_id"),
        scheduled_from=query.get("scheduled_for_gte"),
        scheduled_to=query.get("scheduled_for_lte"),
        created_from=query.get("created_at_gte"),
        created_to=query.get("created_at_lte"),
        ids=query.get("id_in"),
    )
