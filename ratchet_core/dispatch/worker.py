"""The RQ worker that hosts drains: `rq worker -w ratchet_core.dispatch.Worker ratchet:default`.

RQ forks the work-horse and shows the worker to its tools; whatever belongs to the drain and to
the steps it held is done by a `Keeper`, which is loaded by its dotted path when nobody hands one
over. Errors of Redis end neither the worker nor the horse.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Final, Protocol, cast

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq import Worker as RqWorker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker_registration import register

from ratchet_core.dispatch.connection import once_more
from ratchet_core.dispatch.hosts import offer_where_missing
from ratchet_core.dispatch.names import DRAIN_PATH, own_names, rq_name

#: Makes the keeper of a worker that was started by RQ's command line.
KEEPER_PATH: Final = "ratchet_core.worker.host:keeper_from_environment"

#: An idle worker looks this often whether a drain job is there for it.
_IDLE_LOOK_S: Final = 1
#: RQ counts a worker as gone this long after it last told of itself; seconds.
_WORKER_TTL_S: Final = 30
_MONITORING_S: Final = 5
_MAINTENANCE_S: Final = 60
_WITHOUT_REDIS_PAUSE_S: Final = 0.5
#: Redis has to answer within this; seconds. The parent of a horse must be able to act.
_ANSWER_S: Final = _IDLE_LOOK_S + 1
#: A Redis that did not answer is told nothing of a running horse for so long.
_QUIET_S: Final = 5.0
_SHUTDOWN_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Ended = tuple[int, int, Any]
Penalty = type[BaseDeathPenalty]

_log = logging.getLogger(__name__)


class Keeper(Protocol):
    """What a worker needs to host drains; `worker.keeper` has it."""

    def before_fork(self) -> None:
        """Prepare the mark, and leave nothing open that a child must not share."""
        ...

    def in_horse(self) -> None:
        """In the forked work-horse, with shutdown signals blocked: take them over."""
        ...

    def drain(self) -> None:
        """In the work-horse: run a drain until there is a reason to end."""
        ...

    def watch(self, pid: int, timeout_s: float) -> Ended | None:
        """Wait for the horse's end, kill it at a step's deadline, release what it held.

        Returns:
            pid, status and resources once it has ended; None after `timeout_s`.
        """
        ...

    def rest(self) -> None:
        """Without a horse: finish what a database that was away has left undone."""
        ...


class DrainJob(Job):
    """A job that hosts a drain, and refuses to run anything else."""

    host: Callable[[], None] | None = None  #: runs the drain, once in the work-horse

    @property
    def func(self) -> Callable[..., Any]:
        """The host's drain, whatever the job's arguments say."""
        if self.func_name != DRAIN_PATH:
            message = f"'{self.func_name}' is no drain: Ratchet's queues hold nothing else"
            raise ValueError(message)
        if self.host is None:
            message = "a drain runs in the work-horse of ratchet_core.dispatch.Worker only"
            raise ValueError(message)
        host = self.host
        return lambda **_ignored: host()


class NoDeathPenalty(BaseDeathPenalty):  # type: ignore[misc,unused-ignore]
    """No alarm signals: drains have no time limit, and steps have theirs watched by the parent."""

    def setup_death_penalty(self) -> None:
        """Do nothing."""

    def cancel_death_penalty(self) -> None:
        """Do nothing."""


class Worker(RqWorker):
    """Hosts one drain at a time in a forked work-horse.

    Args:
        queues: RQ queues, all named `ratchet:…`.
        keeper: looks after the drain; loaded from KEEPER_PATH by default.
        ends_without_redis: end instead of waiting when there is no horse and Redis is away.
        options: as RQ's worker takes them; serializer, classes and intervals are ours.
    """

    job_class = DrainJob
    death_penalty_class: Penalty = NoDeathPenalty

    def __init__(
        self,
        queues: Any,
        name: str | None = None,
        *args: Any,
        keeper: Keeper | None = None,
        ends_without_redis: bool = False,
        **options: Any,
    ) -> None:
        options |= {
            "serializer": JSONSerializer,
            "job_class": DrainJob,
            "queue_class": Queue,
            "worker_ttl": _WORKER_TTL_S,
            "default_worker_ttl": None,
            "job_monitoring_interval": _MONITORING_S,
            "maintenance_interval": _MAINTENANCE_S,
        }
        names = _names_of(queues)
        self.drain_queues = own_names(names)
        super().__init__(names, name, *args, **options)
        self._keeper = keeper
        self._ends_without_redis = ends_without_redis
        self._hosted: tuple[Job, Execution] | None = None
        self._quiet_until = 0.0

    @property
    def connection_timeout(self) -> int:
        """How long an answer of Redis may take, where the connection does not say."""
        return _ANSWER_S

    def _set_connection(self, connection: Redis) -> Redis:
        connection.set_retry(once_more())
        return super()._set_connection(connection)

    @property
    def keeper(self) -> Keeper:
        """What looks after the drain."""
        if self._keeper is None:
            module, _, attribute = KEEPER_PATH.partition(":")
            make = getattr(importlib.import_module(module), attribute)
            self._keeper = cast("Keeper", make(self.drain_queues, self.name))
        return self._keeper

    # ── idle ────────────────────────────────────────────────────────────────────────────────────

    def work(self, *args: Any, **options: Any) -> bool:
        """Host drains until asked to end; the keeper is warm before the first fork."""
        self.keeper.rest()
        return bool(super().work(*args, **options))

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a drain job, and enqueue one where none waits."""
        if timeout is None:  # burst: only what is there
            return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        until = None if max_idle_time is None else time.monotonic() + max_idle_time
        while until is None or time.monotonic() < until:
            self.keeper.rest()
            try:
                offer_where_missing(self.connection, self.drain_queues)
                found = super().dequeue_job_and_maintain_ttl(timeout, _IDLE_LOOK_S)
                self._register_again()
            except (RedisError, OSError) as error:
                self._without_redis(error)
                continue
            if found is not None:
                return found
        return None

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ's signature
        """Wait while `rq suspend` holds."""
        self._tolerate(lambda: super(Worker, self).check_for_suspension(burst))

    def run_maintenance_tasks(self) -> None:
        """Let RQ clean its registries."""
        self._tolerate(super().run_maintenance_tasks)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell RQ's tools that the worker lives."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        else:
            self._tolerate(lambda: super(Worker, self).heartbeat(timeout))

    def teardown(self) -> None:
        """Take the worker off RQ's lists."""
        self._tolerate(super().teardown)

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Tell RQ's tools what the worker does."""
        if pipeline is not None:
            super().set_state(state, pipeline)
        else:
            self._tolerate(lambda: super(Worker, self).set_state(state))

    def _register_again(self) -> None:
        """Show up again on RQ's lists after Redis came back empty."""
        if self.connection.sismember(self.redis_workers_keys, self.key):
            return
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping={**self.serialize(), "state": self.get_state()})
            pipeline.expire(self.key, self.worker_ttl + 60)
            register(self, pipeline)
            pipeline.execute()

    def _without_redis(self, error: Exception) -> None:
        if self._ends_without_redis:
            raise StopRequested from error
        time.sleep(_WITHOUT_REDIS_PAUSE_S)

    def _tolerate(self, work: Callable[[], Any]) -> bool:
        """Do what RQ does in Redis; an error there ends nothing. Tell whether there was none."""
        try:
            work()
        except (RedisError, OSError) as error:
            _log.debug("worker %s: Redis does not answer: %s", self.name, error)
            return False
        return True

    # ── the work-horse ──────────────────────────────────────────────────────────────────────────

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Host one drain."""
        try:
            super().execute_job(job, queue)
        except (RedisError, OSError) as error:
            _log.warning("worker %s: Redis failed around a drain: %s", self.name, error)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork with shutdown signals blocked, so that none meets a half-made child."""
        self.keeper.before_fork()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SHUTDOWN_SIGNALS)
        try:
            super().fork_work_horse(job, queue)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SHUTDOWN_SIGNALS)

    def setup_work_horse_signals(self) -> None:
        """Let the drain take the signals over; the first thing that the child does."""
        self.keeper.in_horse()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SHUTDOWN_SIGNALS)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """In the work-horse: run the drain with what the parent has prepared."""
        if isinstance(job, DrainJob):
            job.host = self.keeper.drain
        return bool(super().perform_job(job, queue, execution))

    def monitor_work_horse(self, job: Job, queue: Queue, execution: Execution) -> None:
        """Watch the horse to its end, with or without Redis."""
        self._hosted = (job, execution)
        try:
            super().monitor_work_horse(job, queue, execution)
        finally:
            self._hosted = None
            self._horse_pid = 0

    def wait_for_horse(self) -> Any:
        """Wait until the horse has ended and what it held is released, before Redis is asked."""
        while True:
            ended = self.keeper.watch(self.horse_pid, float(self.job_monitoring_interval))
            if ended is not None:
                return ended
            self._tell_of_host()

    def _tell_of_host(self) -> None:
        """Keep worker and job visible in RQ's tools while the horse runs."""
        if self._hosted is None or time.monotonic() < self._quiet_until:
            return
        job, execution = self._hosted

        def tell() -> None:
            self.maintain_heartbeats(job, execution)
            self._register_again()

        if not self._tolerate(tell):
            self._quiet_until = time.monotonic() + _QUIET_S

    # ── shutting down ───────────────────────────────────────────────────────────────────────────

    def handle_warm_shutdown_request(self) -> None:
        """Forward the signal: the drain gives back what did not start and returns."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        if self.horse_pid:
            self._signal_horse(signal.SIGTERM)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End warm; a second signal, at least a second later, ends cold."""
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            self._stop_requested = True

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """End cold; further signals must not interrupt the release of what the horse held."""
        requested = self._shutdown_requested_date
        if requested is not None and (now() - requested).total_seconds() >= 1.0:
            for number in _SHUTDOWN_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        super().request_force_stop(signum, frame)

    def set_shutdown_requested_date(self) -> None:
        """Tell RQ's tools that the worker is about to end."""
        self._tolerate(super().set_shutdown_requested_date)

    def _signal_horse(self, number: signal.Signals) -> None:
        try:
            os.kill(self.horse_pid, number)
        except ProcessLookupError:
            _log.debug("worker %s: the horse has ended already", self.name)


def _names_of(queues: Any) -> list[str]:
    """Return names: RQ's command line hands over queues made with its own serializer."""
    given: Sequence[Any] = [queues] if isinstance(queues, str | Queue) else list(queues)
    return [item.name if isinstance(item, Queue) else str(item) for item in given]


def run_worker(
    url: str, queues: Sequence[str], name: str, keeper: Keeper, *, logging_level: str
) -> None:
    """Run a worker in this process until it is asked to end or Redis is gone.

    Args:
        url: of the Redis that RQ uses.
        queues: ours, the most important first.
        name: shown by `rq info`.
        keeper: looks after the drain.
        logging_level: of RQ's own lines.
    """
    try:
        client = Redis.from_url(url)
        names = [rq_name(queue) for queue in queues]
        worker = Worker(names, name, connection=client, keeper=keeper, ends_without_redis=True)
        worker.work(logging_level=logging_level)
    except (RedisError, OSError) as error:
        _log.info("worker %s: Redis does not answer: %s", name, error)
