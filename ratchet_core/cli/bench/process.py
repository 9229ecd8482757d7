"""What the bench has started: its descendants, their memory, and their end."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ratchet_core.worker.process import die_with

_STOP_TIMEOUT_S: Final = 15.0
_PROC: Final = Path("/proc")
_SIZE: Final = re.compile(r"^(Rss|Pss):\s+(\d+) kB", re.MULTILINE)
_KIB: Final = 1024
_ADDRESS: Final = re.compile(rb"serving http://([\d.]+):(\d+)")
_START_TIMEOUT_S: Final = 40.0


class dies_with_us:  # noqa: N801 - reads as what it does
    """Called in the child between fork and exec: it ends when the bench does (Linux)."""

    def __init__(self) -> None:
        self._parent = os.getpid()

    def __call__(self) -> None:
        """Ask the kernel for it."""
        die_with(self._parent)


@contextlib.contextmanager
def started(
    command: Sequence[str], *, log: Path, env: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that writes to a log; end it and all it has started at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - a command of ours
            command,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal is for the bench alone
            preexec_fn=dies_with_us(),  # noqa: PLW1509 - one system call, no locks
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end; kill what is left of it and of its descendants."""
    family = descendants(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
    if process.poll() is None:
        family |= descendants(process.pid)
        process.kill()
    process.wait()
    for pid, born in family.items():
        if _parents().get(pid, (0, ""))[1] == born:  # not a stranger that got the number since
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> dict[int, str]:
    """Return all living descendants of a process: pid to when it was born."""
    parents = _parents()
    children: defaultdict[int, list[int]] = defaultdict(list)
    for child, (parent, _) in parents.items():
        children[parent].append(child)
    found: dict[int, str] = {}
    todo = list(children[pid])
    while todo:
        child = todo.pop()
        found[child] = parents[child][1]
        todo += children[child]
    return found


def parent_of(pid: int) -> int | None:
    """Return the parent of a process; None when it is gone."""
    known = _parents().get(pid)
    return None if known is None else known[0]


def _parents() -> dict[int, tuple[int, str]]:
    """Return pid to (parent, when it was born) of every process."""
    if not _PROC.joinpath("self", "stat").exists():
        return _parents_by_ps()
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                text = (entry / "stat").read_text(encoding="ascii", errors="replace")
                fields = text.rpartition(")")[2].split()
                found[int(entry.name)] = (int(fields[1]), fields[19])
    return found


def _parents_by_ps() -> dict[int, tuple[int, str]]:
    command = [shutil.which("ps") or "/bin/ps", "-A", "-o", "pid=,ppid=,lstart="]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    rows = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
    return {int(row[0]): (int(row[1]), row[2]) for row in rows}


def memory(pid: int) -> tuple[int, int] | None:
    """Return bytes that a process holds: resident, and its share (PSS); None where untold.

    PSS counts a page that n processes share as a n-th of a page.
    """
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    sizes = {name: int(size) * _KIB for name, size in _SIZE.findall(text)}
    return (sizes["Rss"], sizes["Pss"]) if len(sizes) == 2 else None  # noqa: PLR2004 - both


def cpu_s(pid: int) -> float | None:
    """Return the seconds of processor time that a process has taken so far; None where untold."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port of loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_address(process: subprocess.Popen[bytes], log: Path, what: str) -> tuple[str, int]:
    """Wait for a server to write where it serves; return host and port.

    Raises:
        TimeoutError: it does not, or has ended.
    """

    def has_come_so_far() -> bool:
        return process.poll() is not None or _ADDRESS.search(log.read_bytes()) is not None

    wait_until(has_come_so_far, f"{what} to listen", _START_TIMEOUT_S)
    found = _ADDRESS.search(log.read_bytes())
    if found is None:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise TimeoutError(f"{what} ended with {process.returncode}: {' '.join(last)[:300]}")
    return found[1].decode(), int(found[2])


def wait_until(
    look: Callable[[], object], what: str, timeout_s: float, pause_s: float = 0.01
) -> None:
    """Look until there is something truthy.

    Args:
        look: called without arguments.
        what: is waited for, for the error.
        timeout_s: after that it has failed.
        pause_s: between two looks.

    Raises:
        TimeoutError: says what did not happen.
    """
    until = time.monotonic() + timeout_s
    while not look():
        if time.monotonic() >= until:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(pause_s)
