"""Handlers of `/tasker`: how namespaces and workflows are shown (seed 002, "Handler Discovery")."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from ratchet_core.api.door.field import AnswerSchema, Json, shown
from ratchet_core.domain.views import NamespaceView, WorkflowView
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition


class TaskerNamespaceSchema(AnswerSchema):
    """A namespace and the handlers in it."""

    name = shown(fields.String, "Of the namespace.")
    description = shown(fields.String, "For people.")
    handler_count = shown(fields.Integer, "Number of handlers.")
    handlers = shown(fields.List, "Their names.", fields.String())


class TaskerNamespacesSchema(AnswerSchema):
    """All namespaces."""

    namespaces = shown(fields.List, "By name.", fields.Nested(TaskerNamespaceSchema))


class TaskerHandlerRowSchema(AnswerSchema):
    """A handler of a list, at its latest version."""

    id = shown(fields.String, "Name of the handler.")
    namespace = shown(fields.String, "It is in.")
    version = shown(fields.String, "Latest semantic version.")
    description = shown(fields.String, "For people.")
    step_count = shown(fields.Integer, "Number of steps.")
    step_names = shown(fields.List, "In definition order.", fields.String())
    versions = shown(fields.List, "With `extended`: latest first.", fields.String(), optional=True)
    full_name = shown(fields.String, "With `extended`: `namespace.name@version`.", optional=True)


class TaskerHandlersSchema(AnswerSchema):
    """The handlers of a namespace."""

    namespace = shown(fields.String, "Its name.")
    handlers = shown(fields.List, "In definition order.", fields.Nested(TaskerHandlerRowSchema))


class TaskerStepTemplateSchema(AnswerSchema):
    """One step of a handler."""

    name = shown(fields.String, "Unique in the handler.")
    description = shown(fields.String, "For people.")
    handler_class = shown(fields.String, "As the author wrote it.")
    depends_on_step = shown(fields.String, "First parent, or null.", allow_none=True)
    default_retryable = shown(fields.Boolean, "A failed attempt may be tried again.")
    default_retry_limit = shown(fields.Integer, "Highest number of attempts; 0 means one.")
    skippable = shown(fields.Boolean, "May be bypassed.")
    custom_events = shown(fields.List, "Names of its own events.", fields.String())
    depends_on_steps = shown(
        fields.List, "With `extended`: all parents.", fields.String(), optional=True
    )
    dependent_system = shown(fields.String, "With `extended`.", optional=True)


class TaskerEdgeSchema(AnswerSchema):
    """One dependency."""

    # `from` is a keyword of Python, so the class body cannot name it.
    to = shown(fields.String, "Name of the child.")


TaskerEdgeSchema._declared_fields = {  # noqa: SLF001 - see the comment above
    "from": shown(fields.String, "Name of the parent."),
    **TaskerEdgeSchema._declared_fields,  # noqa: SLF001
}


class TaskerGraphSchema(AnswerSchema):
    """What depends on what."""

    nodes = shown(fields.List, "Names of the steps.", fields.String())
    edges = shown(fields.List, "Parent to child.", fields.Nested(TaskerEdgeSchema))
    execution_order = shown(fields.List, "An order that respects all edges.", fields.String())


class TaskerHandlerSchema(AnswerSchema):
    """A handler with its steps."""

    id = shown(fields.String, "Name of the handler.")
    namespace = shown(fields.String, "It is in.")
    version = shown(fields.String, "Semantic version that is shown.")
    description = shown(fields.String, "For people.")
    step_templates = shown(
        fields.List, "In definition order.", fields.Nested(TaskerStepTemplateSchema)
    )
    dependency_graph = fields.Nested(TaskerGraphSchema, required=True)
    versions = shown(fields.List, "With `extended`: latest first.", fields.String(), optional=True)
    full_name = shown(fields.String, "With `extended`: `namespace.name@version`.", optional=True)
    schema = shown(Json, "With `extended`: JSON Schema of the context.", optional=True)


def show_namespace(view: NamespaceView) -> dict[str, Any]:
    """Return a namespace of the list."""
    return {
        "name": view.name,
        "description": view.description,
        "handler_count": len(view.workflows),
        "handlers": view.workflows,
    }


def show_handler_row(view: WorkflowView, *, extended: bool) -> dict[str, Any]:
    """Return a handler of the list of its namespace."""
    definition = view.definition
    row = {
        "id": definition.name,
        "namespace": definition.namespace,
        "version": definition.version,
        "description": definition.description,
        "step_count": len(definition.steps),
        "step_names": [step.name for step in definition.steps],
    }
    if extended:
        row |= {"versions": view.versions, "full_name": definition.full_name}
    return row


def show_handler(view: WorkflowView, *, extended: bool) -> dict[str, Any]:
    """Return a handler with its steps and what depends on what."""
    definition = view.definition
    handler: dict[str, Any] = {
        "id": definition.name,
        "namespace": definition.namespace,
        "version": definition.version,
        "description": definition.description,
        "step_templates": [_show_step(step, extended=extended) for step in definition.steps],
        "dependency_graph": show_graph(definition),
    }
    if extended:
        handler |= {
            "versions": view.versions,
            "full_name": definition.full_name,
            "schema": definition.input_schema,
        }
    return handler


def show_graph(definition: WorkflowDefinition) -> dict[str, Any]:
    """Return what depends on what: one edge per parent, multi-parent steps included."""
    return {
        "nodes": [step.name for step in definition.steps],
        "edges": [
            {"from": parent, "to": step.name}
            for step in definition.steps
            for parent in step.depends_on
        ],
        "execution_order": definition.order,
    }


def _show_step(step: StepDefinition, *, extended: bool) -> dict[str, Any]:
    template: dict[str, Any] = {
        "name": step.name,
        "description": step.description or step.name,
        "handler_class": step.handler,
        "depends_on_step": step.depends_on[0] if step.depends_on else None,
        "default_retryable": step.retryable,
        "default_retry_limit": step.retry_limit,
        "skippable": step.skippable,
        "custom_events": [event.name for event in step.custom_events],
    }
    if extended:
        template["depends_on_steps"] = step.depends_on
        template["dependent_system"] = step.dependent_system
    return template
