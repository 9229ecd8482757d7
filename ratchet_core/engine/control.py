"""What an operator does to a run: cancel it, or set it going again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from ratchet_core.domain.events import RUN_EVENTS, EventName
from ratchet_core.domain.plan import PlannedStep, count, reset_from
from ratchet_core.domain.states import (
    STEP_TERMINAL,
    RunSignal,
    RunState,
    StepState,
    advance_run,
)
from ratchet_core.engine.core import Core
from ratchet_core.errors import Conflict, IllegalTransition, RunNotFound, StepNotFound
from ratchet_core.store import frames, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.runs import entry, write_journal

Row = dict[str, Any]


def cancel(core: Core, run_id: str, by: str) -> None:
    """Stop a run: what has not started never starts, what runs is told to stop.

    A late result of a step that ran on is recorded as stale and applied to nothing. Cancelling
    a cancelled run changes nothing.

    Raises:
        RunNotFound: no such run.
        Conflict: the run has come to another end already.
    """
    core.database.transact(lambda tx: cancel_in(core, tx, run_id, by))
    core.notify()


def cancel_in(core: Core, tx: Tx, run_id: str, by: str) -> None:
    """Stop a run as `cancel` does, as a part of a transaction."""
    frame, now = locked_run(core, tx, run_id)
    if frame.state is RunState.CANCELLED:
        return
    advanced(frame, RunSignal.CANCEL)
    stop_locked(tx, frame, now, RunSignal.CANCEL, {"by": by})


def stop_locked(
    tx: Tx,
    frame: frames.RunFrame,
    now: int,
    signal: Literal[RunSignal.CANCEL, RunSignal.FAIL],
    data: Mapping[str, Any],
    error: Row | None = None,
) -> None:
    """End a locked run before its time: its open steps are cancelled.

    Args:
        tx: a write transaction.
        frame: the run.
        now: the database's time, in microseconds.
        signal: how it ends.
        data: of the run's event.
        error: why, where it fails.
    """
    run_id = frame.id
    state = advance_run(frame.state, signal)
    steps = frames.steps_of_run(tx, run_id)
    transitions.cancel_steps(tx, run_id, now)
    counters = count(
        step.state if step.state in STEP_TERMINAL else StepState.CANCELLED for step in steps
    )
    values = {
        "id": run_id,
        "from_state": frame.state.value,
        "state": state.value,
        "open": counters.open,
        "active": counters.active,
        "backoff": counters.backoff,
        "failed": counters.failed,
        "retries": frame.retries,
        "progress": sum(step.state is StepState.COMPLETED for step in steps) / frame.steps_total,
        "result": None,
        "error": None if error is None else orjson.dumps(error).decode(),
        "started_at": None,
        "completed_at": now,
        "at": now,
    }
    transitions.move_runs(tx, [values])
    entries = [
        entry(run_id, step.name, EventName.STEP_CANCELLED, now, {})
        for step in steps
        if step.state not in STEP_TERMINAL
    ]
    write_journal(tx, [*entries, entry(run_id, None, RUN_EVENTS[state], now, data)])


def retry(core: Core, run_id: str, by: str, from_step: str | None = None) -> None:
    """Set a failed or cancelled run going again with the same input; what completed is kept.

    Args:
        core: the shared parts.
        run_id: of the run.
        by: who asks.
        from_step: this step, and all below it, run again even if they had completed.

    Raises:
        RunNotFound, StepNotFound: no such run, or no such step in it.
        Conflict: the run is neither failed nor cancelled.
    """
    ready = core.database.transact(lambda tx: retry_in(core, tx, run_id, by, from_step))
    core.notify()
    core.ring(ready)


def retry_in(
    core: Core, tx: Tx, run_id: str, by: str, from_step: str | None = None
) -> dict[str, int]:
    """Set a run going again as `retry` does, as a part of a transaction.

    Returns:
        Queue to the number of steps that are ready.
    """
    frame, now = locked_run(core, tx, run_id)
    state = advanced(frame, RunSignal.RETRY)
    workflow = core.snapshots.load(tx, [frame.snapshot_id])[frame.snapshot_id]
    if from_step is not None and from_step not in workflow.positions:
        raise StepNotFound(run_id, from_step)
    steps = frames.steps_of_run(tx, run_id)
    planned = reset_from(workflow, {step.name: step.state for step in steps}, from_step)
    changed = [step for step in steps if _changes(step, planned[step.name])]
    transitions.reset_steps(tx, [_reset_row(step, planned[step.name], now) for step in changed])
    counters = count(step.state for step in planned.values())
    values = {
        "id": run_id,
        "from_state": frame.state.value,
        "state": state.value,
        "open": counters.open,
        "active": counters.active,
        "backoff": counters.backoff,
        "failed": counters.failed,
        "progress": (frame.steps_total - counters.open) / frame.steps_total,
        "at": now,
    }
    transitions.restart_run(tx, values)
    data = {"by": by, "from_step": from_step}
    entries = [
        entry(run_id, step.name, EventName.STEP_RESET, now, {"from": step.state.value})
        for step in changed
        if step.state is not StepState.PENDING
    ]
    write_journal(tx, [entry(run_id, None, EventName.RUN_RETRIED, now, data), *entries])
    return {steps[0].queue: counters.active}


def locked_run(core: Core, tx: Tx, run_id: str) -> tuple[frames.RunFrame, int]:
    """Lock one run; return it and the database's time in microseconds.

    Raises:
        RunNotFound: no such run.
    """
    locked, now = frames.lock_runs(tx, [run_id])
    if run_id not in locked:
        raise RunNotFound(run_id)
    return locked[run_id], now


def advanced(frame: frames.RunFrame, signal: RunSignal) -> RunState:
    """Return the state that an operator's signal leads a run to.

    Raises:
        Conflict: the run does not accept it in its state.
    """
    try:
        return advance_run(frame.state, signal)
    except IllegalTransition:
        message = f"Run '{frame.id}' is {frame.state}; it cannot be asked to {signal}"
        raise Conflict(message) from None


def _changes(step: frames.StepFrame, planned: PlannedStep) -> bool:
    return step.state is not planned.state or step.pending_parents != planned.pending_parents


def _reset_row(step: frames.StepFrame, planned: PlannedStep, now: int) -> Row:
    return {
        "id": step.id,
        "token": step.token,
        "state": planned.state.value,
        "pending_parents": planned.pending_parents,
        "ready_at": now if planned.state is StepState.READY else None,
    }
