"""`/api/v1/executions`: the operations on executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import reads
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.paging import listed, window
from ratchet_core.api.door.reference import read_id
from ratchet_core.api.ratchet.filter import chosen_states, of_task
from ratchet_core.api.ratchet.job import (
    ExecutionDetailSchema,
    ExecutionPageSchema,
    show_execution,
    show_execution_detail,
)
from ratchet_core.api.ratchet.log import SHOWN_WITH_EXECUTION
from ratchet_core.api.ratchet.request import ExecutionListQuery
from ratchet_core.domain.log import LogQuery
from ratchet_core.domain.query import AttemptQuery
from ratchet_core.errors import AttemptNotFound, WorkflowNotFound


def declare_executions(blueprint: DoorBlueprint) -> None:
    """Add the operations on executions to `blueprint`."""

    @blueprint.operation(
        "GET",
        "/executions",
        "listExecutions",
        permission="run:read",
        query=ExecutionListQuery,
        answers={200: ExecutionPageSchema},
    )
    def list_executions(query: Mapping[str, Any]) -> Response:
        """List executions, newest first."""
        wanted = execution_query(query)
        if wanted is None:
            return answer.json(listed([], 0, None))
        page = reads().attempts(wanted, window(query))
        items = [show_execution(attempt) for attempt in page.items]
        return answer.json(listed(items, page.total, page.next_cursor))

    @blueprint.operation(
        "GET",
        "/executions/<execution_id>",
        "getExecution",
        permission="run:read",
        answers={200: ExecutionDetailSchema},
        problems=(404,),
    )
    def get_execution(execution_id: str) -> Response:
        """Show one execution with what it has logged first."""
        attempt_id = read_id(execution_id)
        if attempt_id is None:
            raise AttemptNotFound(execution_id[:100])
        attempt = reads().attempt(attempt_id)
        lines = reads().logs(LogQuery(attempt_id=attempt.id), SHOWN_WITH_EXECUTION).items
        return answer.json(show_execution_detail(attempt, lines))


def execution_query(query: Mapping[str, Any]) -> AttemptQuery | None:
    """Return the filters; None where nothing can match."""
    try:
        task = of_task(query)
    except WorkflowNotFound:
        return None
    states = chosen_states(query)
    run_id = query.get("job_id")
    if states == () or (run_id is not None and read_id(run_id) is None):
        return None
    return AttemptQuery(
        states=states,
        run_id=None if run_id is None else read_id(run_id),
        namespace=task["namespace"],
        name=task["name"],
        version=task["version"],
        created_from=query.get("created_at_gte"),
        created_to=query.get("created_at_lte"),
    )
