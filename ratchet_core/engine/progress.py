"""What a running step tells of itself: progress of the step, and of its run."""

from __future__ import annotations

from typing import Any

import orjson

from ratchet_core.domain.events import EventName
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.engine.core import Core
from ratchet_core.engine.work import Assignment
from ratchet_core.store import frames, transitions
from ratchet_core.store.database import Tx
from ratchet_core.store.runs import write_journal


def report_progress(
    core: Core, assignment: Assignment, fraction: float, message: str | None, data: Any
) -> bool:
    """Store how far a held step is, 0 to 1; False when it is not held any more."""

    def work(tx: Tx) -> bool:
        locked, now = frames.lock_runs(tx, [assignment.run_id])
        frame = locked.get(assignment.run_id)
        if frame is None or frame.state in RUN_TERMINAL:
            return False
        if not transitions.write_progress(tx, assignment.step_id, assignment.token, fraction):
            return False
        done = frame.steps_total - frame.counters.open
        progress = min(1.0, (done + fraction) / frame.steps_total)
        transitions.write_run_progress(tx, frame.id, progress, now)
        entry = {
            "run_id": frame.id,
            "step": assignment.step.name,
            "name": EventName.STEP_PROGRESS.value,
            "at": now,
            "data": orjson.dumps(
                {"progress": fraction, "run_progress": progress, "message": message, "data": data}
            ).decode(),
        }
        write_journal(tx, [entry])
        return True

    held = core.database.transact(work, durable=False, polite=True)
    core.notify()
    return held
