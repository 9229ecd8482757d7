"""The RQ worker that hosts drains: what it insists on, whatever it is told."""

from __future__ import annotations

from typing import Any

import redis
from rq.serializers import DefaultSerializer, JSONSerializer

from ratchet_core.dispatch.worker import DrainJob, Ended, NoDeathPenalty, Worker


def test_a_worker_keeps_its_serializer_its_classes_and_its_intervals(redis_url: str) -> None:
    told: dict[str, Any] = {
        "serializer": DefaultSerializer,
        "worker_ttl": 420,
        "default_worker_ttl": 420,
        "job_monitoring_interval": 30,
        "maintenance_interval": 600,
    }
    with redis.Redis.from_url(redis_url) as client:
        worker = Worker(["ratchet:default"], "w", connection=client, **told)

        assert worker.serializer is JSONSerializer
        assert worker.job_class is DrainJob
        assert worker.death_penalty_class is NoDeathPenalty
        assert [queue.serializer for queue in worker.queues] == [JSONSerializer]
        assert (worker.worker_ttl, worker.job_monitoring_interval) == (30, 5)
        assert worker.maintenance_interval == 60


class EndedHorse:
    """Keeps a work-horse that has ended by the time that anybody looks."""

    def before_fork(self) -> None:
        """Nothing."""

    def in_horse(self) -> None:
        """Nothing."""

    def drain(self) -> None:
        """Nothing."""

    def rest(self) -> None:
        """Nothing."""

    def watch(self, pid: int, _timeout_s: float) -> Ended | None:
        return pid, 9, None


def test_the_end_of_a_horse_is_seen_to_before_redis_is_asked_anything(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client, redis.Redis.from_url(redis_url) as observer:
        worker = Worker(["ratchet:default"], "w", connection=client, keeper=EndedHorse())
        before = commands(observer)
        ended = worker.wait_for_horse()
        after = commands(observer)

    assert ended[1] == 9
    assert after - before == 1, "more than the look before"


def commands(client: redis.Redis) -> int:
    """Count the commands that Redis has had so far."""
    return int(client.info("stats")["total_commands_processed"])
