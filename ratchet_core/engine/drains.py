"""Leases, starts and releases: what keeps a claim alive, and what becomes of a dead drain's.

Only a step that had started counts as lost (architecture.md section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from ratchet_core.domain.events import EventName
from ratchet_core.domain.outcome import Failed, lost, timed_out
from ratchet_core.domain.states import (
    RUN_TERMINAL,
    AttemptState,
    RunSignal,
    RunState,
    StepSignal,
    StepState,
    advance_run,
    advance_step,
)
from ratchet_core.engine.claim import assign
from ratchet_core.engine.conclude import conclude
from ratchet_core.engine.core import Core
from ratchet_core.engine.work import Assignment, DrainInfo, Finished
from ratchet_core.store import counts, drains, frames, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import write
from ratchet_core.store.runs import entry, write_journal

_US: Final = 1_000_000


def open_drain(core: Core, info: DrainInfo) -> None:
    """Store a drain with its first lease."""
    row = {
        "id": info.id,
        "worker": info.worker,
        "host": info.host,
        "pid": info.pid,
        "queues": orjson.dumps(info.queues).decode(),
        "handlers": None if info.handlers is None else orjson.dumps(info.handlers).decode(),
        "lease_us": round(core.lease_s * _US),
    }
    core.database.transact(
        lambda tx: drains.open_drain(tx, core.database.dialect, row), durable=False
    )


def renew_drain(core: Core, drain_id: str) -> bool:
    """Extend a drain's lease; False when it has run out: apply nothing more."""
    lease_us = round(core.lease_s * _US)
    return core.database.transact(
        lambda tx: drains.renew_lease(tx, core.database.dialect, drain_id, lease_us),
        durable=False,
    )


def close_drain(core: Core, drain_id: str) -> None:
    """End a drain; what it still holds goes back to its queue, uncounted."""

    def work(tx: Tx) -> dict[str, int]:
        drains.close_drain(tx, core.database.dialect, drain_id)
        return _release(tx, drain_id, frames.held_by(tx, drain_id), interrupted=False)

    _ring(core, core.database.transact(work, durable=False))


def release_held(core: Core, drain_id: str) -> None:
    """Return to its queue, uncounted, whatever a drain holds that has not started."""

    def work(tx: Tx) -> dict[str, int]:
        return _release(tx, drain_id, frames.held_by(tx, drain_id), interrupted=False)

    _ring(core, core.database.transact(work, durable=False))


def give_back(core: Core, drain_id: str, assignments: Sequence[Assignment]) -> None:
    """Return unstarted claims to their queue, uncounted."""
    if not assignments:
        return
    ids = {item.step_id: item.token for item in assignments}

    def work(tx: Tx) -> dict[str, int]:
        held = frames.steps_by_id(tx, list(ids))
        mine = [step for step in held.values() if step.token == ids[step.id]]
        return _release(tx, drain_id, mine, interrupted=False)

    _ring(core, core.database.transact(work, durable=False))


def _release(
    tx: Tx, drain_id: str, steps: Sequence[frames.StepFrame], *, interrupted: bool
) -> dict[str, int]:
    locked, _ = frames.lock_runs(tx, {step.run_id for step in steps})
    rows = []
    ready: dict[str, int] = {}
    for step in steps:
        state = StepState.READY
        if step.run_id in locked and locked[step.run_id].state is RunState.PAUSED:
            state = advance_step(state, StepSignal.PAUSE)
        else:
            ready[step.queue] = ready.get(step.queue, 0) + 1
        row = {"id": step.id, "drain_id": drain_id, "interrupted": int(interrupted)}
        rows.append({**row, "state": state.value})
    transitions.release_steps(tx, rows)
    return ready


def _ring(core: Core, ready: Mapping[str, int]) -> None:
    if ready:
        core.ring(ready)


def still_mine(core: Core, drain_id: str, claims: Sequence[tuple[str, int]]) -> set[str]:
    """Return the ids of those steps that the drain still holds under these tokens."""
    with core.database.read() as tx:
        held = transitions.held_tokens(tx, drain_id, [step_id for step_id, _ in claims])
    return {step_id for step_id, token in claims if held.get(step_id) == token}


def may_start(core: Core, drain_id: str, claims: Sequence[tuple[str, int]]) -> set[str]:
    """Return the ids of those steps that are still held, as above, in runs that are not paused."""
    with core.database.read() as tx:
        held = transitions.startable_tokens(tx, drain_id, [step_id for step_id, _ in claims])
    return {step_id for step_id, token in claims if held.get(step_id) == token}


def note_start(
    core: Core, drain_id: str, assignment: Assignment, attempt_id: str, age_us: int
) -> bool:
    """Store the start of a step: of a slow one, or before a step that is unsafe to repeat.

    Args:
        core: the shared parts.
        drain_id: the drain that holds the step.
        assignment: the claim.
        attempt_id: UUIDv7 of the attempt.
        age_us: microseconds since the start.

    Returns:
        False when the step is not held under that token any more.
    """

    def work(tx: Tx) -> bool:
        locked, now = frames.lock_runs(tx, [assignment.run_id])
        frame = locked.get(assignment.run_id)
        if frame is None or frame.state in RUN_TERMINAL:
            return False
        started_at = now - age_us
        row = {
            "id": assignment.step_id,
            "token": assignment.token,
            "attempt_id": attempt_id,
            "started_at": started_at,
        }
        if not transitions.start_step(tx, row):
            return _is_started(tx, assignment, attempt_id)
        _add_running(tx, frame, assignment, attempt_id, drain_id, started_at)
        _start_run(tx, frame, started_at, now)
        data = {"attempt": assignment.attempt}
        started = entry(frame.id, assignment.step.name, EventName.STEP_STARTED, now, data)
        write_journal(tx, [started])
        return True

    durable = assignment.step.commit == "immediate"
    started = core.database.transact(work, durable=durable, polite=not durable)
    core.notify()
    return started


def _is_started(tx: Tx, assignment: Assignment, attempt_id: str) -> bool:
    """Tell whether the start is stored already: the answer may have been lost on its way."""
    step = frames.steps_by_id(tx, [assignment.step_id]).get(assignment.step_id)
    return (
        step is not None
        and step.state is StepState.RUNNING
        and step.token == assignment.token
        and step.attempt_id == attempt_id
    )


def _add_running(
    tx: Tx,
    frame: frames.RunFrame,
    assignment: Assignment,
    attempt_id: str,
    drain_id: str,
    started_at: int,
) -> None:
    row = {
        "id": attempt_id,
        "step_id": assignment.step_id,
        "run_id": frame.id,
        "namespace": frame.namespace,
        "name": frame.name,
        "version": frame.version,
        "step": assignment.step.name,
        "number": assignment.attempt,
        "state": AttemptState.RUNNING.value,
        "error": None,
        "drain_id": drain_id,
        "started_at": started_at,
        "completed_at": None,
        "duration_us": None,
    }
    write(tx, transitions.ADD_ATTEMPTS, [row])
    counts.count_new(tx, counts.ATTEMPTS, [row])


def _start_run(tx: Tx, frame: frames.RunFrame, started_at: int, now: int) -> None:
    state = advance_run(frame.state, RunSignal.START)
    values = {
        "id": frame.id,
        "from_state": frame.state.value,
        "state": state.value,
        "started_at": started_at,
        "at": now,
    }
    transitions.start_run(tx, values)
    if state is not frame.state:
        write_journal(tx, [entry(frame.id, None, EventName.RUN_STARTED, now)])


def release_dead(
    core: Core,
    drain_id: str,
    marked: tuple[str, int] | None,
    reason: str,
    timed_out_s: float | None = None,
) -> Mapping[str, int]:
    """Take over from a drain whose process is dead.

    Args:
        core: the shared parts.
        drain_id: of the dead drain.
        marked: step id and token of the step that it had started last, if known.
        reason: what is known of the death, for the lost attempt's message.
        timed_out_s: the process was killed because that step ran past this limit, in seconds.

    Returns:
        Queue to the number of steps that can be claimed again.
    """
    failure = lost(reason) if timed_out_s is None else timed_out(timed_out_s)
    with core.database.read() as tx:
        held = frames.held_by(tx, drain_id)
        started = [step for step in held if _had_started(step, marked)]
        assignments = assign(core, tx, [_Claim(step) for step in started])
    by_id = {step.id: step for step in started}
    _conclude_lost(core, drain_id, assignments, by_id, failure)

    def work(tx: Tx) -> dict[str, int]:
        drains.close_drain(tx, core.database.dialect, drain_id)
        return _release(tx, drain_id, frames.held_by(tx, drain_id), interrupted=True)

    ready = core.database.transact(work)
    _ring(core, ready)
    return ready


def _had_started(step: frames.StepFrame, marked: tuple[str, int] | None) -> bool:
    return step.state is StepState.RUNNING or (step.id, step.token) == marked


class _Claim:
    """A held step in the shape that `assign` reads."""

    priority = 0

    def __init__(self, step: frames.StepFrame) -> None:
        self.id, self.run_id, self.token = step.id, step.run_id, step.token
        self.position, self.failures, self.losses = step.position, step.failures, step.losses
        self.alone, self.input, self.changes = step.alone, step.input, step.changes
        self.attempts = step.attempts - (step.state is StepState.RUNNING)


def _conclude_lost(
    core: Core,
    drain_id: str,
    assignments: Sequence[Assignment],
    steps: Mapping[str, frames.StepFrame],
    failure: Failed,
) -> None:
    finished = []
    for item in assignments:
        step = steps[item.step_id]
        noted = step.attempt_id if step.state is StepState.RUNNING else None
        finished.append(
            Finished(
                assignment=item,
                attempt_id=noted or core.new_id(),
                outcome=failure,
                age_us=0,
                duration_us=0,
            )
        )
    conclude(core, drain_id, finished, claim_next=False)


def reap(core: Core) -> Mapping[str, int]:
    """Take over from every drain whose lease has run out; return queue to ready steps."""
    with core.database.read() as tx:
        expired = drains.expired_drains(tx, core.database.dialect)
    ready: dict[str, int] = {}
    for drain_id in expired:
        reason = "the worker was silent for longer than its lease"
        for queue, count in release_dead(core, drain_id, None, reason).items():
            ready[queue] = ready.get(queue, 0) + count
    return ready
