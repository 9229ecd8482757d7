"""`/api/v1/schedules`: the operations on schedules (seed 000, "Schedules")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import authorize, permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.idempotency import idempotency_key
from ratchet_core.api.door.paging import WindowQuery, listed, window
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.ratchet.filter import of_task
from ratchet_core.api.ratchet.job import JobAnswerSchema, JobPageSchema, show_job
from ratchet_core.api.ratchet.schedule import (
    CreateScheduleBody,
    PreviewQuery,
    PreviewSchema,
    ScheduleChanges,
    ScheduleListQuery,
    SchedulePageSchema,
    ScheduleSchema,
    show_fire_time,
    show_schedule,
    spec_fields,
)
from ratchet_core.domain.query import RunQuery, ScheduleQuery
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.engine.schedules import ScheduleKey
from ratchet_core.errors import ScheduleNotFound, WorkflowNotFound


def declare_schedules(blueprint: DoorBlueprint) -> None:
    """Add the operations on schedules to `blueprint`."""
    _declare_list(blueprint)
    _declare_one(blueprint)
    _declare_looks(blueprint)
    _declare_verbs(blueprint)


def _declare_list(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/schedules",
        "listSchedules",
        permission="schedule:read",
        query=ScheduleListQuery,
        answers={200: SchedulePageSchema},
    )
    def list_schedules(query: Mapping[str, Any]) -> Response:
        """List schedules, newest first."""
        wanted = schedule_query(query)
        if wanted is None:
            return answer.json(listed([], 0, None))
        page = reads().schedules(wanted, window(query))
        items = [show_schedule(view) for view in page.items]
        return answer.json(listed(items, page.total, page.next_cursor))

    @blueprint.operation(
        "POST",
        "/schedules",
        "createSchedule",
        permission="schedule:write",
        body=CreateScheduleBody,
        answers={201: ScheduleSchema, 200: ScheduleSchema},
        problems=(404, 409),
        keyed=True,
    )
    def create_schedule(body: Mapping[str, Any]) -> Response:
        """Make a schedule: its task is executed at every fire time of its cron expression.

        200 where the `Idempotency-Key` is known.
        """
        spec = ScheduleSpec(**spec_fields(body))
        permit(spec.namespace)
        authorize("workflow:run", spec.namespace)  # it will run the workflow
        text = idempotency_key(request)
        key = None if text is None else ScheduleKey(principal(), text)
        view, created = ratchet().engine.create_schedule_once(spec, key)
        return answer.json(show_schedule(view), 201 if created else 200)


def _declare_one(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/schedules/<schedule_id>",
        "getSchedule",
        permission="schedule:read",
        answers={200: ScheduleSchema},
        problems=(404,),
    )
    def get_schedule(schedule_id: str) -> Response:
        """Show one schedule with its next fire time."""
        view = reads().schedule(parse_schedule_id(schedule_id))
        return answer.json(show_schedule(view))

    @blueprint.operation(
        "PATCH",
        "/schedules/<schedule_id>",
        "updateSchedule",
        permission="schedule:write",
        body=ScheduleChanges,
        answers={200: ScheduleSchema},
        problems=(404, 409),
    )
    def update_schedule(body: Mapping[str, Any], schedule_id: str) -> Response:
        """Change a schedule: the fields that are given; all or, where one is refused, none."""
        found = permitted_schedule(schedule_id)
        changes = spec_fields(body)
        if "namespace" in changes:
            permit(changes["namespace"])
            authorize("workflow:run", changes["namespace"])  # it will run the workflow
        return answer.json(show_schedule(ratchet().engine.update_schedule(found, changes)))

    @blueprint.operation(
        "DELETE",
        "/schedules/<schedule_id>",
        "deleteSchedule",
        permission="schedule:delete",
        answers={204: None},
        problems=(404,),
    )
    def delete_schedule(schedule_id: str) -> Response:
        """Delete a schedule; its jobs stay."""
        ratchet().engine.delete_schedule(permitted_schedule(schedule_id))
        return answer.empty()


def _declare_looks(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/schedules/<schedule_id>/preview",
        "previewSchedule",
        permission="schedule:read",
        query=PreviewQuery,
        answers={200: PreviewSchema},
        problems=(404,),
    )
    def preview_schedule(query: Mapping[str, Any], schedule_id: str) -> Response:
        """Show when a schedule fires next, in its time zone, as if it were enabled."""
        view, now = reads().schedule_with_now(parse_schedule_id(schedule_id))
        upcoming = view.spec.timetable().preview(now, query["count"])
        items = [show_fire_time(fire_time) for fire_time in upcoming]
        return answer.json({"items": items, "timezone": view.spec.timezone})

    @blueprint.operation(
        "GET",
        "/schedules/<schedule_id>/history",
        "listScheduleJobs",
        permission="run:read",
        query=WindowQuery,
        answers={200: JobPageSchema},
        problems=(404,),
    )
    def list_schedule_jobs(query: Mapping[str, Any], schedule_id: str) -> Response:
        """List the jobs that a schedule has made, newest first."""
        found = reads().schedule(parse_schedule_id(schedule_id))
        page = reads().runs(RunQuery(schedule_id=found.id), window(query))
        items = [show_job(run) for run in page.items]
        return answer.json(listed(items, page.total, page.next_cursor))


def _declare_verbs(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/schedules/<schedule_id>/enable",
        "enableSchedule",
        permission="schedule:write",
        answers={200: ScheduleSchema},
        problems=(404,),
    )
    def enable_schedule(schedule_id: str) -> Response:
        """Let a schedule fire; it goes on with the next fire time from now."""
        return _switch(schedule_id, enabled=True)

    @blueprint.operation(
        "POST",
        "/schedules/<schedule_id>/disable",
        "disableSchedule",
        permission="schedule:write",
        answers={200: ScheduleSchema},
        problems=(404,),
    )
    def disable_schedule(schedule_id: str) -> Response:
        """Let a schedule fire no more; jobs that it has made go on."""
        return _switch(schedule_id, enabled=False)

    @blueprint.operation(
        "POST",
        "/schedules/<schedule_id>/trigger",
        "triggerSchedule",
        permission="workflow:run",
        answers={201: JobAnswerSchema},
        problems=(404, 409),
    )
    def trigger_schedule(schedule_id: str) -> Response:
        """Make one job of a schedule now, whatever its times say, even while it is disabled."""
        run = ratchet().engine.trigger_schedule(permitted_schedule(schedule_id), principal())
        return answer.json({"job": show_job(run)}, 201)


def parse_schedule_id(text: str) -> str:
    """Return the id of a schedule.

    Raises:
        ScheduleNotFound: no schedule can have that id.
    """
    schedule_id = read_id(text)
    if schedule_id is None:
        raise ScheduleNotFound(text[:100])
    return schedule_id


def permitted_schedule(text: str) -> str:
    """Return the id of a schedule with which the caller may do what the operation does.

    Raises:
        ScheduleNotFound: no such schedule, or none that the caller may know of.
        AuthorizationFailed: the caller may see it and do no more.
    """
    schedule_id = parse_schedule_id(text)
    permit(reads().schedule(schedule_id).spec.namespace)
    return schedule_id


def _switch(schedule_id: str, *, enabled: bool) -> Response:
    changes = {"enabled": enabled}
    view = ratchet().engine.update_schedule(permitted_schedule(schedule_id), changes)
    return answer.json(show_schedule(view))


def schedule_query(query: Mapping[str, Any]) -> ScheduleQuery | None:
    """Return the filters of the list of schedules; None where nothing can match."""
    try:
        task = of_task(query)
    except WorkflowNotFound:
        return None
    return ScheduleQuery(
        namespace=task["namespace"],
        workflow=task["name"],
        version=task["version"],
        name=query.get("name"),
        enabled=query.get("enabled"),
        sort=query["sort"],
    )
