"""Processes and their signals, as far as workers need them: who dies with whom, who has ended.

Linux tells a child when its parent dies and a parent when a child does; elsewhere both look.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

#: pid, wait status, resources.
Ended = tuple[int, int, Any]

SHUTDOWN_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_PR_SET_PDEATHSIG: Final = 1
_LOOK_S: Final = 0.02
_IS_LINUX: Final = sys.platform.startswith("linux")


class Switch:
    """Takes SIGTERM from the moment of the fork and hands it on once there is a drain."""

    def __init__(self) -> None:
        self.is_asked = False
        self._hand_on: Callable[[], None] | None = None

    def take_signals(self) -> None:
        """Install the handlers; Ctrl-C is the parent's affair."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.ask())

    def ask(self) -> None:
        """Ask to end."""
        self.is_asked = True
        if self._hand_on is not None:
            self._hand_on()

    def connect(self, hand_on: Callable[[], None]) -> None:
        """Hand on what was asked already, and what will be."""
        self._hand_on = hand_on
        if self.is_asked:
            hand_on()


def die_with(parent_pid: int) -> None:
    """Get SIGTERM when the parent dies; where the system cannot tell, `is_orphan` is looked at."""
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent_pid:  # it died before we could ask
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Hold shutdown signals back, so that none meets a half-made child."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SHUTDOWN_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock_signals() -> None:
    """Let held back shutdown signals in."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SHUTDOWN_SIGNALS)


def wait_for_end(pid: int, timeout_s: float) -> Ended | None:
    """Wait for a child to end; None when it lives on after `timeout_s`."""
    ended = has_ended(pid)
    if ended is not None:
        return ended
    if _IS_LINUX:
        _await_descriptor(pid, timeout_s)
    else:
        _await_by_looking(pid, timeout_s)
    return has_ended(pid)


def has_ended(pid: int) -> Ended | None:
    """Return how a child has ended; None while it lives."""
    try:
        found, status, usage = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:  # somebody else has waited for it
        return pid, 0, None
    return (found, status, usage) if found == pid else None


def _await_descriptor(pid: int, timeout_s: float) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(timeout_s * 1000)
    finally:
        os.close(descriptor)


def _await_by_looking(pid: int, timeout_s: float) -> None:
    """Wait without reaping: the caller does that."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            return
        time.sleep(_LOOK_S)


def kill_group(pid: int) -> None:
    """Kill a child and what it started in its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def is_stopped(pid: int) -> bool:
    """Tell whether a process was stopped (SIGSTOP); False where that cannot be seen."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"T", "t"}


def holds_lock(pid: int, path: Path | None) -> bool:
    """Tell whether a process holds an exclusive lock on a file; False where it cannot be seen."""
    if path is None:
        return False
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    # number: FLOCK ADVISORY WRITE pid major:minor:inode start end; waiters have "->" after it
    return any(
        fields[1:2] == ["FLOCK"]
        and fields[3:5] == ["WRITE", str(pid)]
        and fields[5].rpartition(":")[2] == str(inode)
        for fields in map(str.split, lines)
    )


def resident_bytes() -> int:
    """Return how much memory this process holds; its peak where the present is not told."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return int(pages) * resource.getpagesize()


def describe(status: int) -> str:
    """Say in words how a process ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"was killed by {signal.Signals(number).name}"
        except ValueError:
            return f"was killed by signal {number}"
    return f"ended with exit code {os.waitstatus_to_exitcode(status)}"
