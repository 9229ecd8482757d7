"""Work on the database that a parent of horses has to do, done in forked children.

A parent must always be able to act, so it waits for no database: a horse that was stopped in the
middle of a transaction could hold the lock that the parent would wait for, and only the parent
can kill that horse.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Final, Protocol

from ratchet_core.config import Settings
from ratchet_core.worker.process import has_ended, signals_blocked, unblock_signals
from ratchet_core.worker.verbs import ParentEngine

#: A release that failed is tried again after this long.
_RETRY_S: Final = 0.5

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """The part of a runtime that a parent of horses uses."""

    settings: Settings

    @property
    def engine(self) -> ParentEngine:
        """The verbs."""
        ...

    def dispose_pools(self) -> None:
        """Close all connections of this process."""
        ...

    def forget_connections(self) -> None:
        """In a forked child: leave the parent's connections alone."""
        ...


class Chore:
    """One piece of work in a child of its own.

    Args:
        runtime: of the parent.
        work: does it; its answer, 0 to 100, is the child's exit code.
    """

    def __init__(self, runtime: Owner, work: Callable[[], int]) -> None:
        self._pid: int | None = None
        self._answer: int | None = None
        with signals_blocked():
            pid = os.fork()
            if pid == 0:
                _do(runtime, work)
        self._pid = pid

    def answer(self) -> int | None:
        """Return what the work answered; None while it goes on, 255 when it failed."""
        if self._pid is not None:
            ended = has_ended(self._pid)
            if ended is not None:
                self._pid = None
                code = os.waitstatus_to_exitcode(ended[1])
                self._answer = code if code >= 0 else 255
        return self._answer

    def drop(self) -> None:
        """End it, done or not."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = None


def _do(runtime: Owner, work: Callable[[], int]) -> None:
    """In the child: do the work; never returns."""
    code = 255
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        unblock_signals()
        runtime.forget_connections()
        code = work()
    except Exception:  # noqa: BLE001 - the exit code tells; why must be on record
        _log.exception("work on the database for a parent of workers failed")
    finally:
        os._exit(code)


class OwedReleases:
    """Releases of what dead horses held: done in children, again until they succeed.

    Args:
        runtime: of the parent.
        patience_s: how long to try; by then others have taken over, because the lease ran out.
    """

    def __init__(self, runtime: Owner, patience_s: float) -> None:
        self._runtime = runtime
        self._patience_s = patience_s
        self._owed: list[_Owed] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is owed."""
        return not self._owed

    def add(self, release: Callable[[], object]) -> None:
        """Start a release; it is seen to by `settle`."""
        owed = _Owed(release, time.monotonic() + self._patience_s)
        self._owed.append(owed)
        self._try(owed)

    def settle(self) -> None:
        """See which have succeeded, and try the others again; never waits."""
        now = time.monotonic()
        self._owed = [owed for owed in self._owed if not self._is_settled(owed, now)]

    def settle_within(self, seconds: float) -> None:
        """Wait for what is owed, up to a time."""
        until = time.monotonic() + seconds
        while not self.is_empty and time.monotonic() < until:
            self.settle()
            time.sleep(0.002)

    def _is_settled(self, owed: _Owed, now: float) -> bool:
        if owed.chore is None:
            if now >= owed.try_at:
                self._try(owed)
            return False
        answer = owed.chore.answer()
        if answer == 0:
            return True
        if now >= owed.until:
            owed.chore.drop()
            return True
        if answer is not None:
            owed.chore = None
            owed.try_at = now + _RETRY_S
        return False

    def _try(self, owed: _Owed) -> None:
        def work() -> int:
            owed.release()
            return 0

        owed.chore = Chore(self._runtime, work)


class _Owed:
    """One release that is not known to have succeeded."""

    def __init__(self, release: Callable[[], object], until: float) -> None:
        self.release = release
        self.until = until
        self.try_at = 0.0
        self.chore: Chore | None = None
