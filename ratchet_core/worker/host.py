"""Running a drain in this process with the parts of a runtime, whoever hosts it.

`drain` is what RQ's drain jobs name; under a stock `rq worker` it builds everything itself and
has no parent that watches it, so a lease has to run out before others take over.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ratchet_core.config import load_settings
from ratchet_core.dispatch.hosts import HostRequest, Hosts
from ratchet_core.engine.attempt_log import captured_logging, limits_of
from ratchet_core.engine.encode import Limits
from ratchet_core.engine.execute import Executor
from ratchet_core.engine.work import DrainInfo
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.worker.drain import Drain, DrainOptions, Ending
from ratchet_core.worker.keeper import HorseKeeper
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.process import Switch, resident_bytes
from ratchet_core.worker.watch import WatchOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Who hosts a drain, and what else may end it."""

    worker: str  #: name of the worker
    queues: tuple[str, ...]  #: ours, the most important first
    burst: bool = False  #: end when nothing is ready
    look_s: float = 1.0  #: how often the drain looks for a reason to end
    rq_worker: str | None = None  #: name in RQ of the worker whose horse this is
    is_done: Callable[[], bool] = field(default=lambda: False)  #: another reason to end
    is_replaced: bool = True  #: another process goes on where this one ends for its age or size


def worker_name(suffix: str) -> str:
    """Return a name for a worker of this process: host, pid and a suffix."""
    return f"{socket.gethostname()}.{os.getpid()}.{suffix}"


def make_drain(runtime: Ratchet, host: Host, mark: Mark) -> Drain:
    """Build a drain for this process; opens nothing yet."""
    settings = runtime.settings
    limits = Limits(settings.limits.max_result_bytes, settings.limits.max_json_depth)
    executor = Executor(
        runtime.handlers,
        runtime.self_access.client,
        settings.execution.max_execution_duration_s,
        limits=limits,
        log_limits=limits_of(settings.logs),
        calls=runtime.hooks.calls,
        secrets_for=runtime.webhooks.secrets_for,
        tracing=runtime.tracing,
    )
    info = DrainInfo(
        id=new_id(),
        host=socket.gethostname(),
        pid=os.getpid(),
        worker=host.worker,
        queues=host.queues,
        handlers=tuple(runtime.handlers.names()),
    )
    options = DrainOptions(
        lease_s=settings.worker.lease_s,
        heartbeat_s=settings.worker.heartbeat_s,
        grace_s=settings.execution.timeout_grace_period_s,
        max_batch=settings.worker.max_claim_batch,
        burst=host.burst,
        look_s=host.look_s,
    )
    return Drain(
        info,
        runtime.engine,
        executor,
        runtime.doorbell,
        mark=mark,
        new_id=new_id,
        options=options,
        ends_when=_ReasonsToEnd(runtime, host),
    )


def watch_options(runtime: Ratchet) -> WatchOptions:
    """Return the times that a parent of work-horses goes by."""
    settings = runtime.settings
    path = runtime.database.path
    return WatchOptions(
        grace_s=settings.execution.timeout_grace_period_s,
        lease_s=settings.worker.lease_s,
        heartbeat_s=settings.worker.heartbeat_s,
        lock_path=None if path is None else path.with_name(path.name + ".lock"),
    )


class _ReasonsToEnd:
    """What a drain asks about once a second."""

    def __init__(self, runtime: Ratchet, host: Host) -> None:
        self._settings = runtime.settings.worker
        self._hosts = Hosts(runtime.redis)
        self._host = host
        self._parent_pid = os.getppid()
        self._started = time.monotonic()

    def __call__(self, steps: int) -> Ending | None:
        if os.getppid() != self._parent_pid or self._host.is_done():
            return Ending.ASKED
        if self._host.rq_worker is not None:
            asked = self._hosts.request_for(self._host.rq_worker)
            if asked is not None:
                return Ending.SUSPENDED if asked is HostRequest.SUSPEND else Ending.ASKED
        return Ending.RECYCLED if self._is_worn(steps) else None

    def _is_worn(self, steps: int) -> bool:
        if steps == 0:  # a limit that is too low must not keep everything from being done
            return False
        if not self._host.is_replaced:
            return False
        limits = self._settings
        return (
            0 < limits.recycle_after_steps <= steps
            or 0 < limits.recycle_after_s <= time.monotonic() - self._started
            or 0 < limits.recycle_above_bytes <= resident_bytes()
        )


def run_here(runtime: Ratchet, host: Host, mark: Mark, switch: Switch) -> Ending:
    """Run a drain in this process until there is a reason to end, such as the switch."""
    drain = make_drain(runtime, host, mark)
    switch.connect(drain.ask_to_end)
    runtime.plugins.watch("worker", new_id())
    try:
        with captured_logging():
            return drain.run()
    finally:
        runtime.plugins.unwatch()
        runtime.tracing.flush()


def environment_runtime() -> Ratchet:
    """Build the runtime from the configuration file and the environment."""
    loaded = load_settings(None, os.environ)
    return Ratchet(loaded.settings, os.environ)


def keeper_from_environment(queues: Sequence[str], name: str) -> HorseKeeper:
    """Make the keeper of a worker that RQ's command line has started."""
    runtime = environment_runtime()
    runtime.check_schema()
    runtime.warm()
    host = Host(worker=name, queues=tuple(queues), rq_worker=name)
    return HorseKeeper(
        runtime,
        watch_options(runtime),
        lambda mark, switch: run_here(runtime, host, mark, switch),
    )


def drain(queues: Sequence[str]) -> None:
    """Run a drain as a job of a stock `rq worker -S rq.serializers.JSONSerializer`.

    Args:
        queues: ours, the most important first.
    """
    runtime = environment_runtime()
    name = os.environ.get("RQ_WORKER_ID")
    host = Host(worker=name or worker_name("rq"), queues=tuple(queues), rq_worker=name)
    switch = Switch()
    switch.take_signals()
    try:
        run_here(runtime, host, Mark(), switch)
    finally:
        runtime.close()
