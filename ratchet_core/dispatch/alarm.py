"""The alarm clock of the schedulers: rq-scheduler with one alarm, for the earliest fire time.

It wakes a scheduler and decides nothing: fire times are in the database, and so is what keeps
them from firing twice. rq-scheduler would put a job into a queue; ours fires in the process that
looks, and no job runs. Jobs and queues are pinned to JSON, and keys are our own, so that no other
rq-scheduler takes our alarm or hands us its jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler

from ratchet_core.dispatch.connection import RedisConnection
from ratchet_core.dispatch.names import PREFIX

#: The one alarm.
ALARM_ID: Final = "ratchet-alarm"
#: What the alarm's job names; nothing calls it through RQ.
_FIRES: Final = "ratchet_core.scheduler.run.run_scheduler"
#: A scheduler that has not been heard of for so long is dead; its lock is taken from it.
PRESENCE_S: Final = 3
#: A lock goes away by itself after so long, whatever becomes of its holder.
_LOCK_S: Final = 11
#: How far the armed time may be off before it is armed anew.
_CLOSE_S: Final = 1.0

_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class JsonJob(Job):
    """A job that is JSON, whoever makes or fetches it."""

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 - RQ's name for it
        connection: Redis | None = None,
        serializer: Any = None,
    ) -> None:
        super().__init__(id, connection, JSONSerializer)


class JsonQueue(Queue):
    """A queue of such jobs."""

    job_class = JsonJob

    def __init__(self, name: str, connection: Redis | None = None, **options: Any) -> None:
        options["serializer"] = JSONSerializer
        super().__init__(name, connection, **options)


class Answer(StrEnum):
    """What a look at the alarm came to."""

    RANG = "rang"  #: it was due and has fired
    HELD = "held"  #: another scheduler looks after it at this moment
    SILENT = "silent"  #: there is no alarm that is due, or no Redis


class _Clock(Scheduler):  # type: ignore[misc] # rq-scheduler has no types
    """rq-scheduler over keys of ours, fired in place."""

    redis_scheduler_namespace_prefix = f"{PREFIX}scheduler:"
    scheduler_key = f"{PREFIX}scheduler"
    scheduler_lock_key = f"{PREFIX}scheduler-lock"
    scheduled_jobs_key = f"{PREFIX}alarms"

    def __init__(self, client: Redis, name: str, fire: Callable[[], None]) -> None:
        super().__init__(
            queue_name=f"{PREFIX}alarm",
            connection=client,
            interval=1,
            job_class=JsonJob,
            queue_class=JsonQueue,
            name=name,
        )
        self._fire = fire
        self.has_rung = False

    def heartbeat(self) -> None:
        """Tell that this scheduler lives; also after Redis has forgotten it."""
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.hsetnx(self.key, "birth", time.time())
            pipeline.expire(self.key, PRESENCE_S)
            pipeline.execute()

    def acquire_lock(self) -> bool:
        """Take the lock; from a holder that is dead, too."""
        self._lock_acquired = self._take_lock() or (self._reap_lock() and self._take_lock())
        return self._lock_acquired

    def _take_lock(self) -> bool:
        key = self.scheduler_lock_key
        return bool(self.connection.set(key, self.name, ex=_LOCK_S, nx=True))

    def _reap_lock(self) -> bool:
        """Take the lock away from a scheduler that was killed while it held it."""
        holder = self.connection.get(self.scheduler_lock_key)
        if holder is None:
            return True
        name = holder.decode()
        if self.connection.exists(self.redis_scheduler_namespace_prefix + name):
            return False
        return bool(self._release(name))

    def remove_lock(self) -> None:
        """Give the lock back, if it is still ours."""
        if self._lock_acquired:
            self._release(self.name)
            self._lock_acquired = False

    def _release(self, name: str) -> int:
        return int(self.connection.eval(_RELEASE, 1, self.scheduler_lock_key, name))

    def get_jobs_to_queue(self, with_times: bool = False) -> Iterable[Any]:  # noqa: FBT001, FBT002
        """Return the alarms that are due."""
        found: Iterable[Any] = self.get_jobs(int(time.time()), with_times=with_times)
        return found

    def enqueue_job(self, job: Job) -> None:
        """Fire here and now; the alarm goes once that is done."""
        self._fire()
        self.has_rung = True
        self.drop(job.id)

    def drop(self, job_id: str) -> None:
        """Forget an alarm."""
        self.connection.zrem(self.scheduled_jobs_key, job_id)
        self.connection.delete(JsonJob.key_for(job_id))


class Alarm:
    """The one alarm, as one scheduler sees it; without Redis it is silent.

    Args:
        connection: to Redis, which may be absent or go away.
        wall: this host's clock, in seconds since 1970.
    """

    def __init__(
        self, connection: RedisConnection, *, wall: Callable[[], float] = time.time
    ) -> None:
        self._connection = connection
        self._wall = wall
        self.name = uuid4().hex

    def arm(self, due_in_s: float | None) -> None:
        """Set the alarm as the database says; None takes it away.

        Args:
            due_in_s: seconds until the earliest fire time.
        """

        def work(client: Redis) -> None:
            clock = self._clock(client)
            clock.heartbeat()
            if due_in_s is None:
                clock.drop(ALARM_ID)
                return
            at = self._wall() + due_in_s
            armed = client.zscore(clock.scheduled_jobs_key, ALARM_ID)
            if armed is None or abs(armed - at) > _CLOSE_S:
                clock.enqueue_at(datetime.fromtimestamp(at, UTC), _FIRES, job_id=ALARM_ID)

        self._connection.ask(work, None)

    def look(self, fire: Callable[[], None]) -> Answer:
        """Fire where the alarm is due and no other scheduler is at it.

        Args:
            fire: makes what is due in the database; its errors pass, and the alarm stays.
        """

        def work(client: Redis) -> Answer:
            clock = self._clock(client, fire)
            clock.heartbeat()
            if not clock.acquire_lock():
                return Answer.HELD
            try:
                clock.enqueue_jobs()
            finally:
                clock.remove_lock()
            return Answer.RANG if clock.has_rung else Answer.SILENT

        return self._connection.ask(work, Answer.SILENT)

    def leave(self) -> None:
        """Tell that this scheduler is gone."""
        self._connection.ask(lambda client: client.delete(self._clock(client).key), None)

    def _clock(self, client: Redis, fire: Callable[[], None] = lambda: None) -> _Clock:
        return _Clock(client, self.name, fire)
