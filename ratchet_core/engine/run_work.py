"""One locked run while ends of its steps are applied, and what becomes of it then.

Every way in which steps end leads here: attempts that were concluded, and what operators do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from ratchet_core.domain.events import RUN_EVENTS, EventName
from ratchet_core.domain.plan import Counters, signal_for_run
from ratchet_core.domain.states import (
    RUN_TERMINAL,
    RunSignal,
    RunState,
    StepState,
    advance_run,
)
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine.core import Core
from ratchet_core.engine.output import result_of_run
from ratchet_core.store import frames
from ratchet_core.store.database import Tx
from ratchet_core.store.runs import entry

Row = dict[str, Any]


@dataclass(slots=True)
class RunWork:
    """One run while ends of its steps are applied."""

    frame: frames.RunFrame  #: as it was locked
    workflow: WorkflowDefinition  #: its snapshot
    counters: Counters  #: how its steps stand by now
    run_input: str = ""  #: JSON text of its input
    satisfied: list[str] = field(default_factory=list)  #: steps that became satisfied
    results: dict[str, str] = field(default_factory=dict)  #: their JSON results
    error: Row | None = None  #: of a step that failed for good
    retries: int = 0  #: attempts that will be tried again
    started_at: int | None = None  #: when the first of these attempts started, in microseconds


@dataclass(frozen=True, slots=True)
class RunMove:
    """What becomes of a run."""

    row: Row  #: for `transitions.MOVE_RUNS`
    entries: list[Row]  #: of the journal


def move_run(core: Core, tx: Tx, run: RunWork, now: int, *, by_hand: bool = False) -> RunMove:
    """Return where a run goes from the states that its steps are in.

    Args:
        core: the shared parts.
        tx: the transaction that holds the run's lock.
        run: with its counters as they are now.
        now: the database's time, in microseconds.
        by_hand: an operator moved the steps: a failed run goes on, and nothing has started.
    """
    frame = run.frame
    signal = signal_for_run(run.counters)
    result = None
    if signal is RunSignal.COMPLETE:
        result, run.error = result_of_run(core, tx, frame.id, run.workflow, run.results)
        signal = RunSignal.FAIL if run.error else signal
    state = _entered(frame.state, signal, by_hand=by_hand)
    error = _run_error(tx, run) if state is RunState.FAILED else None
    total = frame.steps_total
    row = {
        "id": frame.id,
        "from_state": frame.state.value,
        "state": state.value,
        "open": run.counters.open,
        "active": run.counters.active,
        "backoff": run.counters.backoff,
        "failed": run.counters.failed,
        "retries": frame.retries + run.retries,
        "progress": 1.0 if state is RunState.COMPLETED else (total - run.counters.open) / total,
        "result": result,
        "error": error,
        "started_at": run.started_at,
        "completed_at": now if state in RUN_TERMINAL else None,
        "at": now,
    }
    data = {"error": orjson.loads(error)} if error else {}
    name = RUN_EVENTS.get(state, EventName.RUN_RETRIED)
    entries = [] if state is frame.state else [entry(frame.id, None, name, now, data)]
    return RunMove(row, entries)


def _entered(state: RunState, signal: RunSignal, *, by_hand: bool) -> RunState:
    if not by_hand:
        return advance_run(state, signal)
    if state is RunState.FAILED:
        if signal is RunSignal.FAIL:
            return state
        state = advance_run(state, RunSignal.RETRY)
    if state is RunState.PENDING and signal is RunSignal.START:
        return state
    return advance_run(state, signal)


def _run_error(tx: Tx, run: RunWork) -> str | None:
    """Return the error that the run fails with: of the ends at hand, or of an earlier one."""
    if run.error is not None:
        return orjson.dumps(run.error).decode()
    for step in frames.steps_of_run(tx, run.frame.id):
        if step.state in (StepState.FAILED, StepState.CANCELLED):
            return frames.error_of(tx, step)
    return None
