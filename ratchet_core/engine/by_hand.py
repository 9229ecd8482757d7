"""What an operator does to one step of a run by hand: cancel, run again, resolve, complete it.

Each moves one step by a guarded write and then does what every end of a step does: free what
waited for it and move the run. A failed run goes on where something can run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from ratchet_core.domain.events import EventName
from ratchet_core.domain.plan import PlannedStep, count, stand
from ratchet_core.domain.states import (
    STEP_SATISFIED,
    RunState,
    StepSignal,
    StepState,
    advance_step,
)
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine.control import locked_run
from ratchet_core.engine.core import Core
from ratchet_core.engine.run_work import RunWork, move_run
from ratchet_core.errors import (
    Conflict,
    IllegalTransition,
    StepNotFound,
    ValidationFailed,
)
from ratchet_core.registry.schema import InputValidator
from ratchet_core.store import frames, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import write
from ratchet_core.store.runs import entry, write_journal

Row = dict[str, Any]

#: A drain may claim the step between our look and our write; then we look again.
_TRIES: Final = 10
#: Runs whose steps nobody moves any more.
_CLOSED: Final = frozenset({RunState.COMPLETED, RunState.CANCELLED, RunState.RESOLVED})
#: Step states from which a step runs again by itself.
_RETRIED: Final = frozenset({StepState.FAILED, StepState.CANCELLED, StepState.BACKOFF})


class _ClaimedMeanwhile(Exception):
    """A drain was first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """One thing that is done to a step."""

    signal: StepSignal
    event: EventName
    by: str
    reason: str | None = None
    result: Any = None


def cancel_step(core: Core, run_id: str, step: str, by: str, reason: str | None = None) -> None:
    """Stop one step; those below it cannot run until it is retried or settled.

    The run fails when nothing else can run. Cancelling a cancelled step changes nothing.

    Raises:
        RunNotFound, StepNotFound: no such run, or no such step in it.
        Conflict: the step, or its run, has come to another end.
    """
    action = _Action(signal=StepSignal.CANCEL, event=EventName.STEP_CANCELLED, by=by, reason=reason)
    _act(core, run_id, step, action)


def retry_step(core: Core, run_id: str, step: str, by: str, reason: str | None = None) -> None:
    """Run one failed, cancelled or waiting step again; its attempts count anew to the limit.

    Raises:
        RunNotFound, StepNotFound: no such run, or no such step in it.
        Conflict: the step is neither failed nor cancelled nor in back-off, or its run has ended
            otherwise than by failing.
    """
    action = _Action(signal=StepSignal.RESET, event=EventName.STEP_RESET, by=by, reason=reason)
    _act(core, run_id, step, action)


def resolve_step(core: Core, run_id: str, step: str, by: str, reason: str | None = None) -> None:
    """Settle a step that does not run: what waits for it goes on, with no result of it.

    Raises:
        RunNotFound, StepNotFound: no such run, or no such step in it.
        Conflict: the step runs or is done, or its run has ended otherwise than by failing.
    """
    action = _Action(signal=StepSignal.RESOLVE, event=EventName.STEP_RESOLVED, by=by, reason=reason)
    _act(core, run_id, step, action)


def complete_step(
    core: Core, run_id: str, step: str, result: Any, by: str, reason: str | None = None
) -> None:
    """Give a step the result that it has not given itself; a late one of its own is stale.

    Args:
        core: the shared parts.
        run_id: of the run.
        step: name or id of the step.
        result: JSON value.
        by: who says so.
        reason: why.

    Raises:
        RunNotFound, StepNotFound: no such run, or no such step in it.
        Conflict: the step is done, or its run has ended otherwise than by failing.
        ValidationFailed: the result would be the run's and breaks its output schema.
    """
    action = _Action(
        signal=StepSignal.COMPLETE,
        event=EventName.STEP_COMPLETED,
        by=by,
        reason=reason,
        result=result,
    )
    _act(core, run_id, step, action)


def find_step(steps: list[frames.StepFrame], run_id: str, step: str) -> frames.StepFrame:
    """Return the step of that name or id.

    Raises:
        StepNotFound: there is none.
    """
    for frame in steps:
        if step in (frame.name, frame.id):
            return frame
    raise StepNotFound(run_id, step)


def _act(core: Core, run_id: str, step: str, action: _Action) -> None:
    for _ in range(_TRIES):
        try:
            ready = core.database.transact(lambda tx: _act_in(core, tx, run_id, step, action))
        except _ClaimedMeanwhile:
            continue
        core.notify()
        if ready:
            core.ring(ready)
        return
    message = f"Step '{step}' of run '{run_id}' is being claimed again and again; try again"
    raise Conflict(message)


def _act_in(core: Core, tx: Tx, run_id: str, name: str, action: _Action) -> dict[str, int]:
    frame, now = locked_run(core, tx, run_id)
    steps = frames.steps_of_run(tx, run_id)
    step = find_step(steps, run_id, name)
    if action.signal is StepSignal.CANCEL and step.state is StepState.CANCELLED:
        return {}
    state = _advanced(frame, step, action.signal)
    workflow = core.snapshots.load(tx, [frame.snapshot_id])[frame.snapshot_id]
    _check_result(core, workflow, step, action)
    states = {item.name: item.state for item in steps} | {step.name: state}
    planned = {place: _held_back(frame, item) for place, item in stand(workflow, states).items()}
    _write_step(tx, step, state, planned[step.name], action, now)
    freed = [
        _freed_row(item, planned[item.name], now)
        for item in steps
        if item is not step and _differs(item, planned[item.name])
    ]
    write(tx, transitions.FREE_STEPS, freed)
    run = RunWork(frame, workflow, count(item.state for item in planned.values()))
    move = move_run(core, tx, run, now, by_hand=True)
    transitions.move_runs(tx, [move.row])
    data = {"by": action.by, "from": step.state.value}
    if action.reason:
        data["reason"] = action.reason
    # going on comes first: readers of the journal start to count anew there
    going_on = [item for item in move.entries if item["name"] == EventName.RUN_RETRIED]
    own = entry(run_id, step.name, action.event, now, data)
    write_journal(tx, [*going_on, own, *(item for item in move.entries if item not in going_on)])
    became_ready = sum(
        planned[item.name].state is StepState.READY and item.state is not StepState.READY
        for item in steps
    )
    return {step.queue: became_ready} if became_ready else {}


def _advanced(frame: frames.RunFrame, step: frames.StepFrame, signal: StepSignal) -> StepState:
    if frame.state in _CLOSED:
        message = f"Run '{frame.id}' is {frame.state}; its steps stay as they are"
        raise Conflict(message)
    refused = signal is StepSignal.RESET and step.state not in _RETRIED
    try:
        state = advance_step(step.state, signal)
    except IllegalTransition:
        refused = True
    if refused:
        asked = "be retried" if signal is StepSignal.RESET else f"be asked to {signal}"
        message = f"Step '{step.name}' of run '{frame.id}' is {step.state}; it cannot {asked}"
        raise Conflict(message)
    return state


def _held_back(frame: frames.RunFrame, planned: PlannedStep) -> PlannedStep:
    """Keep what could be ready out of the queue while its run is paused."""
    if frame.state is RunState.PAUSED and planned.state is StepState.READY:
        return PlannedStep(advance_step(StepState.READY, StepSignal.PAUSE), planned.pending_parents)
    return planned


def _check_result(
    core: Core, workflow: WorkflowDefinition, step: frames.StepFrame, action: _Action
) -> None:
    schema = workflow.output_schema
    is_result = workflow.result_step == step.name and action.signal is StepSignal.COMPLETE
    if schema is None or not is_result or not core.validate_schemas:
        return
    problems = InputValidator(schema).check(action.result, "results")
    if problems:
        message = f"The result does not match the output schema of {workflow.full_name}"
        raise ValidationFailed(message, problems)


def _write_step(
    tx: Tx,
    step: frames.StepFrame,
    state: StepState,
    planned: PlannedStep,
    action: _Action,
    now: int,
) -> None:
    if action.signal is StepSignal.RESET:
        row = {
            "id": step.id,
            "token": step.token,
            "state": planned.state.value,
            "pending_parents": planned.pending_parents,
            "ready_at": None if planned.state is StepState.PENDING else now,
        }
        transitions.reset_steps(tx, [row])
        return
    satisfied = state in STEP_SATISFIED
    row = {
        "id": step.id,
        "run_id": step.run_id,
        "token": step.token,
        "from_state": step.state.value,
        "state": state.value,
        "result": orjson.dumps(action.result).decode() if satisfied else None,
        "error": None if satisfied else _cancelled_error(step, action),
        "progress": float(satisfied),
        "at": now,
    }
    if not transitions.settle_step(tx, row):
        raise _ClaimedMeanwhile


def _cancelled_error(step: frames.StepFrame, action: _Action) -> str:
    why = f": {action.reason}" if action.reason else ""
    document = {
        "type": "StepCancelled",
        "code": "STEP_CANCELLED",
        "message": f"step '{step.name}' was cancelled by {action.by}{why}",
        "attempt": step.attempts or None,
    }
    return orjson.dumps(document).decode()


def _differs(step: frames.StepFrame, planned: PlannedStep) -> bool:
    return step.state is StepState.PENDING and (
        planned.state is not step.state or planned.pending_parents != step.pending_parents
    )


def _freed_row(step: frames.StepFrame, planned: PlannedStep, now: int) -> Row:
    return {
        "id": step.id,
        "state": planned.state.value,
        "pending_parents": planned.pending_parents,
        "ready_at": now,
        "drain_id": None,
        "token_step": 0,
    }
