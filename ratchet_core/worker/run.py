"""The entries of the command line: `ratchet worker`, and runs in this very process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Final

from ratchet_core.dispatch.hosts import Hosts
from ratchet_core.dispatch.notices import ENDS
from ratchet_core.dispatch.worker import run_worker as run_rq_worker
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.outputs import secret_of
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.runtime.subscriptions import has_listeners, listeners
from ratchet_core.worker.deliverer import Deliverer
from ratchet_core.worker.drain import Ending
from ratchet_core.worker.host import Host, run_here, watch_options, worker_name
from ratchet_core.worker.keeper import HorseKeeper
from ratchet_core.worker.maintenance import Maintenance
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.parcel import Sender
from ratchet_core.worker.process import Switch
from ratchet_core.worker.publisher import Publisher
from ratchet_core.worker.supervisor import Roles, Supervisor

#: A run in this process is looked at this often whether it has ended.
_INLINE_LOOK_S: Final = 0.02


def run_worker(
    runtime: Ratchet, *, slots: int, burst: bool = False, queues: Sequence[str] | None = None
) -> int:
    """Run worker processes until SIGTERM or SIGINT; return the exit code.

    Args:
        runtime: not used by any other thread, because it is carried through forks.
        slots: number of worker processes.
        burst: end when nothing is ready.
        queues: ours, the most important first; the configured ones by default.
    """
    served = tuple(queues or runtime.settings.worker.queues)
    runtime.check_schema()
    runtime.check_destinations()
    runtime.warm()
    roles = _roles(runtime, served, burst)
    options = watch_options(runtime)
    return Supervisor(runtime, roles, options, slots=slots, burst=burst).run()


def _roles(runtime: Ratchet, queues: tuple[str, ...], burst: bool) -> Roles:  # noqa: FBT001
    def own(number: int, mark: Mark, switch: Switch) -> int:
        host = Host(worker=worker_name(str(number)), queues=queues, burst=burst)
        run_here(runtime, host, mark, switch)
        return 0

    def hosted(number: int) -> int:
        name = worker_name(str(number))
        host = Host(worker=name, queues=queues, rq_worker=name)
        keeper = HorseKeeper(
            runtime,
            watch_options(runtime),
            lambda mark, switch: run_here(runtime, host, mark, switch),
        )
        url = runtime.redis.url
        if url is None:
            return 0
        run_rq_worker(url, queues, name, keeper, logging_level="WARNING")
        return 0

    def care(switch: Switch) -> int:
        Maintenance(
            runtime.engine,
            runtime.doorbell,
            Hosts(runtime.redis),
            queues=queues,
            lease_s=runtime.settings.worker.lease_s,
            checkpoint=runtime.database.checkpoint_if_over,
            seal=runtime.audit.seal,
        ).run(lambda: switch.is_asked)
        return 0

    def deliver(switch: Switch) -> int:
        deliverer_of(runtime, lambda: switch.is_asked).run()
        return 0

    def publish(switch: Switch) -> int:
        told = listeners(runtime.hooks, runtime.settings.events.subscriptions)
        process = new_id()
        runtime.plugins.watch("events", process)
        Publisher(runtime.database, runtime.reads, told, process).run(lambda: switch.is_asked)
        runtime.plugins.unwatch()
        return 0

    wanted = has_listeners(runtime.hooks, runtime.settings.events.subscriptions)
    return Roles(
        own=own,
        hosted=hosted,
        care=care,
        deliver=deliver,
        redis_answers=runtime.redis.ping,
        publish=publish if wanted else None,
    )


def deliverer_of(runtime: Ratchet, is_asked: Callable[[], bool]) -> Deliverer:
    """Make the deliverer of a host.

    Args:
        runtime: of this process.
        is_asked: whether to end.
    """
    settings = runtime.settings
    rules = runtime.core.destinations
    sender = Sender(
        runtime.destination_kinds,
        rules.policy,
        rules.timeout_s,
        lambda destination: secret_of(settings, destination),
        environment=settings.environment,
        environ=runtime.environ,
    )
    return Deliverer(
        runtime.engine.deliveries,
        sender,
        runtime.destination_kinds,
        slots=settings.output.max_concurrent_deliveries,
        notices=runtime.notices.listener(ENDS),
        is_asked=is_asked,
    )


def run_inline(
    runtime: Ratchet,
    run_id: str,
    *,
    queues: Sequence[str] | None = None,
    is_done: Callable[[], bool] | None = None,
) -> Ending:
    """Drain in this process until a run has come to its end.

    Nothing watches the process: a step that never returns ends with the process only.

    Args:
        runtime: of this process.
        run_id: of the run that is waited for; other ready steps of its queues run too.
        queues: ours; the configured ones by default.
        is_done: another reason to end, asked about once a second and between batches.
    """
    served = tuple(queues or runtime.settings.worker.queues)

    def has_ended() -> bool:
        ended = runtime.reads.run_state(run_id) in RUN_TERMINAL
        return ended or (is_done is not None and is_done())

    host = Host(
        worker=worker_name("inline"),
        queues=served,
        look_s=_INLINE_LOOK_S,
        is_done=has_ended,
        is_replaced=False,
    )
    switch = Switch()
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    switch.take_signals()
    signal.signal(signal.SIGINT, lambda _number, _frame: switch.ask())
    try:
        return run_here(runtime, host, Mark(), switch)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
