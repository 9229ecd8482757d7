"""Submitters that keep a rate, whatever becomes of their submits: processes of the bench.

Each submit has its time, set beforehand; how long it took is counted from then, so that one who
falls behind shows it. `python -m ratchet_core.cli.bench.submitting` is one of the processes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import orjson

from ratchet_core.cli.bench.site import RunsFailed, Site, request_for
from ratchet_core.cli.bench.workload import NOOP
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet

#: Submits a second, of all together.
RATE: Final = 500
_PROCESSES: Final = 2
#: Submits that one process may have on the way at a time.
_THREADS: Final = 8
#: From the word to begin to the first submit.
_AHEAD_S: Final = 0.2


@dataclass(slots=True)
class Submitted:
    """What submitters have done."""

    took_ms: list[float] = field(default_factory=list)  #: of each submit, from its time on
    seconds: float = 0.0  #: from the first to the last

    @property
    def rate(self) -> float:
        """Submits a second."""
        return len(self.took_ms) / self.seconds if self.seconds else 0.0


@contextlib.contextmanager
def submitters(site: Site) -> Iterator[Submitted]:
    """Submit at RATE during the block; what is given is filled at its end.

    Raises:
        RunsFailed: a submitter failed.
    """
    command = [sys.executable, "-m", "ratchet_core.cli.bench.submitting"]
    done = Submitted()
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own Python
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=site.environ,
                    cwd=site.folder,
                )
            )
            for _ in range(_PROCESSES)
        ]
        for process in processes:
            stack.callback(process.kill)
        for process in processes:
            _answer(process)  # it is ready
        began = time.monotonic() + _AHEAD_S
        for number, process in enumerate(processes):
            _say(process, f"{began + number / RATE} {_PROCESSES / RATE}\n")
        yield done
        for process in processes:
            _say(process, "end\n")
        for process in processes:
            done.took_ms += orjson.loads(_answer(process))
        done.seconds = time.monotonic() - began


def _say(process: subprocess.Popen[bytes], line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(line.encode())
        process.stdin.flush()


def _answer(process: subprocess.Popen[bytes]) -> bytes:
    line = process.stdout.readline() if process.stdout is not None else b""
    if not line:
        raise RunsFailed("a submitter ended before its time")
    return line


def _main() -> None:
    """Submit from the time that standard input says until it says another word."""
    runtime = Ratchet(load_settings(None, os.environ).settings, os.environ)
    submit = runtime.engine.submit
    took_ms: list[float] = []
    asked = threading.Event()
    turns = itertools.count()  # its steps are atomic

    def work(began: float, spacing_s: float) -> None:
        while not asked.is_set():
            due = began + next(turns) * spacing_s
            if asked.wait(max(0.0, due - time.monotonic())):
                return
            submit(request_for(NOOP))
            took_ms.append((time.monotonic() - due) * 1e3)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda _: submit(request_for(NOOP)), range(_THREADS)))  # connections
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        began, spacing_s = map(float, sys.stdin.readline().split())
        working = [pool.submit(work, began, spacing_s) for _ in range(_THREADS)]
        sys.stdin.readline()
        asked.set()
        for item in working:
            item.result()
    runtime.close()
    sys.stdout.write(orjson.dumps(took_ms).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
