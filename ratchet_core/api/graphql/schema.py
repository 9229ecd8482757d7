"""The schema: `schema.graphql` with a resolver for each field that needs one.

`python -m ratchet_core.api.graphql.schema PATH` writes the reference there.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from flask import request
from graphql import (
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    assert_valid_schema,
    build_schema,
    print_schema,
)

from ratchet_core.api.door.access import authorize, recorded_change
from ratchet_core.api.door.call import Requirement, note_requirement
from ratchet_core.api.door.call import requirement as requirement_of_call
from ratchet_core.api.graphql import (
    by_hand,
    control,
    delivery,
    insight,
    log,
    mutation,
    query,
    schedule,
)
from ratchet_core.api.graphql.scalar import parse_json_literal

Resolver = Callable[..., Any]

#: Type to field to what returns its value, and the permission that it needs in the namespace of
#: what it touches; all other fields are those of nodes and mappings.
RESOLVERS: Final[Mapping[str, Mapping[str, tuple[Resolver, str]]]] = {
    "Query": {
        "tasks": (query.tasks, "workflow:read"),
        "task": (query.task, "workflow:read"),
        "taskVersions": (query.task_versions, "workflow:read"),
        "validateTask": (mutation.validate_task, "workflow:run"),
        "jobs": (query.jobs, "run:read"),
        "job": (query.job, "run:read"),
        "executions": (query.executions, "run:read"),
        "execution": (query.execution, "run:read"),
        "schedules": (schedule.schedules, "schedule:read"),
        "schedule": (schedule.schedule, "schedule:read"),
        "scheduleHistory": (schedule.history, "run:read"),
        "taskStats": (insight.task_stats, "workflow:read"),
        "jobStats": (insight.job_stats, "run:read"),
        "executionStats": (insight.execution_stats, "run:read"),
        "scheduleStats": (insight.schedule_stats, "schedule:read"),
        "workerStats": (insight.worker_stats, "metrics:read"),
        "workers": (insight.workers, "metrics:read"),
        "worker": (insight.worker, "metrics:read"),
        "why": (insight.why, "run:read"),
        "logs": (log.logs, "run:read"),
        "namespaces": (query.namespaces, "workflow:read"),
        "handlers": (query.handlers, "workflow:read"),
        "plugins": (query.plugins, "plugin:read"),
        "plugin": (query.plugin, "plugin:read"),
        "pauses": (insight.pauses, "run:read"),
        "deliveries": (delivery.deliveries, "delivery:read"),
        "delivery": (delivery.delivery, "delivery:read"),
        "destinations": (delivery.destinations, "delivery:read"),
        "testOutputDestinations": (delivery.check_destinations, "workflow:run"),
    },
    "Mutation": {
        "executeTask": (mutation.execute_task, "workflow:run"),
        "cancelJob": (mutation.cancel_job, "run:cancel"),
        "retryJob": (mutation.retry_job, "run:retry"),
        "createJobs": (mutation.create_jobs, "workflow:run"),
        "deleteJob": (mutation.delete_job, "run:delete"),
        **by_hand.MUTATIONS,
        "enableTask": (mutation.enable_task, "workflow:write"),
        "disableTask": (mutation.disable_task, "workflow:write"),
        "deleteTask": (mutation.delete_task, "workflow:delete"),
        "restoreTask": (mutation.restore_task, "workflow:write"),
        **control.MUTATIONS,
        "createSchedule": (schedule.create_schedule, "schedule:write"),
        "updateSchedule": (schedule.update_schedule, "schedule:write"),
        "deleteSchedule": (schedule.delete_schedule, "schedule:delete"),
        "enableSchedule": (schedule.enable_schedule, "schedule:write"),
        "disableSchedule": (schedule.disable_schedule, "schedule:write"),
        "triggerSchedule": (schedule.trigger_schedule, "workflow:run"),
        "redeliver": (delivery.redeliver, "delivery:redeliver"),
        "redeliverMany": (delivery.redeliver_many, "delivery:redeliver"),
        "enableDestination": (delivery.enable_destination, "delivery:redeliver"),
    },
    "Task": {"executions": (query.executions_of_task, "run:read")},
    "Job": {
        "executions": (query.executions_of_job, "run:read"),
        "steps": (query.steps_of_job, "step:read"),
        "max_retries": (query.max_retries_of_job, "step:read"),
        "annotations": (by_hand.annotations_of_job, "run:read"),
        "events": (query.events_of_job, "run:read"),
        "logs": (log.logs_of_job, "run:read"),
    },
    "Delivery": {"attempt_list": (delivery.attempts_of_delivery, "delivery:read")},
    "Schedule": {"preview": (schedule.preview, "schedule:read")},
    "Execution": {
        "job": (query.job_of_execution, "run:read"),
        "logs": (log.logs_of_execution, "run:read"),
    },
}
_SCALARS: Final = ("JSON", "Priority")


def guarded(resolve: Resolver, requirement: Requirement, *, changes: bool = False) -> Resolver:
    """Return a resolver that first asks whether the caller may do what it does at all.

    However a query names a field, by alias, in a fragment or in a batch, this is how it is called.
    The resolver asks again with the namespace of what it touches.

    Args:
        resolve: returns the value.
        requirement: of the field.
        changes: the call belongs into the audit log.
    """

    def resolve_guarded(source: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
        before = requirement_of_call()
        note_requirement(requirement)
        try:
            with recorded_change(request, requirement) if changes else nullcontext():
                authorize(requirement.permission)
                return resolve(source, info, **given)
        finally:
            note_requirement(before)

    return resolve_guarded


def written() -> str:
    """Return the schema as it is written, in the schema definition language."""
    return files("ratchet_core.api.graphql").joinpath("schema.graphql").read_text(encoding="utf-8")


@functools.cache
def make_schema() -> GraphQLSchema:
    """Return the schema with its resolvers, one for all applications of this process."""
    schema = build_schema(written(), assume_valid_sdl=True)  # a test has looked
    for type_name, resolvers in RESOLVERS.items():
        kind = schema.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)  # noqa: S101 - tells mypy what the SDL says
        for field_name, (resolve, permission) in resolvers.items():
            changes = type_name == "Mutation"
            requirement = Requirement(permission=permission, operation=field_name)
            kind.fields[field_name].resolve = guarded(resolve, requirement, changes=changes)
    for name in _SCALARS:
        scalar = schema.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)  # noqa: S101 - tells mypy what the SDL says
        scalar.parse_literal = parse_json_literal  # type: ignore[method-assign] # made to be set
    assert_valid_schema(schema)
    return schema


def reference() -> str:
    """Return the text of `docs/reference/schema.graphql`."""
    head = (
        "# Generated by `python -m ratchet_core.api.graphql.schema docs/reference/schema.graphql`."
    )
    return f"{head}\n\n{print_schema(make_schema())}\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
