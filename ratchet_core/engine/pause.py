"""Pause and resume a run, a queue, a workflow.

What a drain has started ends as always; nothing else starts. A paused run goes on exactly where
it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ratchet_core.domain.events import EventName
from ratchet_core.domain.pause import Awaited, PauseKind
from ratchet_core.domain.plan import Counters, signal_for_run
from ratchet_core.domain.states import RunSignal, RunState, StepState, advance_run
from ratchet_core.engine.control import advanced, locked_run
from ratchet_core.engine.core import Core
from ratchet_core.engine.park import pause_locked
from ratchet_core.errors import Conflict, ValidationFailed, WorkflowNotFound
from ratchet_core.store import frames, pauses, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.definitions import workflow_row
from ratchet_core.store.runs import entry, write_journal

#: Longest name of a queue.
MAX_QUEUE: Final = 64
#: Runs of a workflow that one transaction resumes.
_BATCH: Final = 100
#: Such transactions that one call makes; the rest is maintenance's.
_BATCHES: Final = 20


def pause_run(core: Core, run_id: str, by: str) -> None:
    """Hold a run: its steps that run go on to their end, no other starts until it is resumed.

    Pausing a paused run changes nothing, but one that its workflow's pause holds is then held for
    itself, too.

    Raises:
        RunNotFound: no such run.
        Conflict: the run has come to its end.
    """

    def work(tx: Tx) -> None:
        frame, now = locked_run(core, tx, run_id)
        advanced(frame, RunSignal.PAUSE)
        if frame.state is RunState.PAUSED and frame.waiting_for == Awaited.RUN:
            return
        pause_locked(tx, frame, Awaited.RUN, now, by)

    core.database.transact(work)
    core.notify()


def resume_run(core: Core, run_id: str, by: str) -> None:
    """Let a paused run go on.

    Raises:
        RunNotFound: no such run.
        Conflict: the run is not paused, or its workflow is.
    """

    def work(tx: Tx) -> dict[str, int]:
        frame, now = locked_run(core, tx, run_id)
        advanced(frame, RunSignal.RESUME)
        if frame.waiting_for == Awaited.WORKFLOW:
            workflow = f"{frame.namespace}.{frame.name}"
            message = f"Run '{run_id}' waits for its workflow '{workflow}'; resume the workflow"
            raise Conflict(message)
        return _resume_locked(tx, frame, now, by)

    ready = core.database.transact(work)
    core.notify()
    if ready:
        core.ring(ready)


def pause_queue(core: Core, queue: str, by: str) -> bool:
    """Let no step be claimed from a queue; False where it was paused before.

    Raises:
        ValidationFailed: no queue can be named so.
    """
    _check_queue(queue)
    return core.database.transact(lambda tx: pauses.add(tx, PauseKind.QUEUE, queue, by))


def resume_queue(core: Core, queue: str) -> bool:
    """Let steps be claimed from a queue again; False where it was not paused.

    Raises:
        ValidationFailed: no queue can be named so.
    """
    _check_queue(queue)
    resumed = core.database.transact(lambda tx: pauses.remove(tx, PauseKind.QUEUE, queue))
    core.ring({queue: 1})
    return resumed


def pause_workflow(core: Core, namespace: str, name: str, by: str) -> bool:
    """Hold all runs of a workflow, present and coming; False where it was paused before.

    Raises:
        WorkflowNotFound: no such workflow.
    """

    def work(tx: Tx) -> bool:
        row = workflow_row(tx, namespace, name)
        if row is None or row.latest_id is None:
            raise WorkflowNotFound(namespace, name)
        return pauses.add(tx, PauseKind.WORKFLOW, row.id, by)

    return core.database.transact(work)


def resume_workflow(core: Core, namespace: str, name: str, by: str) -> bool:
    """Let the runs of a workflow go on; False where it was not paused.

    Those that were paused for themselves stay so.

    Raises:
        WorkflowNotFound: no such workflow.
    """

    def work(tx: Tx) -> bool:
        row = workflow_row(tx, namespace, name)
        if row is None:  # one that was deleted may still have runs
            raise WorkflowNotFound(namespace, name)
        resumed = pauses.remove(tx, PauseKind.WORKFLOW, row.id)
        if resumed:
            pauses.add(tx, PauseKind.RESUMING, row.id, by)
        return resumed

    resumed = core.database.transact(work)
    finish_resumes(core)
    return resumed


def finish_resumes(core: Core) -> int:
    """Let runs go on whose workflows were resumed; return how many.

    Maintenance calls it, too: a process may end in the middle, and there may be many runs.
    """
    with core.database.read() as tx:
        resuming = [item for item in pauses.listed(tx) if item.kind is PauseKind.RESUMING]
    return sum(_resume_parked(core, item.subject, item.by) for item in resuming)


def _resume_parked(core: Core, workflow_id: str, by: str) -> int:
    resumed, after = 0, pauses.FIRST
    for _ in range(_BATCHES):
        with core.database.read() as tx:
            places = pauses.parked(tx, workflow_id, after, _BATCH)
        if not places:
            core.database.transact(lambda tx: pauses.remove(tx, PauseKind.RESUMING, workflow_id))
            break
        after = places[-1]
        resumed += _resume_batch(core, workflow_id, [run_id for _, run_id in places], by)
    return resumed


def _resume_batch(core: Core, workflow_id: str, run_ids: Sequence[str], by: str) -> int:
    def work(tx: Tx) -> tuple[int, dict[str, int]]:
        if pauses.still_paused(tx, [workflow_id]):
            return 0, {}  # paused again meanwhile
        locked, now = frames.lock_runs(tx, run_ids)
        held = [
            frame
            for frame in locked.values()
            if frame.state is RunState.PAUSED and frame.waiting_for == Awaited.WORKFLOW
        ]
        ready: dict[str, int] = {}
        for frame in held:
            for queue, count in _resume_locked(tx, frame, now, by).items():
                ready[queue] = ready.get(queue, 0) + count
        return len(held), ready

    resumed, ready = core.database.transact(work, polite=True)
    core.notify()
    if ready:
        core.ring(ready)
    return resumed


def _resume_locked(tx: Tx, frame: frames.RunFrame, now: int, by: str) -> dict[str, int]:
    """Resume a locked, paused run; return queue to steps that are ready."""
    steps = transitions.resume_steps(tx, frame.id, now)
    ready: dict[str, int] = {}
    for state, queue in steps:
        if state == StepState.READY:
            ready[queue] = ready.get(queue, 0) + 1
    waiting = len(steps) - sum(ready.values())
    old = frame.counters
    counters = Counters(old.open, old.active - waiting, old.backoff + waiting, old.failed)
    state = advance_run(frame.state, RunSignal.RESUME)
    if frame.started:
        state = advance_run(state, RunSignal.START)
        state = advance_run(state, signal_for_run(counters))
    values = {
        "id": frame.id,
        "from_state": frame.state.value,
        "state": state.value,
        "waiting_for": None,
        "active": counters.active,
        "backoff": counters.backoff,
        "at": now,
    }
    transitions.hold_run(tx, values)
    write_journal(tx, [entry(frame.id, None, EventName.RUN_RESUMED, now, {"by": by})])
    return ready


def _check_queue(queue: str) -> None:
    # U+FFFD stands where a door was given what is no text
    if not (0 < len(queue) <= MAX_QUEUE and queue.isprintable() and "\ufffd" not in queue):
        rule = f"must be 1 to {MAX_QUEUE} printable characters"
        raise ValidationFailed("That cannot be the name of a queue", {"queue": [rule]})
