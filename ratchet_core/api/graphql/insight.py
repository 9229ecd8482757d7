"""What operators look at in the graph: figures, workers, and why a job does not go on."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLResolveInfo

from ratchet_core.api.door.access import reads
from ratchet_core.api.graphql.arguments import read_parameters
from ratchet_core.api.graphql.query import Fields
from ratchet_core.api.ratchet.control import show_pause
from ratchet_core.api.ratchet.jobs import parse_job_id
from ratchet_core.api.ratchet.stats import (
    show_execution_stats,
    show_job_stats,
    show_schedule_stats,
    show_task_stats,
    show_worker_stats,
)
from ratchet_core.api.ratchet.why import show_why
from ratchet_core.api.ratchet.worker import WorkerListQuery, list_of_workers, one_worker


def task_stats(_root: Any, _info: GraphQLResolveInfo) -> Fields:
    """Return figures about tasks."""
    return show_task_stats(reads().workflow_stats())


def job_stats(_root: Any, _info: GraphQLResolveInfo) -> Fields:
    """Return figures about jobs."""
    return show_job_stats(reads().run_stats())


def execution_stats(_root: Any, _info: GraphQLResolveInfo) -> Fields:
    """Return figures about executions."""
    return show_execution_stats(reads().attempt_stats())


def schedule_stats(_root: Any, _info: GraphQLResolveInfo) -> Fields:
    """Return figures about schedules."""
    return show_schedule_stats(reads().schedule_stats())


def worker_stats(_root: Any, _info: GraphQLResolveInfo) -> Fields:
    """Return figures about workers and the steps that wait for them."""
    return show_worker_stats(reads().worker_stats())


def workers(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return the workers that have not ended."""
    return list_of_workers(read_parameters(WorkerListQuery, given))


def worker(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return one worker."""
    return one_worker(given["id"])


def pauses(_root: Any, _info: GraphQLResolveInfo) -> list[Fields]:
    """Return the queues and tasks that are paused."""
    return [show_pause(pause) for pause in reads().pauses()]


def why(_root: Any, _info: GraphQLResolveInfo, **given: Any) -> Fields:
    """Return what keeps a job from running or from its end."""
    return show_why(reads().why(parse_job_id(given["jobId"])))
