"""The entry of the scheduler process: signals, and the loop until one comes."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading

from ratchet_core.dispatch.alarm import Alarm
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.runtime.retention import prune_all
from ratchet_core.scheduler.loop import Loop
from ratchet_core.scheduler.retention import Retainer


def run_scheduler(runtime: Ratchet) -> int:
    """Fire schedules until SIGTERM or SIGINT; return the exit code.

    Args:
        runtime: of this process; called in the main thread.
    """
    runtime.check_schema()
    asked = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda _number, _frame: asked.set()) for number in numbers]
    alarm = Alarm(runtime.redis)
    runtime.plugins.watch("scheduler", new_id())
    try:
        with _retention(runtime):
            Loop(runtime.engine, alarm, wait=asked.wait).run(asked.is_set)
    finally:
        alarm.leave()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    return 0


def _retention(runtime: Ratchet) -> contextlib.AbstractContextManager[None]:
    """Return what deletes old runs beside the loop; nothing where it is switched off."""
    retention = runtime.settings.retention
    if not retention.enabled:
        return contextlib.nullcontext()
    return Retainer(functools.partial(prune_all, runtime, retention), retention.interval_s)
