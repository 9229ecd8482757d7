"""Parking: runs of a paused workflow step aside when a drain meets them.

Claims need not look at the workflow of a step then: a run is parked once, whatever its number of
steps, and its steps leave the queue.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ratchet_core.domain.events import EventName
from ratchet_core.domain.pause import Awaited
from ratchet_core.domain.states import (
    RUN_TERMINAL,
    RunSignal,
    RunState,
    StepSignal,
    StepState,
    advance_run,
    advance_step,
)
from ratchet_core.engine.core import Core
from ratchet_core.store import frames, pauses, transitions
from ratchet_core.store.claims import ClaimedStep
from ratchet_core.store.database import Tx
from ratchet_core.store.runs import entry, write_journal


def park(
    core: Core, drain_id: str, rows: Sequence[ClaimedStep], workflow_ids: Collection[str]
) -> Sequence[ClaimedStep]:
    """Pause the runs of paused workflows among what was claimed; return the other claims.

    Args:
        core: the shared parts.
        drain_id: that holds the claims.
        rows: what it has just claimed.
        workflow_ids: that were paused a moment ago.
    """

    def work(tx: Tx) -> set[str]:
        paused = pauses.still_paused(tx, workflow_ids)
        held = pauses.runs_of(tx, {row.run_id for row in rows}, paused) if paused else set()
        if not held:
            return held
        locked, now = frames.lock_runs(tx, held)
        live = {key: frame for key, frame in locked.items() if frame.state not in RUN_TERMINAL}
        state = advance_step(StepState.READY, StepSignal.PAUSE).value
        claimed = [row for row in rows if row.run_id in live]
        transitions.release_steps(
            tx,
            [
                {"id": row.id, "drain_id": drain_id, "interrupted": 0, "state": state}
                for row in claimed
            ],
        )
        for frame in live.values():
            if frame.state is not RunState.PAUSED:
                pause_locked(tx, frame, Awaited.WORKFLOW, now, None)
        return set(live)

    parked = core.database.transact(work, durable=False, polite=True)
    if not parked:
        return rows
    core.notify()
    return [row for row in rows if row.run_id not in parked]


def pause_locked(
    tx: Tx, frame: frames.RunFrame, awaited: Awaited, now: int, by: str | None
) -> None:
    """Pause a locked run; raises IllegalTransition where it has come to its end."""
    state = advance_run(frame.state, RunSignal.PAUSE)
    transitions.pause_steps(tx, frame.id)
    counters = frame.counters
    values = {
        "id": frame.id,
        "from_state": frame.state.value,
        "state": state.value,
        "waiting_for": awaited.value,
        # steps in back-off wait for the run now, and count with those that are ready
        "active": counters.active + counters.backoff,
        "backoff": 0,
        "at": now,
    }
    transitions.hold_run(tx, values)
    data = {"by": by} if by else {"awaited": awaited.value}
    write_journal(tx, [entry(frame.id, None, EventName.RUN_PAUSED, now, data)])
