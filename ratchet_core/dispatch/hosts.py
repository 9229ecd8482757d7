"""Hosts for drains: puts drain jobs where RQ workers idle, and hears what RQ asks of a host.

Only workers and jobs on `ratchet:` queues are looked at. RQ's registries, retries and results
decide nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.suspension import WORKERS_SUSPENDED
from rq.worker import BaseWorker
from rq.worker_registration import REDIS_WORKER_KEYS

from ratchet_core.dispatch.connection import RedisConnection
from ratchet_core.dispatch.names import DRAIN_PATH, FAILURE_TTL_S, PREFIX, rq_name

_IDLE: Final = frozenset({b"idle", b"started"})


class HostRequest(StrEnum):
    """What RQ asks of the host of a drain."""

    SUSPEND = "suspend"  #: `rq suspend`: make room until `rq resume`
    SHUT_DOWN = "shut down"  #: the worker was asked to end


def offer_drain(client: Redis, queues: Sequence[str]) -> None:
    """Enqueue one drain job, for whichever worker of the first queue takes it.

    Args:
        client: of the Redis that RQ uses.
        queues: ours that the drain is to serve, the most important first.
    """
    Queue(rq_name(queues[0]), connection=client, serializer=JSONSerializer).enqueue_call(
        DRAIN_PATH,
        kwargs={"queues": list(queues)},
        timeout=-1,
        result_ttl=0,
        failure_ttl=FAILURE_TTL_S,
        description=f"Ratchet drain of {', '.join(queues)}",
    )


def offer_where_missing(client: Redis, queues: Sequence[str]) -> bool:
    """Enqueue a drain job unless one waits on the first queue; tell whether it was needed."""
    if client.llen(Queue.redis_queue_namespace_prefix + rq_name(queues[0])):
        return False
    offer_drain(client, queues)
    return True


class Hosts:
    """The RQ workers that can host drains."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def top_up(self) -> int:
        """Enqueue a drain job for every idle worker that none waits for; return how many."""
        return self._connection.ask(_top_up, 0)

    def request_for(self, worker_name: str) -> HostRequest | None:
        """Return what RQ asks of the worker of that name; None also without Redis."""

        def look(client: Redis) -> HostRequest | None:
            with client.pipeline(transaction=False) as pipeline:
                pipeline.exists(WORKERS_SUSPENDED)
                pipeline.hget(_worker_key(worker_name), "shutdown_requested_date")
                suspended, shutting_down = pipeline.execute()
            if shutting_down:
                return HostRequest.SHUT_DOWN
            return HostRequest.SUSPEND if suspended else None

        return self._connection.ask(look, None)

    def is_suspended(self) -> bool:
        """Tell whether `rq suspend` holds."""
        return self._connection.ask(lambda client: bool(client.exists(WORKERS_SUSPENDED)), False)  # noqa: FBT003


def _worker_key(name: str) -> str:
    return BaseWorker.redis_worker_namespace_prefix + name


def _top_up(client: Redis) -> int:
    idle = _idle_workers(client)
    offered = 0
    for queues, workers in idle.items():
        first = Queue.redis_queue_namespace_prefix + PREFIX + queues[0]
        missing = workers - int(client.llen(first))
        for _ in range(missing):
            offer_drain(client, queues)
            offered += 1
    return offered


def _idle_workers(client: Redis) -> Counter[tuple[str, ...]]:
    """Count the idle workers by the queues of ours that they serve."""
    keys = sorted(client.smembers(REDIS_WORKER_KEYS))
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, "state", "queues")
        answers = pipeline.execute() if keys else []
    idle: Counter[tuple[str, ...]] = Counter()
    for state, names in answers:
        queues = tuple(
            name.removeprefix(PREFIX)
            for name in (names or b"").decode().split(",")
            if name.startswith(PREFIX)
        )
        if state in _IDLE and queues:
            idle[queues] += 1
    return idle
