"""Outputs to Redis: as jobs of an RQ queue, or as entries of a stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    option_check,
    template_problems,
)
from ratchet_redis import options as check

_SHARED: Final[Mapping[str, option_check.Check]] = {
    "url": check.url,
    "retry_policy": option_check.anything,
    "secret": option_check.text,
}
_RQ: Final[Mapping[str, option_check.Check]] = {
    **_SHARED,
    "queue": option_check.text,
    "function": option_check.text,
    "job_timeout": option_check.integer(1, 604_800),
    "result_ttl": option_check.integer(0, 31_536_000),
}
_STREAM: Final[Mapping[str, option_check.Check]] = {
    **_SHARED,
    "stream": option_check.text,
    "max_length": option_check.integer(1, 10**12),
}
#: For how long the id of a delivery is remembered, so that no stream gets it twice, in seconds.
_REMEMBERED_S: Final = 86_400
#: Adds an entry once per delivery; what the first attempt added is the answer of all others.
_ADD: Final = """
local known = redis.call('GET', KEYS[2])
if known then return known end
local id
if ARGV[2] == '' then
  id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
else
  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 3))
end
redis.call('SET', KEYS[2], id, 'EX', ARGV[1])
return id
"""


class _RedisDestination(OutputDestination):
    """What both kinds share: a connection per server, made when it is first needed."""

    secret_options: ClassVar[Sequence[str]] = ("url", "secret")
    named_by_runs: ClassVar[bool] = False
    _checks: ClassVar[Mapping[str, option_check.Check]]
    _required: ClassVar[Sequence[str]]

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[str, Redis] = {}

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        return option_check.problems(options, self._checks, self._required)

    def _server(self, url: str) -> Redis:
        with self._lock:
            if url not in self._servers:
                self._servers[url] = Redis.from_url(
                    url, socket_timeout=10, socket_connect_timeout=5
                )
            return self._servers[url]

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Send one output; an error of the server is tried again, a refusal of the key is not."""
        try:
            return self._send(delivery, self._server(str(delivery.options["url"])))
        except ResponseError as error:
            permanent = "WRONGTYPE" in str(error)
            return DeliveryFailed(
                message=f"Redis refuses it: {error}", code="REDIS_REFUSED", retryable=not permanent
            )
        except RedisError as error:
            # what the library says names the address, which may hold credentials
            return DeliveryFailed(
                message=f"Redis does not answer ({type(error).__name__})", code="REDIS_UNAVAILABLE"
            )

    def _send(self, delivery: DeliveryView, server: Redis) -> DeliveryOutcome:
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for server in self._servers.values():
                server.close()
            self._servers.clear()


class RqDestination(_RedisDestination):
    """A job per output, as `rq worker -S rq.serializers.JSONSerializer` reads it.

    The job's only argument is the output; its id is that of the delivery, so an attempt that is
    made again makes no second job.
    """

    name = "rq"
    _checks: ClassVar[Mapping[str, option_check.Check]] = _RQ
    _required: ClassVar[Sequence[str]] = ("url", "queue", "function")

    def _send(self, delivery: DeliveryView, server: Redis) -> DeliveryOutcome:
        options = delivery.options
        details = {"job_id": delivery.id, "queue": str(options["queue"])}
        if Job.exists(delivery.id, connection=server):
            return Delivered(details=details)
        queue = Queue(str(options["queue"]), connection=server, serializer=JSONSerializer)
        queue.enqueue(
            str(options["function"]),
            args=(delivery.output,),
            job_id=delivery.id,
            job_timeout=options.get("job_timeout"),
            result_ttl=options.get("result_ttl"),
            meta={"run_id": delivery.run.id, "task_id": delivery.run.task_id},
        )
        return Delivered(details=details)


class StreamDestination(_RedisDestination):
    """An entry per output: `delivery_id`, `run_id`, `task_id`, `state` and `body`, its JSON."""

    name = "redis-stream"
    _checks: ClassVar[Mapping[str, option_check.Check]] = _STREAM
    _required: ClassVar[Sequence[str]] = ("url", "stream")

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        found = super().check(options)
        stream = options.get("stream")
        if isinstance(stream, str) and template_problems(stream, frozenset()):
            return [*found, "stream: takes no templates"]
        return found

    def _send(self, delivery: DeliveryView, server: Redis) -> DeliveryOutcome:
        options = delivery.options
        stream = str(options["stream"])
        add: Callable[..., Any] = server.register_script(_ADD)
        entry = {
            "delivery_id": delivery.id,
            "run_id": delivery.run.id,
            "task_id": delivery.run.task_id,
            "state": delivery.state,
            "body": delivery.body,
        }
        pairs = [part for pair in entry.items() for part in pair]
        made = add(
            keys=[stream, f"{stream}:delivered:{delivery.id}"],
            args=[_REMEMBERED_S, str(options.get("max_length", "")), *pairs],
        )
        return Delivered(details={"entry_id": made.decode(), "stream": stream})
