"""Deadlines of runs: whoever has not ended by then fails, and what runs of it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ratchet_core.domain.states import RunSignal
from ratchet_core.engine.control import stop_locked
from ratchet_core.engine.core import Core
from ratchet_core.store import frames, runs
from ratchet_core.store.database import Tx

#: Code of the error that a run past its deadline fails with.
CODE: Final = "DEADLINE_EXCEEDED"
#: Runs that one transaction ends; and such transactions of one call.
_BATCH: Final = 50
_BATCHES: Final = 20


def expire(core: Core) -> int:
    """Fail the runs that have not ended by their deadline; return how many.

    A step under way is stopped as a cancel stops it: its handler is asked, then killed.
    """
    failed = 0
    for _ in range(_BATCHES):
        with core.database.read() as tx:
            found = runs.overdue(tx, _BATCH)
        if not found:
            break
        failed += _fail(core, found)
    return failed


def _fail(core: Core, run_ids: Sequence[str]) -> int:
    error = {
        "type": "DeadlineExceeded",
        "code": CODE,
        "message": "the run had not ended by its deadline",
    }

    def work(tx: Tx) -> int:
        locked, now = frames.lock_runs(tx, run_ids)
        overdue = runs.still_overdue(tx, run_ids, now) if locked else []
        for run_id in overdue:
            stop_locked(tx, locked[run_id], now, RunSignal.FAIL, {"error": error}, error)
        return len(overdue)

    failed = core.database.transact(work, polite=True)
    core.notify()
    return failed
