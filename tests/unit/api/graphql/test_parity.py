"""Tests that the graph can do whatever REST can do: no operation without a field, or a reason."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    parse,
)
from graphql.validation.validate import validate_sdl

from ratchet_core.api.graphql.arguments import camel
from ratchet_core.api.graphql.schema import RESOLVERS, make_schema, written
from ratchet_core.api.graphql.subscription import _PERMISSION

#: Why an operation has no field.
INFRASTRUCTURE: Final = "for probes, collectors and people, not for clients of tasks and jobs"
SECOND_DOOR: Final = "a shape that only the Tasker dialect has; its facts are in the named fields"

#: Each operation of both REST dialects to its field, or, in brackets, why there is none.
FIELDS: Final = {
    "listTasks": "Query.tasks",
    "getTask": "Query.task",
    "deleteTask": "Mutation.deleteTask",
    "listTaskVersions": "Query.taskVersions",
    "executeTask": "Mutation.executeTask",
    "validateTask": "Query.validateTask",
    "enableTask": "Mutation.enableTask",
    "disableTask": "Mutation.disableTask",
    "restoreTask": "Mutation.restoreTask",
    "createJobs": "Mutation.createJobs",
    "cancelJobs": "Mutation.cancelJobs",
    "retryJobs": "Mutation.retryJobs",
    "deleteJobs": "Mutation.deleteJobs",
    "listJobs": "Query.jobs",
    "createJob": "Mutation.executeTask",
    "getJob": "Query.job",
    "deleteJob": "Mutation.deleteJob",
    "listJobSteps": "Job.steps",
    "listJobEvents": "Job.events",
    "cancelJob": "Mutation.cancelJob",
    "retryJob": "Mutation.retryJob",
    "pauseJob": "Mutation.pauseJob",
    "resumeJob": "Mutation.resumeJob",
    "rerunJob": "Mutation.rerunJob",
    "pauseTask": "Mutation.pauseTask",
    "resumeTask": "Mutation.resumeTask",
    "pauseQueue": "Mutation.pauseQueue",
    "resumeQueue": "Mutation.resumeQueue",
    "listPauses": "Query.pauses",
    "explainJob": "Query.why",
    "listExecutions": "Query.executions",
    "getExecution": "Query.execution",
    "listWorkers": "Query.workers",
    "getWorker": "Query.worker",
    "getJobStats": "Query.jobStats",
    "getExecutionStats": "Query.executionStats",
    "getTaskStats": "Query.taskStats",
    "getScheduleStats": "Query.scheduleStats",
    "getWorkerStats": "Query.workerStats",
    "listLogs": "Query.logs",
    "listJobLogs": "Job.logs",
    "listExecutionLogs": "Query.logs",
    "streamLogs": "Subscription.logs",
    "streamJobLogs": "Subscription.jobLogs",
    "listSchedules": "Query.schedules",
    "createSchedule": "Mutation.createSchedule",
    "getSchedule": "Query.schedule",
    "updateSchedule": "Mutation.updateSchedule",
    "deleteSchedule": "Mutation.deleteSchedule",
    "previewSchedule": "Schedule.preview",
    "listScheduleJobs": "Query.scheduleHistory",
    "enableSchedule": "Mutation.enableSchedule",
    "disableSchedule": "Mutation.disableSchedule",
    "triggerSchedule": "Mutation.triggerSchedule",
    "listPlugins": "Query.plugins",
    "getPlugin": "Query.plugin",
    "listDeliveries": "Query.deliveries",
    "getDelivery": "Query.delivery",
    "redeliver": "Mutation.redeliver",
    "redeliverMany": "Mutation.redeliverMany",
    "listDestinations": "Query.destinations",
    "enableDestination": "Mutation.enableDestination",
    "testOutputDestinations": "Query.testOutputDestinations",
    "refreshToken": "(a token is no task; clients refresh it where they got it, over HTTP)",
    "receiveWebhook": "(the sender of a webhook chooses its form)",
    "listNamespaces": "Query.namespaces",
    "listHandlersInNamespace": "Query.tasks",
    "getHandlerWithDependencies": "Query.task",
    "createTask": "Mutation.executeTask",
    "listTaskerTasks": "Query.jobs",
    "getTaskerTask": "Query.job",
    "updateTaskerTask": "Mutation.updateJob",
    "cancelTaskerTask": "Mutation.cancelJob",
    "retryTaskerTask": "Mutation.retryJob",
    "resolveTaskerTask": "Mutation.resolveJob",
    "resetTaskerTask": "Mutation.resetJob",
    "getStepsByTask": "Job.steps",
    "getStepByTask": "Job.steps",
    "updateStepByTask": "Mutation.updateStep",
    "cancelStepByTask": "Mutation.cancelStep",
    "retryStepByTask": "Mutation.retryStep",
    "resolveStepByTask": "Mutation.resolveStep",
    "completeStepByTask": "Mutation.completeStep",
    "listTaskAnnotations": "Job.annotations",
    "createTaskAnnotation": "Mutation.annotateJob",
    "deleteTaskAnnotation": "Mutation.deleteAnnotation",
    "getTaskAuditTrail": "Job.events",
    "getTaskDependencyAnalysis": f"({SECOND_DOOR}: Job.steps, Query.why)",
    "getTaskDiagram": f"({SECOND_DOOR}: Job.steps)",
    "getTaskPicture": f"({SECOND_DOOR}: Job.steps)",
    "getHandlerDiagram": f"({SECOND_DOOR}: Task.steps)",
    "getHandlerPicture": f"({SECOND_DOOR}: Task.steps)",
    "getAnalyticsPerformance": f"({SECOND_DOOR}: Query.jobStats, Query.executionStats)",
    "getAnalyticsBottlenecks": f"({SECOND_DOOR}: Query.jobStats, Query.executionStats)",
    "checkLiveness": f"({INFRASTRUCTURE})",
    "checkReadiness": f"({INFRASTRUCTURE})",
    "getHealthStatus": f"({INFRASTRUCTURE})",
    "getTaskerMetrics": f"({INFRASTRUCTURE})",
    "getLiveness": f"({INFRASTRUCTURE})",
    "getReadiness": f"({INFRASTRUCTURE})",
    "getHealth": f"({INFRASTRUCTURE})",
    "getDetailedHealth": f"({INFRASTRUCTURE})",
    "getMetrics": f"({INFRASTRUCTURE})",
    "getServiceMap": f"({INFRASTRUCTURE})",
}
#: Parameters and keys of bodies of `/api/v1` whose argument has another name, or none.
ARGUMENTS: Final = {
    ("executeTask", "wait"): "waitS",
    # one order each: nothing to choose
    ("listJobs", "sort"): None,
    ("listExecutions", "sort"): None,
    ("listDeliveries", "sort"): None,
}
#: Where in the path the named thing is an argument of another name.
PATHS: Final = {
    ("getTask", "task_id"): "id",
    ("listTaskVersions", "task_id"): "id",
    ("getJob", "job_id"): "id",
    ("getExecution", "execution_id"): "id",
    ("getWorker", "worker_id"): "id",
    ("getDelivery", "delivery_id"): "id",
    ("listExecutionLogs", "execution_id"): "executionId",
    **{
        (f"{verb}Schedule", "schedule_id"): "id"
        for verb in ("get", "update", "delete", "enable", "disable", "trigger")
    },
    ("listScheduleJobs", "schedule_id"): "id",
}
#: Schemas of answers to the types that show the same thing.
TYPES: Final = {
    "TaskDetail": "Task",
    "TaskStep": "TaskStep",
    "TaskValidation": "TaskValidation",
    "JobDetail": "Job",
    "JobStep": "JobStep",
    "ExecutionDetail": "Execution",
    "Event": "Event",
    "LogLine": "LogLine",
    "Schedule": "Schedule",
    "FireTime": "FireTime",
    "TaskStats": "TaskStats",
    "JobStats": "JobStats",
    "ExecutionStats": "ExecutionStats",
    "ScheduleStats": "ScheduleStats",
    "WorkerStats": "WorkerStats",
    "Worker": "Worker",
    "Why": "Why",
    "Plugin": "Plugin",
    "Pause": "Pause",
    "DeliveryDetail": "Delivery",
    "DeliveryAttempt": "DeliveryAttempt",
    "Destination": "Destination",
    "DestinationTest": "DestinationTestResult",
    "BulkAnswer": "BulkPayload",
    "Batch": "CreateJobsPayload",
    "BatchItem": "CreatedJob",
    "BatchError": "JobRefusal",
    "RedeliverAnswer": "RedeliverPayload",
}
#: Fields of `/api/v1` that a type has under another name.
RENAMED: Final = {"sequence": "cursor"}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()
    return found


def test_the_schema_as_it_is_written_is_valid() -> None:
    assert validate_sdl(parse(written())) == []


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations by their ids; parameters of the path among those of each."""
    return {
        operation["operationId"]: {**operation, "path": path}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def own(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of `/api/v1` that have a field."""
    return {
        name: operation
        for name, operation in operations(document).items()
        if operation["path"].startswith("/api/v1/") and not FIELDS[name].startswith("(")
    }


def field_of(schema: GraphQLSchema, place: str) -> Any:
    type_name, _, field_name = place.partition(".")
    kind = schema.type_map[type_name]
    assert isinstance(kind, GraphQLObjectType)
    return kind.fields[field_name]


def arguments_of(schema: GraphQLSchema, place: str) -> set[str]:
    """Return the arguments of a field, and those of the objects that it takes."""
    found = set()
    for name, argument in field_of(schema, place).args.items():
        found.add(name)
        kind = get_named_type(argument.type)
        if isinstance(kind, GraphQLInputObjectType):
            found |= set(kind.fields)
    return found


def properties(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a schema and of what it is made of."""
    if "$ref" in schema:
        return properties(document, document["components"]["schemas"][schema["$ref"][21:]])
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= properties(document, part)
    return found


def test_every_operation_has_a_field_or_a_reason(document: dict[str, Any]) -> None:
    assert set(operations(document)) == set(FIELDS)


@pytest.mark.parametrize("place", sorted({p for p in FIELDS.values() if not p.startswith("(")}))
def test_the_named_fields_exist(schema: GraphQLSchema, place: str) -> None:
    assert field_of(schema, place) is not None


def test_every_root_field_has_a_resolver_with_a_permission(schema: GraphQLSchema) -> None:
    for kind in (schema.query_type, schema.mutation_type):
        assert kind is not None
        assert set(kind.fields) == set(RESOLVERS[kind.name])


def test_a_field_needs_the_permission_of_its_operation(document: dict[str, Any]) -> None:
    for name, operation in own(document).items():
        kind, _, field = FIELDS[name].partition(".")
        asked = _PERMISSION if kind == "Subscription" else RESOLVERS[kind][field][1]
        assert asked == operation["x-permission"], name


def test_whatever_an_operation_may_be_told_a_field_may_be(
    schema: GraphQLSchema, document: dict[str, Any]
) -> None:
    missing = []
    for name, operation in own(document).items():
        place = FIELDS[name]
        has = arguments_of(schema, place)
        said = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            said |= set(properties(document, body))
        wanted = {ARGUMENTS.get((name, one), camel(one)) for one in said} - {None}
        if place.split(".")[0] in {"Query", "Mutation", "Subscription"}:
            named = re.findall(r"{(\w+)}", operation["path"])
            wanted |= {PATHS.get((name, one), camel(one)) for one in named}
        missing += [f"{name}: {place}({argument})" for argument in wanted - has]

    assert missing == []


def test_whatever_an_answer_shows_a_type_has(
    schema: GraphQLSchema, document: dict[str, Any]
) -> None:
    missing = []
    for name, type_name in TYPES.items():
        kind = schema.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        shown = properties(document, document["components"]["schemas"][name])
        assert shown, name
        missing += [
            f"{name}: {type_name}.{key}"
            for key in shown
            if RENAMED.get(key, key) not in kind.fields
        ]

    assert missing == []
