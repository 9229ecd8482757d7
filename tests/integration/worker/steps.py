"""Step handlers that play every behaviour a worker meets; each writes a line to a ledger.

The ledger is a file outside of Ratchet, named in the run's input: what really happened stands
there, whatever the database says.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

from ratchet_core.sdk import StepContext, step_handler

#: Takes longer than any test may, without letting another thread run.
HOLDS_THE_INTERPRETER = re.compile("(a+)+b")


def _note(context: StepContext, word: str) -> None:
    line = f"{word} {context.run.id} {context.step.name} {context.attempt} {os.getpid()}\n"
    descriptor = os.open(context.input["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@step_handler
def quick(context: StepContext) -> dict[str, Any]:
    _note(context, "ran")
    return {"attempt": context.attempt}


@step_handler
def poison(context: StepContext) -> None:
    """Kill the work-horse, as a segmentation fault or the out-of-memory killer would."""
    _note(context, "poisoned")
    os.kill(os.getpid(), signal.SIGKILL)


@step_handler
def poisoned_once(context: StepContext) -> str:
    if context.attempt == 1:
        poison(context)
    return "recovered"


@step_handler
def holds_the_interpreter(context: StepContext) -> None:
    """Run in C for ever: neither signals nor other threads of this process run meanwhile."""
    _note(context, "holding")
    HOLDS_THE_INTERPRETER.match("a" * 64)


@step_handler
def waits_for_release(context: StepContext) -> str:
    """Run until the file named `release` is there; ends early when the run is cancelled."""
    _note(context, "waiting")
    while not Path(context.input["release"]).exists():
        context.heartbeat()
        context.stop.wait(0.01)
    _note(context, "released")
    return "released"


@step_handler
def ignores_cancel(context: StepContext) -> None:
    """Run on whatever is asked."""
    _note(context, "ignoring")
    while True:
        _burn(0.01)


@step_handler
def blocks_in_c(context: StepContext) -> str:
    """Hold the interpreter for a given time, longer than the lease."""
    _note(context, "blocking")
    ctypes.PyDLL(None).usleep(int(context.input["block_s"] * 1_000_000))
    _note(context, "unblocked")
    return "unblocked"


@step_handler
def stops_with_the_lock(context: StepContext) -> str:
    """Take SQLite's write lock as a transaction does, and be stopped in the middle of it."""
    if context.attempt > 1:
        return "recovered"
    descriptor = os.open(context.input["lock"], os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _note(context, "locked")
    os.kill(os.getpid(), signal.SIGSTOP)
    return "went on"


@step_handler
def tells_progress(context: StepContext) -> str:
    context.progress(0.5, "half way")
    while not Path(context.input["release"]).exists():
        context.stop.wait(0.01)
    return "told"


def _burn(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
