"""Keeps sandbox processes: starts the zygote, asks it for processes, hands them out warm.

A worker forks after `warm`: each process of it makes sandboxes of its own from the same zygote,
notices by its process id that what it inherited belongs to another, and leaves that alone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

from ratchet_core.sdk import RetryableError

_log = logging.getLogger(__name__)

#: A process is replaced after so many scripts: what an engine leaks has an end.
MAX_SCRIPTS: Final = 2000
#: Idle processes that are kept; more are in use when several threads run scripts at once.
MAX_IDLE: Final = 2

# The package's own __init__ would load the worker's side, so the zygote is told a bare one.
_BOOTSTRAP: Final = """
import sys, types
package = types.ModuleType("ratchet_javascript")
package.__path__ = [sys.argv[2]]
sys.modules["ratchet_javascript"] = package
from ratchet_javascript.sandbox.zygote import main
main(int(sys.argv[1]), sys.argv[3])
"""


class SandboxUnavailable(RetryableError):
    """No sandbox process could be started."""

    code = "SANDBOX_UNAVAILABLE"


class Sandbox:
    """One sandbox process, seen from the worker."""

    def __init__(self, line: socket.socket, lifeline_fd: int) -> None:
        self.line = line
        self.buffer = bytearray()  #: what was received and not yet read
        self.pid: int | None = None  #: known once it said hello
        self.scripts = 0  #: that it has run
        self._lifeline_fd = lifeline_fd

    def greet(self, pid: int, holds: Collection[str]) -> None:
        """Note what the process said about itself when it was ready.

        Args:
            pid: its process id.
            holds: what confines it, see `sandbox.confinement.confine`.
        """
        self.pid = pid
        if sys.platform == "linux" and "seccomp" not in holds:
            _log.warning("scripts run without a filter of system calls: the kernel refused it")

    @property
    def is_usable(self) -> bool:
        """True if it may run one more script: it has not died and is not worn out."""
        if self.scripts >= MAX_SCRIPTS:
            return False
        poll = select.poll()
        poll.register(self.line, 0)
        return not poll.poll(0)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        with contextlib.suppress(OSError):
            os.write(self._lifeline_fd, b"x")
        if sys.platform != "linux" and self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.forget()

    def forget(self) -> None:
        """Close this process's ends; the process ends if nobody else holds them."""
        self.line.close()
        os.close(self._lifeline_fd)


class Pool:
    """Sandbox processes of the current process; safe to use from several threads."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[Sandbox] = []
        self._control: socket.socket | None = None

    def warm(self) -> None:
        """Start the zygote, so that processes forked from this one share it."""
        with self._own():
            if self._control is None:
                self._control = _start_zygote()

    def acquire(self) -> Sandbox:
        """Return a process that waits for a request, or is about to.

        Raises:
            SandboxUnavailable: none could be started.
        """
        with self._own():
            while self._idle:
                sandbox = self._idle.pop()
                if sandbox.is_usable:
                    return sandbox
                sandbox.kill()
            return self._start()

    def release(self, sandbox: Sandbox) -> None:
        """Take back a process that waits for the next request."""
        with self._own():
            if len(self._idle) < MAX_IDLE and sandbox.is_usable:
                self._idle.append(sandbox)
                return
        self.discard(sandbox)

    def discard(self, sandbox: Sandbox) -> None:
        """End a process and have its successor started, so that the next script finds it warm."""
        sandbox.kill()
        with self._own(), contextlib.suppress(SandboxUnavailable):
            if not self._idle and self._control is not None:
                self._idle.append(self._start())

    def renew(self) -> None:
        """Start over with a new zygote."""
        self.close()
        self.warm()

    def close(self) -> None:
        """End the idle processes, and the zygote unless another process uses it."""
        with self._own():
            for sandbox in self._idle:
                sandbox.kill()
            self._idle.clear()
            if self._control is not None:
                self._control.close()
                self._control = None

    def _own(self) -> threading.Lock:
        """Return the lock, having let go of what belongs to the process that forked this one."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            for sandbox in self._idle:
                sandbox.forget()
            self._idle = []
            self._pid = os.getpid()
        return self._lock

    def _start(self) -> Sandbox:
        if self._control is None:
            self._control = _start_zygote()
        try:
            return _ask(self._control)
        except OSError:  # the zygote is gone
            self._control.close()
            self._control = _start_zygote()
        try:
            return _ask(self._control)
        except OSError as error:
            raise SandboxUnavailable(f"no sandbox process for scripts: {error}") from error


def _ask(control: socket.socket) -> Sandbox:
    """Have the zygote fork a process."""
    ours, theirs = socket.socketpair()
    lifeline_read, lifeline_write = os.pipe()
    try:
        socket.send_fds(control, [b"+"], [theirs.fileno(), lifeline_read])
    except OSError:
        ours.close()
        os.close(lifeline_write)
        raise
    finally:
        theirs.close()
        os.close(lifeline_read)
    return Sandbox(ours, lifeline_write)


def _start_zygote() -> socket.socket:
    engine = importlib.util.find_spec("_quickjs")
    if engine is None or engine.origin is None:
        raise SandboxUnavailable("the package quickjs-ng is not installed")
    ours, theirs = socket.socketpair()
    with theirs:
        command = [
            *(sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOTSTRAP),
            *(str(theirs.fileno()), str(Path(__file__).parent), engine.origin),
        ]
        try:
            done = subprocess.run(  # noqa: S603  # our own interpreter and code
                command,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            ours.close()
            raise SandboxUnavailable(f"no sandbox process for scripts: {error}") from error
    if done.returncode != 0:
        ours.close()
        raise SandboxUnavailable(
            f"the sandbox for scripts did not start: {sys.executable} ended with {done.returncode}"
        )
    return ours
