"""What the fields of queries return: the same reads as `/api/v1`, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.paging import window
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.graphql.arguments import read_cursor, read_parameters
from ratchet_core.api.graphql.node import Batch, Node, nodes
from ratchet_core.api.ratchet.executions import execution_query
from ratchet_core.api.ratchet.job import (
    EXECUTION_FIELDS,
    max_retries,
    show_event,
    show_job,
    show_step,
)
from ratchet_core.api.ratchet.jobs import job_query, parse_job_id
from ratchet_core.api.ratchet.plugins import find_plugin, plugin_views, show_plugin
from ratchet_core.api.ratchet.request import (
    EventsQuery,
    ExecutionListQuery,
    JobListQuery,
    TaskListQuery,
)
from ratchet_core.api.ratchet.task import find_task, show_task_detail
from ratchet_core.api.ratchet.tasks import versions_of
from ratchet_core.domain.query import WorkflowQuery
from ratchet_core.domain.states import AttemptState
from ratchet_core.domain.views import (
    AttemptView,
    EventView,
    Page,
    RunView,
    StepView,
    WorkflowView,
)
from ratchet_core.errors import AttemptNotFound, ValidationFailed

Fields = dict[str, Any]
#: A part of a list in which nothing can be.
EMPTY: Fields = {"items": [], "total": 0, "next_cursor": None}


def tasks(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of the list of tasks."""
    query = read_parameters(TaskListQuery, given)
    wanted = WorkflowQuery(
        namespace=query.get("namespace"),
        name=query.get("name"),
        name_like=query.get("name_like"),
        enabled=query.get("enabled"),
        sort=query["sort"],
    )
    page = reads().workflows(wanted, window(query))
    return page_fields(page, nodes(page.items, show_task_detail))


def task(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Node[WorkflowView]:
    """Return one task."""
    return task_node(find_task(named_task(given["id"], given.get("version"))))


def task_versions(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return all versions of a task, latest first."""
    views = versions_of(given["id"])
    return {"items": nodes(views, show_task_detail), "total": len(views), "next_cursor": None}


def jobs(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of the list of jobs."""
    query = read_parameters(JobListQuery, given)
    wanted = job_query(query)
    if wanted is None:
        return EMPTY
    page = reads().runs(wanted, window(query))
    return page_fields(page, nodes(page.items, show_job))


def job(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Node[RunView]:
    """Return one job."""
    return job_node(reads().run(parse_job_id(given["id"])))


def executions(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return a part of the list of executions."""
    query = read_parameters(ExecutionListQuery, given)
    wanted = execution_query(query)
    if wanted is None:
        return EMPTY
    page = reads().attempts(wanted, window(query))
    return page_fields(page, nodes(page.items, EXECUTION_FIELDS))


def execution(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Node[AttemptView]:
    """Return one execution."""
    attempt_id = read_id(given["id"])
    if attempt_id is None:
        raise AttemptNotFound(given["id"][:100])
    return nodes([reads().attempt(attempt_id)], EXECUTION_FIELDS)[0]


def namespaces(_root: Any, _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the namespaces that hold a task."""
    return [
        {"name": view.name, "description": view.description, "tasks": view.workflows}
        for view in reads().namespaces()
    ]


def handlers(_root: Any, _info: GraphQLResolveInfo) -> Sequence[str]:
    """Return the names of the step handlers."""
    return ratchet().handlers.names()


def plugins(_root: Any, _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the installed plugins."""
    return [show_plugin(view) for view in plugin_views()]


def plugin(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return one plugin."""
    return show_plugin(find_plugin(given["name"]))


def executions_of_task(node: Node[WorkflowView], _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return the executions of a task, loaded for all tasks around it at once."""
    definition = node.view.definition
    permit(definition.namespace)
    return _executions_of(
        node.batch, _workflow_owner, (definition.namespace, definition.name), given
    )


def executions_of_job(node: Node[RunView], _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return the executions of a job, loaded for all jobs around it at once."""
    permit(node.view.namespace)
    return _executions_of(node.batch, _run_owner, (node.view.id,), given)


def steps_of_job(node: Node[RunView], _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the steps of a job, loaded for all jobs around it at once."""
    return [show_step(step) for step in _steps_of(node)]


def max_retries_of_job(node: Node[RunView], _info: GraphQLResolveInfo) -> int:
    """Return how often a step of a job is tried again at most."""
    return max_retries(_steps_of(node))


def events_of_job(node: Node[RunView], _info: GraphQLResolveInfo, **given: Any) -> list[Fields]:
    """Return a part of the journal of a job, loaded for all jobs around it at once."""
    permit(node.view.namespace)
    after = read_cursor(given.get("after")) or 0
    limit = read_parameters(EventsQuery, {"limit": given["limit"]})["limit"]

    def load(views: Sequence[RunView]) -> Mapping[str, Sequence[EventView]]:
        return ratchet().reads.events_of([view.id for view in views], after, limit)

    events = node.batch.load(("events", after, limit), load)[node.view.id]
    return [event_fields(event) for event in events]


def job_of_execution(node: Node[AttemptView], _info: GraphQLResolveInfo) -> Node[RunView] | None:
    """Return the job of an execution, loaded for all executions around it at once."""

    def load(views: Sequence[AttemptView]) -> Mapping[str, Node[RunView]]:
        found = ratchet().reads.runs_by_id(list({view.run_id for view in views}))
        return {made.view.id: made for made in nodes(list(found.values()), show_job)}

    permit(node.view.namespace)
    return node.batch.load("job", load).get(node.view.run_id)


def task_node(view: WorkflowView) -> Node[WorkflowView]:
    """Return one task alone."""
    return nodes([view], show_task_detail)[0]


def job_node(run: RunView) -> Node[RunView]:
    """Return one job alone."""
    return nodes([run], show_job)[0]


def event_fields(event: EventView) -> Fields:
    """Return one entry of the journal."""
    return {**show_event(event), "cursor": str(event.sequence)}


def named_task(task_id: str, version: str | None) -> str:
    """Return the reference that a `taskId` and a `version` make together.

    Raises:
        ValidationFailed: they contradict each other.
    """
    name, at, named = task_id.partition("@")
    if version is None:
        return task_id
    if at and named != version:
        message = f"taskId names the version '{named}', but version is '{version}'"
        raise ValidationFailed(message, {"version": ["contradicts taskId"]})
    return f"{name}@{version}"


def page_fields(page: Page[Any], items: Sequence[Node[Any]]) -> Fields:
    """Return a part of a list."""
    return {"items": items, "total": page.total, "next_cursor": page.next_cursor}


def _steps_of(node: Node[RunView]) -> Sequence[StepView]:
    def load(views: Sequence[RunView]) -> Mapping[str, Sequence[StepView]]:
        return ratchet().reads.steps_of([view.id for view in views])

    permit(node.view.namespace)
    return node.batch.load("steps", load)[node.view.id]


def _workflow_owner(view: WorkflowView) -> tuple[str, ...]:
    return (view.definition.namespace, view.definition.name)


def _run_owner(view: RunView) -> tuple[str, ...]:
    return (view.id,)


def _executions_of(
    batch: Batch[Any], owner_of: Any, owner: tuple[str, ...], given: Mapping[str, Any]
) -> Fields:
    asked = ("asked", *sorted(given.items()))
    query = batch.load(asked, lambda _: read_parameters(ExecutionListQuery, given))
    states: tuple[AttemptState, ...] | None = query.get("status")
    limit, offset = query["limit"], query["offset"]

    def load(views: Sequence[Any]) -> Mapping[tuple[str, ...], list[Node[AttemptView]]]:
        owners = list(dict.fromkeys(owner_of(view) for view in views))
        found = ratchet().reads.newest_attempts(owners, states=states, limit=limit, offset=offset)
        made = iter(nodes([item for views in found.values() for item in views], EXECUTION_FIELDS))
        return {key: [next(made) for _ in views] for key, views in found.items()}

    def count(views: Sequence[Any]) -> Mapping[tuple[str, ...], int]:
        owners = list(dict.fromkeys(owner_of(view) for view in views))
        return ratchet().reads.attempt_totals(owners, states=states)

    items = batch.load(("executions", states, limit, offset), load)[owner]
    return {
        "items": items,
        "total": lambda: batch.load(("execution totals", states), count)[owner],
        "next_cursor": None,
    }
