"""One part of `ratchet up` in a process of its own: started, started again, ended."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

#: Waits between deaths in a row, in seconds; the last one goes on.
BACKOFF_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: A process that lived so long was sound; its death is no death in a row.
_STEADY_S: Final = 10.0

_log = logging.getLogger(__name__)


def ratchet_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of another `ratchet` of this installation."""
    # -P: a module in the working directory must not take the place of one of ours
    return [sys.executable, "-P", "-m", "ratchet_core.cli", *arguments]


class Part:
    """A child process that is to live as long as its parent.

    Args:
        name: for the log.
        arguments: of `ratchet`.
        environ: of the process.
    """

    def __init__(self, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self._arguments = [*arguments, "--parent", str(os.getpid())]
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._deaths = 0
        self._is_restarting = False
        self.last_exit: int | None = None  #: exit code of its last death

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def care(self, now: float) -> None:
        """Start it where it does not run and its time has come; note its death."""
        if self.is_running:
            return
        if self._process is not None:
            self._bury(self._process, now)
        if now >= self._start_at:
            self._start(now)

    def _bury(self, process: subprocess.Popen[bytes], now: float) -> None:
        self._process = None
        self.last_exit = code = process.wait()
        _kill_group(process)  # what it has left behind holds its port
        if self._is_restarting:
            self._is_restarting, self._start_at = False, now
            return
        self._deaths = 1 if now - self._started_at > _STEADY_S else self._deaths + 1
        wait_s = BACKOFF_S[min(self._deaths, len(BACKOFF_S)) - 1]
        self._start_at = now + wait_s
        _log.warning("%s ended with %s; it is started again in %g s", self.name, code, wait_s)

    def _start(self, now: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            ratchet_command(self._arguments),
            env=self._environ,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
        )
        self._started_at = now

    def restart(self) -> None:
        """End it warm; it is started again as soon as it has ended."""
        self._is_restarting = True
        self.ask_to_end()

    def ask_to_end(self) -> None:
        """Ask it to end; asked again, it ends without finishing what runs."""
        if self._process is not None and self.is_running:
            self._process.terminate()

    def kill(self) -> None:
        """End it and what it started in its process group, at once."""
        if self._process is not None:
            _kill_group(self._process)
            self._process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
