"""Retention in the scheduler process: a thread that deletes now and then, never at firing's cost.

Any number of schedulers may do it at a time; whoever comes second finds less to delete.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from ratchet_core.engine.prune import Pruned
from ratchet_core.errors import RatchetError

#: The first look waits for what else begins with the process.
_FIRST_LOOK_S: Final = 5.0

_log = logging.getLogger(__name__)


class Retainer:
    """Deletes every few seconds what is old enough; used as a context.

    Args:
        prune: deletes until nothing is left; is given how to wait and when to end.
        interval_s: between two looks, in seconds.
    """

    def __init__(
        self,
        prune: Callable[[Callable[[float], object], Callable[[], bool]], Pruned],
        interval_s: float,
        *,
        first_look_s: float = _FIRST_LOOK_S,
    ) -> None:
        self._prune = prune
        self._interval_s = interval_s
        self._first_look_s = first_look_s
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ratchet-retention", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = min(self._first_look_s, self._interval_s)
        while not self._asked.wait(pause_s):
            pause_s = self._interval_s
            try:
                pruned = self._prune(self._asked.wait, self._asked.is_set)
            except RatchetError as error:
                _log.warning("retention waits: %s", error.message)
            except OSError as error:
                _log.error("retention deletes nothing, the export fails: %s", error)
            except Exception:  # noqa: BLE001 - one failed look must not end retention
                _log.exception("retention failed; it is tried again")
            else:
                if pruned.runs:
                    _log.info("deleted %d finished runs and %d rows", pruned.runs, pruned.rows)
