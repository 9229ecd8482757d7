"""A drain in a thread of this process, for one run; `ratchet run` shows it meanwhile."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.host import Host, run_here, worker_name
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.process import Switch

#: The drain looks this often whether the run has ended.
_LOOK_S = 0.02


class InlineDrain:
    """Works until a run has come to its end; used as a context.

    Args:
        runtime: of this process.
        run_id: of the run.
        queue: of the run's workflow; other ready steps of it are done too.
        patience_s: how long a step may go on after its run was cancelled.
    """

    def __init__(self, runtime: Ratchet, run_id: str, queue: str, patience_s: float) -> None:
        self._runtime = runtime
        self._run_id = run_id
        self._patience_s = patience_s
        self._switch = Switch()
        self._error: BaseException | None = None
        self._host = Host(
            worker=worker_name("run"), queues=(queue,), look_s=_LOOK_S, is_done=self._has_ended
        )
        # a step that never looks whether it is cancelled must not keep the process
        self._thread = threading.Thread(target=self._work, name="drain", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._switch.ask()
        self._thread.join(self._patience_s)
        if self._error is not None and error is None:
            raise self._error

    def is_over(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` for the end of the work; tell whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _has_ended(self) -> bool:
        return self._runtime.reads.run_state(self._run_id) in RUN_TERMINAL

    def _work(self) -> None:
        try:
            # a drain may end for other reasons, such as its use of memory
            while not (self._switch.is_asked or self._has_ended()):
                run_here(self._runtime, self._host, Mark(), self._switch)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._error = error
