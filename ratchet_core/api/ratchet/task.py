"""Tasks of `/api/v1`: how a workflow is shown, and how a reference to one is resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from ratchet_core.api.door.access import reads
from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.api.door.moment import to_millis
from ratchet_core.api.door.reference import Reference, name_of, read_reference
from ratchet_core.domain.views import WorkflowView
from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.errors import NamespaceNotFound, WorkflowNotFound


class TaskSchema(AnswerSchema):
    """A task: one workflow, shown with its latest version."""

    id = shown(fields.String, "How the task is named everywhere: `weather-api`, `payments.refund`.")
    uuid = shown(fields.String, "UUID, the same for all versions.")
    name = shown(fields.String, "Name in its namespace.")
    namespace = shown(fields.String, "`default` unless named.")
    version = shown(fields.String, "Semantic version that is shown.")
    full_name = shown(fields.String, "`namespace.name@version`.")
    description = shown(fields.String, "For people.")
    versions = shown(fields.List, "All versions, latest first.", fields.String())
    enabled = shown(fields.Boolean, "False refuses new jobs.")
    step_count = shown(fields.Integer, "Number of steps.")
    created_at = shown(fields.DateTime, "When the task was first seen.")
    updated_at = shown(fields.DateTime, "When this version was last changed.")


class TaskStepSchema(AnswerSchema):
    """One step of a task."""

    name = shown(fields.String, "Unique in the task.")
    description = shown(fields.String, "For people.")
    handler = shown(fields.String, "Step handler, as the author wrote it.")
    depends_on = shown(fields.List, "Names of its parents.", fields.String())
    retryable = shown(fields.Boolean, "A failed attempt may be tried again.")
    attempt_limit = shown(fields.Integer, "Highest number of attempts.")
    timeout_s = shown(fields.Float, "Seconds per attempt, where named.", allow_none=True)
    skippable = shown(fields.Boolean, "May be bypassed.")


class TaskDetailSchema(TaskSchema):
    """A task with everything that its author wrote for its callers."""

    input_schema = shown(Json, "JSON Schema of the input, or null.")
    output_schema = shown(Json, "JSON Schema of the result, or null.")
    priority = shown(fields.Integer, "Default of its jobs; higher is sooner.")
    queue = shown(fields.String, "Queue that its steps wait in.")
    metadata = shown(Json, "What else the author wrote: label, tags, …")
    steps = shown(fields.List, "In definition order.", fields.Nested(TaskStepSchema))


class TaskPageSchema(AnswerSchema):
    """A part of the list of tasks."""

    items = shown(fields.List, "In the list's order.", fields.Nested(TaskSchema))
    total = shown(fields.Integer, "Number of all matches.")
    next_cursor = shown(fields.String, "Place of the next part, or null.", allow_none=True)


class TaskValidationSchema(AnswerSchema):
    """Whether a job would be accepted and performed."""

    valid = shown(fields.Boolean, "It would be accepted.")
    task_id = shown(fields.String, "`id` of the task.")
    version = shown(fields.String, "Semantic version that the job would have.")
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Why it would be refused: field to the messages about it."},
    )
    warnings = shown(
        fields.List, "What would keep it from being performed, as things are.", fields.String()
    )


def show_task(view: WorkflowView) -> dict[str, Any]:
    """Return a workflow as a task of a list."""
    definition = view.definition
    return {
        "id": name_of(definition.namespace, definition.name),
        "uuid": view.id,
        "name": definition.name,
        "namespace": definition.namespace,
        "version": definition.version,
        "full_name": definition.full_name,
        "description": definition.description,
        "versions": view.versions,
        "enabled": view.enabled,
        "step_count": len(definition.steps),
        "created_at": to_millis(view.created_at),
        "updated_at": to_millis(view.updated_at),
    }


def show_task_detail(view: WorkflowView) -> dict[str, Any]:
    """Return a workflow as a task of its own."""
    definition = view.definition
    return {
        **show_task(view),
        "input_schema": definition.input_schema,
        "output_schema": definition.output_schema,
        "priority": definition.priority,
        "queue": definition.queue,
        "metadata": dict(definition.attributes),
        "steps": [_show_step(step) for step in definition.steps],
    }


def _show_step(step: StepDefinition) -> Mapping[str, Any]:
    return {
        "name": step.name,
        "description": step.description,
        "handler": step.handler,
        "depends_on": step.depends_on,
        "retryable": step.retryable,
        "attempt_limit": step.attempt_limit,
        "timeout_s": step.timeout_s,
        "skippable": step.skippable,
    }


def parse_task_id(text: str) -> Reference:
    """Return what `text` names.

    Raises:
        WorkflowNotFound: nothing can be named so.
    """
    reference = read_reference(text)
    if reference is None:
        raise WorkflowNotFound("default", text)
    return reference


def find_task(text: str) -> WorkflowView:
    """Return the workflow that a `task_id` names: by UUID, by name, by namespace and name.

    Raises:
        WorkflowNotFound: there is none, or it was deleted.
    """
    reference = parse_task_id(text)
    if reference.uuid is not None:
        try:
            return reads().workflow_by_id(reference.uuid, reference.version)
        except WorkflowNotFound:
            pass  # it may still be a name that looks like a UUID
    candidates = [reference] if reference.other is None else [reference, reference.other]
    for candidate in candidates:
        try:
            return reads().workflow(candidate.namespace, candidate.name, candidate.version)
        except (WorkflowNotFound, NamespaceNotFound):
            continue
    raise WorkflowNotFound(reference.namespace, reference.name, reference.version)


def locate_task(text: str) -> Reference:
    """Return namespace, name and version that a `task_id` names, asking only where it must.

    A bare name needs no look: whoever uses the answer finds out whether the task exists.

    Raises:
        WorkflowNotFound: nothing can be named so, or a look was needed and there is none.
    """
    reference = parse_task_id(text)
    if reference.uuid is None and reference.other is None:
        return reference
    found = find_task(text).definition
    return Reference(found.namespace, found.name, reference.version)
