"""From rows to views: JSON parsed, times made aware, states made members."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

import orjson

from ratchet_core.domain.states import AttemptState, RunState, StepState
from ratchet_core.domain.step_change import changed
from ratchet_core.domain.views import AttemptView, ErrorView, EventView, RunView, StepView
from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.store.clock import known_datetime, to_datetime
from ratchet_core.store.database import AnyRow

#: Columns of `runs` that no new run has a value for.
_LATER: Final = {"error": None, "started_at": None, "waiting_for": None, "resolved_by": None}


def json_or_none(text: str | None) -> Any:
    """Parse JSON text; None stays None."""
    return None if text is None else orjson.loads(text)


def error_view(text: str | None) -> ErrorView | None:
    """Parse a stored error."""
    if text is None:
        return None
    document = orjson.loads(text)
    return ErrorView(
        type=document["type"],
        code=document["code"],
        message=document["message"],
        step=document.get("step"),
        attempt=document.get("attempt"),
        details=document.get("details"),
    )


def new_run_view(values: Mapping[str, Any]) -> RunView:
    """Turn what was inserted into `runs` into the view of the run as it was accepted."""
    return run_view(SimpleNamespace(**_LATER, **values))


def run_view(row: AnyRow | SimpleNamespace) -> RunView:
    """Turn a row of `runs` into its view."""
    state = RunState(row.state)
    return RunView(
        id=row.id,
        workflow_id=row.workflow_id,
        namespace=row.namespace,
        name=row.name,
        version=row.version,
        state=state,
        input=orjson.loads(row.input),
        result=json_or_none(row.result),
        error=error_view(row.error),
        progress=row.progress,
        priority=row.priority,
        created_at=known_datetime(row.created_at),
        updated_at=known_datetime(row.updated_at),
        started_at=to_datetime(row.started_at),
        completed_at=to_datetime(row.completed_at),
        retries=row.retries,
        steps_total=row.steps_total,
        waiting_for=row.waiting_for if state in (RunState.PAUSED, RunState.WAITING) else None,
        resolved_by=row.resolved_by,
        schedule_id=row.schedule_id,
        scheduled_for=to_datetime(row.scheduled_for),
        deadline=to_datetime(row.deadline_at),
        rerun_of=row.rerun_of,
        idempotency_key=row.idempotency_key,
        origin=json_or_none(row.origin) or {},
    )


def step_view(row: AnyRow, definition: StepDefinition) -> StepView:
    """Turn a row of `steps` and its definition into its view."""
    state = StepState(row.state)
    definition = changed(definition, row.changes)
    return StepView(
        id=row.id,
        run_id=row.run_id,
        name=row.name,
        position=row.position,
        state=state,
        handler=definition.handler,
        depends_on=definition.depends_on,
        attempts=row.attempts,
        result=json_or_none(row.result),
        error=error_view(row.error),
        ready_at=to_datetime(row.ready_at) if state is StepState.BACKOFF else None,
        started_at=to_datetime(row.started_at),
        completed_at=to_datetime(row.completed_at),
        retryable=definition.retryable,
        attempt_limit=definition.attempt_limit,
        skippable=definition.skippable,
        retry_limit=definition.retry_limit,
        config=definition.config,
        input=json_or_none(row.input),
        failures=row.failures,
    )


def attempt_view(row: AnyRow) -> AttemptView:
    """Turn a row of `reads.attempt.ATTEMPTS` into its view.

    Its columns are taken in their order: lists have thousands of rows.
    """
    (
        attempt_id,
        step_id,
        run_id,
        namespace,
        workflow,
        version,
        step,
        number,
        state,
        error,
        _drain_id,
        started_us,
        completed_us,
        duration_us,
        result,
        worker,
    ) = row
    started_at = known_datetime(started_us)
    return AttemptView(
        id=attempt_id,
        run_id=run_id,
        step_id=step_id,
        step=step,
        namespace=namespace,
        workflow=workflow,
        version=version,
        number=number,
        state=AttemptState(state),
        created_at=started_at,
        started_at=started_at,
        completed_at=None if completed_us is None else known_datetime(completed_us),
        duration_ms=None if duration_us is None else duration_us / 1000,
        error=None if error is None else error_view(error),
        result=None if result is None else orjson.loads(result),
        worker=worker,
    )


def event_view(row: AnyRow) -> EventView:
    """Turn a row of the journal into its view."""
    return EventView(
        sequence=row.sequence,
        name=row.name,
        run_id=row.run_id,
        step=row.step,
        at=known_datetime(row.at),
        data=json_or_none(row.data) or {},
    )
