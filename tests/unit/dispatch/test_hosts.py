"""Drain jobs for idle RQ workers."""

from __future__ import annotations

import orjson
import redis
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.suspension import suspend

from ratchet_core.dispatch import HostRequest, Hosts, RedisConnection
from ratchet_core.dispatch.hosts import offer_drain, offer_where_missing


def idle_worker(client: redis.Redis, name: str, *queues: str) -> Worker:
    worker = Worker(list(queues), name, connection=client, serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    worker.set_state("idle")
    return worker


def jobs(client: redis.Redis, queue: str = "ratchet:default") -> list[Job]:
    return Queue(queue, connection=client, serializer=JSONSerializer).jobs


def test_a_drain_job_has_no_time_limit_and_leaves_nothing_behind(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        offer_drain(client, ["default", "low"])
        [job] = jobs(client)

    assert (job.timeout, job.result_ttl, job.failure_ttl) == (-1, 0, 3600)
    assert job.func_name == "ratchet_core.worker.host.drain"
    assert job.kwargs == {"queues": ["default", "low"]}
    assert orjson.loads(job.data)


def test_drain_jobs_have_fresh_ids(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        offer_drain(client, ["default"])
        offer_drain(client, ["default"])

        assert len({job.id for job in jobs(client)}) == 2


def test_every_idle_worker_of_ours_gets_one_drain_job(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        idle_worker(client, "one", "ratchet:default")
        idle_worker(client, "two", "ratchet:default")
        idle_worker(client, "busy", "ratchet:default").set_state("busy")
        idle_worker(client, "foreign", "default")
        hosts = Hosts(RedisConnection(redis_url))
        offered = [hosts.top_up(), hosts.top_up()]

        assert offered == [2, 0]
        assert len(jobs(client)) == 2
        assert jobs(client, "default") == []


def test_a_drain_job_that_waits_is_enough(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        needed = [offer_where_missing(client, ["default"]) for _ in range(3)]

    assert needed == [True, False, False]


def test_a_host_hears_of_suspension_and_shutdown(redis_url: str) -> None:
    hosts = Hosts(RedisConnection(redis_url))
    with redis.Redis.from_url(redis_url) as client:
        worker = idle_worker(client, "one", "ratchet:default")
        heard = [hosts.request_for("one")]
        suspend(client)
        heard.append(hosts.request_for("one"))
        client.hset(worker.key, "shutdown_requested_date", "2026-11-22T20:00:00Z")
        heard.append(hosts.request_for("one"))

    assert heard == [None, HostRequest.SUSPEND, HostRequest.SHUT_DOWN]


def test_without_redis_nothing_is_asked_of_a_host() -> None:
    hosts = Hosts(RedisConnection(None))

    assert hosts.request_for("one") is None
    assert hosts.top_up() == 0
