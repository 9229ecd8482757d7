"""The `/tasker` door as one blueprint: the six operations of seed 002, and the extensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Flask, Response

import ratchet_core
from ratchet_core.api.door import answer
from ratchet_core.api.door.access import permit, reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.document import Document, document_routes
from ratchet_core.api.door.metrics import declare_metrics
from ratchet_core.api.door.paging import MAX_LIMIT, page_window, pagination
from ratchet_core.api.tasker.analytics import declare_analytics
from ratchet_core.api.tasker.annotation import declare_annotations
from ratchet_core.api.tasker.find import find_handler, find_namespace
from ratchet_core.api.tasker.handler import (
    TaskerHandlerSchema,
    TaskerHandlersSchema,
    TaskerNamespacesSchema,
    show_handler,
    show_handler_row,
    show_namespace,
)
from ratchet_core.api.tasker.health import declare_health
from ratchet_core.api.tasker.insight import declare_insight
from ratchet_core.api.tasker.problem import DIALECT, INVALID_TASK, TaskerProblemSchema
from ratchet_core.api.tasker.request import (
    CreateTaskBody,
    ExtendedQuery,
    HandlerQuery,
    TaskListQuery,
    TaskQuery,
    read_task,
)
from ratchet_core.api.tasker.steps import declare_steps
from ratchet_core.api.tasker.task import (
    TaskerTaskDetailSchema,
    TaskerTaskPageSchema,
    TaskerTaskSchema,
    show_task,
    show_task_detail,
)
from ratchet_core.api.tasker.task_verbs import declare_task_verbs, read_task_id
from ratchet_core.api.tasker.trail import declare_trail
from ratchet_core.domain.query import RunQuery, Window, WorkflowQuery
from ratchet_core.domain.views import WorkflowView
from ratchet_core.domain.workflow import is_name
from ratchet_core.engine.requests import SubmitRequest, Submitted
from ratchet_core.errors import (
    NamespaceNotFound,
    ValidationFailed,
    WorkflowNotFound,
)

#: Where the door is in our own application (seed 002, "Base URL & Mounting").
PREFIX: Final = "/tasker"
#: What the seed does not name, each group of operations in a module of its own.
_EXTENSIONS: Final = (
    declare_task_verbs,
    declare_steps,
    declare_annotations,
    declare_trail,
    declare_insight,
    declare_health,
    declare_analytics,
)


def tasker_blueprint() -> DoorBlueprint:
    """Return the operations of `/tasker`, without a prefix."""
    blueprint = DoorBlueprint(
        "tasker",
        __name__,
        dialect=DIALECT,
        problem=TaskerProblemSchema,
        about="Handler discovery and tasks.",
    )
    _declare_handlers(blueprint)
    _declare_tasks(blueprint)
    _declare_one_task(blueprint)
    for declare in _EXTENSIONS:
        declare(blueprint)
    declare_metrics(blueprint, "getTaskerMetrics", "tasker.metrics:index")
    return blueprint


def mount_tasker(app: Flask, prefix: str = PREFIX) -> DoorBlueprint:
    """Mount the door in an application, with a document of its own at `api-docs.json`."""
    blueprint = tasker_blueprint()
    app.register_blueprint(blueprint, url_prefix=prefix)
    document = Document(
        app,
        title="Tasker REST API",
        version=ratchet_core.__version__,
        about="Handler discovery and task management.",
        name="TASKER",
    )
    document.include(blueprint)
    page = f"{prefix}/api-docs"
    app.register_blueprint(
        document_routes(document, "tasker_docs", [f"{page}.json"], page, DIALECT)
    )
    return blueprint


def _declare_handlers(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/handlers",
        "listNamespaces",
        permission="workflow:read",
        spelled="tasker.handler:index",
        answers={200: TaskerNamespacesSchema, 304: None},
    )
    def list_namespaces() -> Response:
        """List all namespaces with their handlers."""
        shown = [show_namespace(view) for view in reads().namespaces()]
        return answer.cacheable({"namespaces": shown})

    @blueprint.operation(
        "GET",
        "/handlers/<namespace>",
        "listHandlersInNamespace",
        permission="workflow:read",
        spelled="tasker.handler:index",
        query=ExtendedQuery,
        answers={200: TaskerHandlersSchema, 304: None},
        problems=(404,),
    )
    def list_handlers(query: Mapping[str, Any], namespace: str) -> Response:
        """List the handlers of a namespace, one row per handler with its latest version."""
        place = {name: i for i, name in enumerate(find_namespace(namespace).workflows)}
        views = sorted(
            _workflows_in(namespace),
            key=lambda view: place.get(view.definition.name, len(place)),
        )
        rows = [show_handler_row(view, extended=query["extended"]) for view in views]
        return answer.cacheable({"namespace": namespace, "handlers": rows})

    @blueprint.operation(
        "GET",
        "/handlers/<namespace>/<name>",
        "getHandlerWithDependencies",
        permission="workflow:read",
        spelled="tasker.handler:show",
        query=HandlerQuery,
        answers={200: TaskerHandlerSchema, 304: None},
        problems=(404,),
    )
    def get_handler(query: Mapping[str, Any], namespace: str, name: str) -> Response:
        """Show a handler with its steps and what depends on what."""
        view = find_handler(namespace, name, query.get("version"))
        return answer.cacheable(show_handler(view, extended=query["extended"]))


def _declare_tasks(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "POST",
        "/tasks",
        "createTask",
        permission="workflow:run",
        spelled="tasker.task:create",
        query=ExtendedQuery,
        body=CreateTaskBody,
        answers={201: TaskerTaskSchema, 200: TaskerTaskSchema},
        problems=(404, 409, 422),
        keyed=True,
    )
    def create_task(query: Mapping[str, Any], body: Mapping[str, Any]) -> Response:
        """Create a task; 200 with the known one where the `Idempotency-Key` is known."""
        submitted = _submit(read_task(body))
        status = 201 if submitted.created else 200
        return answer.json(show_task(submitted.run, extended=query["extended"]), status)

    @blueprint.operation(
        "GET",
        "/tasks",
        "listTaskerTasks",
        permission="run:read",
        spelled="tasker.task:index",
        query=TaskListQuery,
        answers={200: TaskerTaskPageSchema},
    )
    def list_tasks(query: Mapping[str, Any]) -> Response:
        """List tasks, newest first."""
        wanted = RunQuery(
            states=query.get("status"),
            namespace=query.get("namespace"),
            name=query.get("name"),
            version=query.get("version"),
        )
        page = reads().runs(wanted, page_window(query))
        tasks = [show_task(run, extended=query["extended"]) for run in page.items]
        return answer.json({"tasks": tasks, "pagination": pagination(query, page.total)})


def _declare_one_task(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/tasks/<id>",
        "getTaskerTask",
        permission="run:read",
        spelled="tasker.task:show",
        query=TaskQuery,
        answers={200: TaskerTaskDetailSchema},
        problems=(404,),
    )
    def get_task(query: Mapping[str, Any], id: str) -> Response:  # noqa: A002 - seed's name
        """Show a task with its steps."""
        run_id = read_task_id(id)
        task = show_task_detail(
            reads().run(run_id),
            reads().steps(run_id),
            dependencies=query["include_dependencies"],
            extended=query["extended"],
        )
        return answer.json(task)


def _workflows_in(namespace: str) -> Iterator[WorkflowView]:
    cursor = None
    while True:
        window = Window(limit=MAX_LIMIT, cursor=cursor, order="asc")
        page = reads().workflows(WorkflowQuery(namespace=namespace), window)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _submit(request: SubmitRequest) -> Submitted:
    if not is_name(request.namespace):
        raise NamespaceNotFound(request.namespace)
    if not is_name(request.name):
        find_namespace(request.namespace)
        raise WorkflowNotFound(request.namespace, request.name, request.version)
    if not reads().sees(request.namespace, "workflow"):
        raise NamespaceNotFound(request.namespace)
    permit(request.namespace)
    try:
        return ratchet().engine.submit(request)
    except ValidationFailed as error:
        code, message = INVALID_TASK
        raise ValidationFailed(message, _of_context(error.details), code) from None


def _of_context(details: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Say `context` where the engine says `input`."""
    return {
        f"context{key.removeprefix('input')}" if key.partition(".")[0] == "input" else key: texts
        for key, texts in details.items()
    }
