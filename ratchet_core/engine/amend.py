"""What an operator changes about a run without moving it on: texts, annotations, definitions.

Settling a whole run by hand and setting it back to its start are here too: they touch no attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from ratchet_core.domain.events import EventName
from ratchet_core.domain.plan import count, stand
from ratchet_core.domain.states import RunSignal, RunState, StepState
from ratchet_core.domain.step_change import StepChange, merged
from ratchet_core.engine.by_hand import find_step
from ratchet_core.engine.control import advanced, locked_run
from ratchet_core.engine.core import Core
from ratchet_core.errors import AnnotationNotFound, Conflict
from ratchet_core.store import annotations as stored
from ratchet_core.store import frames, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.runs import entry, write_journal, write_origin

#: Annotations that one run may have: all of them are listed at once.
MAX_ANNOTATIONS: Final = 1000
#: Step states in which what will run next can still be changed.
_EDITABLE: Final = frozenset(
    {
        StepState.PENDING,
        StepState.READY,
        StepState.PAUSED,
        StepState.BACKOFF,
        StepState.FAILED,
        StepState.CANCELLED,
    }
)


def resolve_run(core: Core, run_id: str, by: str, reason: str | None = None) -> None:
    """Settle a failed or cancelled run: somebody has taken care of it. Its steps stay.

    Raises:
        RunNotFound: no such run.
        Conflict: it is neither failed nor cancelled.
    """

    def work(tx: Tx) -> None:
        frame, now = locked_run(core, tx, run_id)
        state = advanced(frame, RunSignal.RESOLVE)
        row = {"id": run_id, "from_state": frame.state.value, "state": state.value}
        transitions.resolve_run(tx, {**row, "by": by, "at": now})
        data = _told(by, reason) | {"from": frame.state.value}
        write_journal(tx, [entry(run_id, None, EventName.RUN_RESOLVED, now, data)])

    core.database.transact(work)
    core.notify()


def reset_run(core: Core, run_id: str, by: str, reason: str | None = None) -> None:
    """Set a failed or cancelled run back to its start: every step runs again.

    Steps that the request bypassed stay so. Attempts keep their numbers and count anew to the
    limit.

    Raises:
        RunNotFound: no such run.
        Conflict: it is neither failed nor cancelled.
    """

    def work(tx: Tx) -> dict[str, int]:
        frame, now = locked_run(core, tx, run_id)
        state = advanced(frame, RunSignal.RETRY)
        workflow = core.snapshots.load(tx, [frame.snapshot_id])[frame.snapshot_id]
        steps = frames.steps_of_run(tx, run_id)
        again = [step for step in steps if not _is_bypassed(step)]
        states = {step.name: step.state for step in steps}
        planned = stand(workflow, states | {step.name: StepState.PENDING for step in again})
        rows = [
            {
                "id": step.id,
                "token": step.token,
                "state": planned[step.name].state.value,
                "pending_parents": planned[step.name].pending_parents,
                "ready_at": now if planned[step.name].state is StepState.READY else None,
            }
            for step in again
        ]
        transitions.reset_steps(tx, rows)
        counters = count(item.state for item in planned.values())
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
        data = _told(by, reason) | {"from": frame.state.value, "reset": True}
        entries = [
            entry(run_id, step.name, EventName.STEP_RESET, now, {"from": step.state.value})
            for step in again
            if step.state is not StepState.PENDING
        ]
        write_journal(tx, [entry(run_id, None, EventName.RUN_RETRIED, now, data), *entries])
        return {steps[0].queue: counters.active}

    ready = core.database.transact(work)
    core.notify()
    core.ring(ready)


def update_run(core: Core, run_id: str, changes: Mapping[str, Any], by: str) -> None:
    """Change what a run says about itself.

    Args:
        core: the shared parts.
        run_id: of the run, in any state.
        changes: keys of its origin, such as `reason` and `tags`, to new values; None takes one
            away.
        by: who asks.

    Raises:
        RunNotFound: no such run.
    """

    def work(tx: Tx) -> None:
        _, now = locked_run(core, tx, run_id)
        write_origin(tx, run_id, changes, now)
        data = {"by": by, "changed": sorted(changes)}
        write_journal(tx, [entry(run_id, None, EventName.RUN_UPDATED, now, data)])

    core.database.transact(work)
    core.notify()


def edit_step(core: Core, run_id: str, step: str, change: StepChange, by: str) -> None:
    """Change definition or input of a step that does not run, for this run alone.

    Raises:
        RunNotFound, StepNotFound: no such run, or no such step in it.
        Conflict: the step runs or is done, or the run is done.
    """

    def work(tx: Tx) -> None:
        frame, now = locked_run(core, tx, run_id)
        found = find_step(frames.steps_of_run(tx, run_id), run_id, step)
        is_done = frame.state in (RunState.COMPLETED, RunState.RESOLVED)
        if is_done or found.state not in _EDITABLE:
            raise _not_editable(frame, found)
        given = found.input
        if change.sets_input:
            given = None if change.input is None else orjson.dumps(change.input).decode()
        row = {
            "id": found.id,
            "token": found.token,
            "from_state": found.state.value,
            "input": given,
            "changes": merged(found.changes, change.fields),
        }
        if not transitions.edit_step(tx, row):
            raise _not_editable(frame, found)
        changed = sorted([*change.fields, *(["input"] if change.sets_input else [])])
        data = {"by": by, "changed": changed}
        write_journal(tx, [entry(run_id, found.name, EventName.STEP_UPDATED, now, data)])

    core.database.transact(work)
    core.notify()


def annotate(core: Core, run_id: str, kind: str, value: Any, by: str) -> str:
    """Note something about a run; return the id of the annotation.

    Args:
        core: the shared parts.
        run_id: of the run, in any state.
        kind: of the annotation, 1 to 64 characters.
        value: JSON value.
        by: who notes it.

    Raises:
        RunNotFound: no such run.
        Conflict: it has as many as it may have.
    """
    annotation_id = core.new_id()

    def work(tx: Tx) -> None:
        _, now = locked_run(core, tx, run_id)
        if stored.count(tx, run_id) >= MAX_ANNOTATIONS:
            message = f"Run '{run_id}' has {MAX_ANNOTATIONS:,} annotations; remove some first"
            raise Conflict(message)
        stored.add(tx, annotation_id, run_id, kind, orjson.dumps(value).decode(), by, now)

    core.database.transact(work)
    return annotation_id


def remove_annotation(core: Core, run_id: str, annotation_id: str) -> None:
    """Take an annotation away.

    Raises:
        AnnotationNotFound: the run has none of that id.
    """
    if not core.database.transact(lambda tx: stored.remove(tx, run_id, annotation_id)):
        raise AnnotationNotFound(run_id, annotation_id)


def _is_bypassed(step: frames.StepFrame) -> bool:
    return step.state is StepState.SKIPPED and step.attempts == 0


def _not_editable(frame: frames.RunFrame, step: frames.StepFrame) -> Conflict:
    return Conflict(
        f"Step '{step.name}' of run '{frame.id}' is {step.state}; "
        "only a step that can still run can be changed"
    )


def _told(by: str, reason: str | None) -> dict[str, Any]:
    return {"by": by, "reason": reason} if reason else {"by": by}
