"""Deleting runs that have come to their end."""

from __future__ import annotations

from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.engine.core import Core
from ratchet_core.errors import Conflict, RunNotFound
from ratchet_core.store import frames
from ratchet_core.store.database import Tx
from ratchet_core.store.removal import remove_runs


def delete_run(core: Core, run_id: str) -> None:
    """Delete an ended run with its steps, attempts and journal; its idempotency key is free then.

    Raises:
        RunNotFound: no such run.
        Conflict: it has not come to its end.
    """

    def work(tx: Tx) -> None:
        locked, _ = frames.lock_runs(tx, [run_id])
        frame = locked.get(run_id)
        if frame is None:
            raise RunNotFound(run_id)
        if frame.state not in RUN_TERMINAL:
            raise Conflict(f"Run '{run_id}' is {frame.state}; cancel it before it can be deleted")
        remove_runs(tx, [run_id])

    core.database.transact(work)
