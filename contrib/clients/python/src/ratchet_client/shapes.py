"""What the server answers, as it answers it: JSON objects with their keys typed.

Times are ISO-8601 texts in UTC. A server newer than this file may send more keys.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Task(TypedDict):
    """A workflow, at its latest version."""

    id: str
    uuid: str
    name: str
    namespace: str
    version: str
    full_name: str
    description: str
    versions: list[str]
    enabled: bool
    step_count: int
    created_at: str
    updated_at: str


class Job(TypedDict):
    """One execution of a task."""

    id: str
    task_id: str
    task_name: str
    namespace: str
    version: str
    status: str
    progress: float
    input: Any
    result: Any
    error: str | None
    error_details: dict[str, Any] | None
    priority: int
    retry_count: int
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    duration_ms: float | None
    waiting_for: str | None
    schedule_id: str | None
    metadata: dict[str, Any]


class JobStep(TypedDict):
    """One step of a job."""

    id: str
    name: str
    status: str
    handler: str
    depends_on: list[str]
    attempts: int
    result: Any
    error: str | None
    retry_at: str | None
    started_at: str | None
    completed_at: str | None


class Execution(TypedDict):
    """One try at one step of a job."""

    id: str
    job_id: str
    task_id: str
    step: str
    attempt: int
    status: str
    output: Any
    error: str | None
    created_at: str
    completed_at: str | None
    duration_ms: float | None


class Event(TypedDict):
    """One entry of a job's journal."""

    sequence: int
    name: str
    job_id: str
    step: str | None
    timestamp: str
    data: dict[str, Any]


class BatchError(TypedDict):
    """Why one job of a batch was not made."""

    type: str
    code: str
    message: str
    details: NotRequired[dict[str, list[str]]]


class BatchItem(TypedDict):
    """What became of one job of a batch: `job` or `error`."""

    index: int
    created: NotRequired[bool]
    job: NotRequired[Job]
    error: NotRequired[BatchError]


class Schedule(TypedDict):
    """When a task is executed by itself."""

    id: str
    task_id: str
    cron_expression: str
    timezone: str
    input: Any
    enabled: bool
    next_run_at: str | None
    last_run_at: str | None


class Namespace(TypedDict):
    """A namespace and the handlers in it."""

    name: str
    description: str
    handler_count: int
    handlers: list[str]


class HandlerRow(TypedDict):
    """A handler of a list, at its latest version."""

    id: str
    namespace: str
    version: str
    description: str
    step_count: int
    step_names: list[str]


class Handler(TypedDict):
    """A handler with its steps and what depends on what."""

    id: str
    namespace: str
    version: str
    description: str
    step_templates: list[dict[str, Any]]
    dependency_graph: dict[str, Any]


class TaskerTask(TypedDict):
    """A task of the Tasker dialect; `steps` and `dependencies` where one task is asked for."""

    id: str
    name: str
    namespace: str
    version: str
    full_name: str
    status: str
    context: dict[str, Any]
    created_at: str
    updated_at: str
    steps: NotRequired[list[dict[str, Any]]]
    dependencies: NotRequired[dict[str, Any]]
