"""The RQ worker that hosts drains: what it insists on, whatever it is told."""

from __future__ import annotations

from typing import Any

import redis
from rq.serializers import DefaultSerializer, JSONSerializer

from ratchet_core.dispatch.worker import DrainJob, NoDeathPenalty, Worker


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
