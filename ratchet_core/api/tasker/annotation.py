"""`/tasker/tasks/{id}/annotations`: what people and programs note about a task. Extensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import principal, ratchet
from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import to_seconds
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.tasker.body import read_body
from ratchet_core.api.tasker.request import ANNOTATION, AnnotationBody, AnnotationQuery
from ratchet_core.api.tasker.task_verbs import permitted_task, read_task_id
from ratchet_core.domain.views import AnnotationView
from ratchet_core.errors import AnnotationNotFound

_ALL: Final = "/tasks/<task_id>/annotations"


class TaskerAnnotationSchema(AnswerSchema):
    """A note about a task."""

    task_annotation_id = shown(fields.String, "UUID of the note.")
    task_id = shown(fields.String, "UUID of the task.")
    annotation_type = shown(fields.String, "What kind of note it is.")
    annotation = shown(Json, "JSON value.")
    created_by = shown(fields.String, "Who noted it.")
    created_at = shown(fields.DateTime, "When.")


class TaskerAnnotationsSchema(AnswerSchema):
    """The notes about a task."""

    annotations = shown(fields.List, "Oldest first.", fields.Nested(TaskerAnnotationSchema))


def declare_annotations(blueprint: DoorBlueprint) -> None:
    """Declare the operations."""

    @blueprint.operation(
        "GET",
        _ALL,
        "listTaskAnnotations",
        permission="run:read",
        spelled="tasker.task:show",
        query=AnnotationQuery,
        answers={200: TaskerAnnotationsSchema},
        problems=(404,),
    )
    def list_annotations(query: Mapping[str, Any], task_id: str) -> Response:
        """List what was noted about a task, oldest first."""
        kind = query.get("annotation_type")
        found = reads().annotations(read_task_id(task_id))
        shown_ones = [show_annotation(item) for item in found if kind in (None, item.type)]
        return answer.json({"annotations": shown_ones})

    @blueprint.operation(
        "POST",
        _ALL,
        "createTaskAnnotation",
        permission="workflow:run",
        spelled="tasker.task:update",
        body=AnnotationBody,
        answers={201: TaskerAnnotationSchema},
        problems=(404, 409, 422),
    )
    def create_annotation(body: Mapping[str, Any], task_id: str) -> Response:
        """Note something about a task, in whatever state it is."""
        run_id = permitted_task(task_id)
        given = read_body(body, ANNOTATION, "annotation_type", "annotation")
        made = ratchet().engine.operator.annotate(
            run_id, given["annotation_type"], given["annotation"], principal()
        )
        [view] = [item for item in reads().annotations(run_id) if item.id == made]
        return answer.json(show_annotation(view), 201)

    @blueprint.operation(
        "DELETE",
        f"{_ALL}/<annotation_id>",
        "deleteTaskAnnotation",
        permission="workflow:run",
        spelled="tasker.task:update",
        answers={204: None},
        problems=(404,),
    )
    def delete_annotation(task_id: str, annotation_id: str) -> Response:
        """Take a note away."""
        run_id = permitted_task(task_id)
        known = read_id(annotation_id)
        if known is None:
            raise AnnotationNotFound(run_id, annotation_id[:100])
        ratchet().engine.operator.remove_annotation(run_id, known)
        return answer.empty()


def show_annotation(view: AnnotationView) -> dict[str, Any]:
    """Return a note."""
    return {
        "task_annotation_id": view.id,
        "task_id": view.run_id,
        "annotation_type": view.type,
        "annotation": view.value,
        "created_by": view.principal,
        "created_at": to_seconds(view.created_at),
    }
