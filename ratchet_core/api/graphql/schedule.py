"""Schedules in the graph: the same reads and verbs as `/api/v1/schedules`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.access import authorize, permit, reads
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.paging import WindowQuery, window
from ratchet_core.api.graphql.arguments import read_body, read_parameters
from ratchet_core.api.graphql.node import Node, nodes
from ratchet_core.api.graphql.query import EMPTY, Fields, job_node, page_fields
from ratchet_core.api.ratchet.job import show_job
from ratchet_core.api.ratchet.schedule import (
    CreateScheduleBody,
    PreviewQuery,
    ScheduleChanges,
    ScheduleListQuery,
    show_fire_time,
    show_schedule,
    spec_fields,
)
from ratchet_core.api.ratchet.schedules import (
    parse_schedule_id,
    permitted_schedule,
    schedule_query,
)
from ratchet_core.domain.query import RunQuery
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.domain.views import ScheduleView


def schedules(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of the list of schedules."""
    query = read_parameters(ScheduleListQuery, given)
    wanted = schedule_query(query)
    if wanted is None:
        return EMPTY
    page = reads().schedules(wanted, window(query))
    return page_fields(page, nodes(page.items, show_schedule))


def schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Node[ScheduleView]:
    """Return one schedule."""
    return _node(reads().schedule(parse_schedule_id(given["id"])))


def history(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of the jobs that a schedule has made."""
    found = reads().schedule(parse_schedule_id(given.pop("id")))
    part = window(read_parameters(WindowQuery, given))
    page = reads().runs(RunQuery(schedule_id=found.id), part)
    return page_fields(page, nodes(page.items, show_job))


def preview(node: Node[ScheduleView], _info: GraphQLResolveInfo, **given: Any) -> list[Fields]:
    """Return when a schedule fires next; all schedules around it look from the same time."""

    def load(views: Sequence[ScheduleView]) -> datetime:
        return ratchet().reads.schedules.one_with_now(views[0].id)[1]

    permit(node.view.spec.namespace)
    count = read_parameters(PreviewQuery, given)["count"]
    now = node.batch.load("now", load)
    upcoming = node.view.spec.timetable().preview(now, count)
    return [show_fire_time(fire_time) for fire_time in upcoming]


def create_schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Make a schedule."""
    spec = ScheduleSpec(**spec_fields(read_body(CreateScheduleBody, given)))
    permit(spec.namespace)
    authorize("workflow:run", spec.namespace)  # it will run the workflow
    return {"schedule": _node(ratchet().engine.create_schedule(spec))}


def update_schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Change the fields of a schedule that are given: all or, where one is refused, none."""
    found = permitted_schedule(given.pop("id"))
    changes = spec_fields(read_body(ScheduleChanges, given))
    if "namespace" in changes:
        permit(changes["namespace"])
        authorize("workflow:run", changes["namespace"])  # it will run the workflow
    return {"schedule": _node(ratchet().engine.update_schedule(found, changes))}


def delete_schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Delete a schedule; its jobs stay."""
    found = permitted_schedule(given["id"])
    ratchet().engine.delete_schedule(found)
    return {"id": found}


def enable_schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let a schedule fire."""
    return _switch(given["id"], enabled=True)


def disable_schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Let a schedule fire no more."""
    return _switch(given["id"], enabled=False)


def trigger_schedule(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Make one job of a schedule now."""
    found = permitted_schedule(given["id"])
    return {"job": job_node(ratchet().engine.trigger_schedule(found, principal()))}


def _node(view: ScheduleView) -> Node[ScheduleView]:
    return nodes([view], show_schedule)[0]


def _switch(schedule_id: str, *, enabled: bool) -> Fields:
    found = permitted_schedule(schedule_id)
    return {"schedule": _node(ratchet().engine.update_schedule(found, {"enabled": enabled}))}
