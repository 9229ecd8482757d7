"""Calls that wait for a run: few enough that they never occupy every thread of the server."""

from __future__ import annotations

import threading
from typing import Final

from ratchet_core.api.door.call import ratchet
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.domain.views import RunView

#: Calls of this process that may wait at once; the others are answered at once.
MAX_WAITING: Final = 8

_places = threading.BoundedSemaphore(MAX_WAITING)


def wait_for_end(run: RunView, timeout_s: float) -> RunView:
    """Return the run as it is at its end, or when time is up, or now if too many wait.

    Args:
        run: as known.
        timeout_s: longest wait; 0 does not look again.
    """
    if timeout_s <= 0 or run.state in RUN_TERMINAL or not _places.acquire(blocking=False):
        return run
    try:
        return ratchet().engine.wait(run.id, timeout_s)
    finally:
        _places.release()
