"""Waiting for a thread, fairly: only time in which it could have run counts.

A machine with more to do than processors lets a thread wait for its turn, which Linux tells for
each; elsewhere that wait counts. A process that was stopped, or slept with its machine, has not let
anything run at all.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

#: A wait is made of waits of this length; none counts for more, however late it ends.
_LOOK_S: Final = 0.1


def ended_within(thread: threading.Thread, seconds: float) -> bool:
    """Wait until a thread has ended; return False where it goes on.

    Args:
        thread: has been started.
        seconds: for which it may run, or wait for anything but a processor.
    """
    look_s = min(_LOOK_S, seconds)
    spent_s, starved_s = 0.0, _starved_s(thread)
    while True:
        began = time.monotonic()
        thread.join(look_s)
        passed_s = min(time.monotonic() - began, look_s)
        starved_now_s = max(starved_s, _starved_s(thread))  # 0 where it has just ended
        spent_s += max(0.0, passed_s - (starved_now_s - starved_s))
        starved_s = starved_now_s
        if spent_s >= seconds or not thread.is_alive():
            return not thread.is_alive()


def _starved_s(thread: threading.Thread) -> float:
    """Return for how long a thread has been ready and had no processor, as far as can be known."""
    try:
        told = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
        return int(told.split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
