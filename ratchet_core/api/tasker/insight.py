"""What can be seen of a task or a handler: analysis of its dependencies, pictures. Extensions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import Response

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.tasker.analysis import analyse_dependencies
from ratchet_core.api.tasker.analysis_schema import TaskerAnalysisSchema
from ratchet_core.api.tasker.diagram import diagram_of_handler, diagram_of_task
from ratchet_core.api.tasker.find import find_handler
from ratchet_core.api.tasker.request import VersionQuery
from ratchet_core.api.tasker.task_verbs import read_task_id

MERMAID: Final = "text/plain"
SVG: Final = "image/svg+xml"


def declare_insight(blueprint: DoorBlueprint) -> None:
    """Declare the operations."""
    _declare_analysis(blueprint)
    _declare_task_diagrams(blueprint)
    _declare_handler_diagrams(blueprint)


def _declare_analysis(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/tasks/<task_id>/dependency_analysis",
        "getTaskDependencyAnalysis",
        permission="run:read",
        spelled="tasker.task:show",
        answers={200: TaskerAnalysisSchema},
        problems=(404,),
    )
    def get_analysis(task_id: str) -> Response:
        """Analyse the dependencies of a task as it stands."""
        run_id = read_task_id(task_id)
        run = reads().run(run_id)
        return answer.json(analyse_dependencies(run, reads().steps(run_id), datetime.now(UTC)))


def _declare_task_diagrams(blueprint: DoorBlueprint) -> None:
    @blueprint.operation(
        "GET",
        "/tasks/<task_id>/diagram",
        "getTaskDiagram",
        answers={200: None},
        content_type=MERMAID,
        permission="run:read",
        spelled="tasker.task:show",
        problems=(404,),
    )
    def get_task_diagram(task_id: str) -> Response:
        """Draw a task as it stands, as a Mermaid flowchart."""
        return _text(_task_diagram(task_id).to_mermaid(), MERMAID)

    @blueprint.operation(
        "GET",
        "/tasks/<task_id>/diagram.svg",
        "getTaskPicture",
        answers={200: None},
        content_type=SVG,
        permission="run:read",
        spelled="tasker.task:show",
        problems=(404,),
    )
    def get_task_picture(task_id: str) -> Response:
        """Draw a task as it stands, as an SVG picture."""
        return _text(_task_diagram(task_id).to_svg(), SVG)


def _declare_handler_diagrams(blueprint: DoorBlueprint) -> None:
    rule = "/handlers/<namespace>/<name>/diagram"

    @blueprint.operation(
        "GET",
        rule,
        "getHandlerDiagram",
        answers={200: None},
        content_type=MERMAID,
        permission="workflow:read",
        spelled="tasker.handler:show",
        query=VersionQuery,
        problems=(404,),
    )
    def get_handler_diagram(query: Mapping[str, Any], namespace: str, name: str) -> Response:
        """Draw a handler as a Mermaid flowchart."""
        view = find_handler(namespace, name, query.get("version"))
        return _text(diagram_of_handler(view.definition).to_mermaid(), MERMAID)

    @blueprint.operation(
        "GET",
        f"{rule}.svg",
        "getHandlerPicture",
        answers={200: None},
        content_type=SVG,
        permission="workflow:read",
        spelled="tasker.handler:show",
        query=VersionQuery,
        problems=(404,),
    )
    def get_handler_picture(query: Mapping[str, Any], namespace: str, name: str) -> Response:
        """Draw a handler as an SVG picture."""
        view = find_handler(namespace, name, query.get("version"))
        return _text(diagram_of_handler(view.definition).to_svg(), SVG)


def _task_diagram(task_id: str) -> Any:
    run_id = read_task_id(task_id)
    run = reads().run(run_id)
    return diagram_of_task(f"{run.full_name} {run.id}", reads().steps(run_id))


def _text(text: str, media: str) -> Response:
    return Response(text, content_type=f"{media}; charset=utf-8")
