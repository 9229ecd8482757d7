"""Workers hosted by RQ: seen and controlled by its tools, and going on whatever Redis does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
import redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from rq.suspension import resume, suspend

from ratchet_core.dispatch.hosts import offer_drain
from tests.integration.worker.conftest import SHORT_LEASE, Place, attempts_of, one_step
from tests.servers import RedisServer
from tests.waiting import wait_for

RQ = str(Path(sys.executable).with_name("rq"))


@pytest.fixture
def hosted(tmp_path: Path, redis_server: RedisServer) -> Iterator[Place]:
    """Give a SQLite database with a private Redis."""
    made = Place(tmp_path, {"RATCHET_REDIS_URL": redis_server.url})
    made.define(one_step("quick"), one_step("waits_for_release"), one_step("poisoned_once"))
    yield made
    made.end()


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as made:
        yield made


def workers(client: redis.Redis) -> dict[str, str]:
    """Return RQ's workers and what they do, as `rq info` shows them."""
    return {worker.name: worker.get_state() for worker in Worker.all(connection=client)}


def await_busy(client: redis.Redis, count: int, timeout_s: float = 20.0) -> dict[str, str]:
    return wait_for(
        lambda: seen if list((seen := workers(client)).values()).count("busy") == count else None,
        f"{count} busy workers",
        timeout_s=timeout_s,
    )


def completed(place: Place, count: int = 10, timeout_s: float = 20.0) -> bool:
    return place.await_ends(place.submit("quick", count), timeout_s) == {"completed": count}


def test_rq_shows_a_worker_per_slot_each_hosting_a_drain(
    hosted: Place, client: redis.Redis
) -> None:
    hosted.start(slots=2)
    await_busy(client, 2)
    shown = subprocess.run(
        [RQ, "info", "-u", hosted.environ["RATCHET_REDIS_URL"]],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "2 workers" in shown.stdout
    assert "ratchet:default" in shown.stdout
    assert completed(hosted)


def test_nothing_in_redis_is_a_pickle(hosted: Place, client: redis.Redis) -> None:
    hosted.start(slots=2)
    await_busy(client, 2)
    assert completed(hosted)

    [job_key, *_] = client.keys("rq:job:*")
    packed = client.hget(job_key, "data")
    assert isinstance(packed, bytes)
    called, *_ = orjson.loads(zlib.decompress(packed))
    found = [(key, value) for key in client.keys("*") for value in values(client, key)]

    assert called == "ratchet_core.worker.host.drain"
    assert [key for key, value in found if is_pickle(value)] == []


def values(client: redis.Redis, key: Any) -> list[Any]:
    kind = client.type(key)
    if kind == b"hash":
        return list(client.hvals(key))
    if kind == b"list":
        return list(client.lrange(key, 0, -1))
    return [client.get(key)] if kind == b"string" else []


def is_pickle(value: bytes) -> bool:
    for candidate in (value, *([zlib.decompress(value)] if value[:1] == b"\x78" else [])):
        if candidate[:1] == b"\x80" and candidate[-1:] == b".":
            return True
    return False


def test_a_poisoned_horse_is_released_at_once_and_replaced(
    hosted: Place, client: redis.Redis
) -> None:
    hosted.start()
    await_busy(client, 1)
    run_ids = hosted.submit("poisoned_once")

    assert hosted.await_ends(run_ids, timeout_s=5.0) == {"completed": 1}


def test_a_suspended_worker_makes_room_and_goes_on_after_resume(
    hosted: Place, client: redis.Redis
) -> None:
    hosted.start()
    await_busy(client, 1)
    suspend(client)
    wait_for(lambda: list(workers(client).values()) == ["suspended"], "the suspension")
    run_ids = hosted.submit("quick", 5)
    states = {hosted.runtime.reads.run_state(run_id) for run_id in run_ids}
    resume(client)

    assert states == {"pending"}
    assert hosted.await_ends(run_ids) == {"completed": 5}


def test_work_goes_on_while_redis_is_dead_and_after_it_came_back_empty(
    hosted: Place, client: redis.Redis, redis_server: RedisServer
) -> None:
    hosted.start(slots=2)
    await_busy(client, 2)
    [slow] = hosted.submit("waits_for_release")
    hosted.await_ledger("waiting")
    redis_server.kill()
    assert completed(hosted)
    hosted.release()
    assert hosted.await_ends([slow]) == {"completed": 1}
    assert completed(hosted)
    redis_server.start()
    assert completed(hosted)

    await_busy(client, 2)
    assert completed(hosted)


def test_a_horse_that_dies_while_redis_is_dead_is_replaced_without_it(
    hosted: Place, client: redis.Redis, redis_server: RedisServer
) -> None:
    hosted.start()
    await_busy(client, 1)
    redis_server.kill()
    run_ids = hosted.submit("poisoned_once")

    assert hosted.await_ends(run_ids, timeout_s=15.0) == {"completed": 1}
    assert completed(hosted)


def test_losing_everything_in_redis_is_harmless(
    hosted: Place, client: redis.Redis, redis_server: RedisServer
) -> None:
    hosted.start(slots=2)
    await_busy(client, 2)
    redis_server.flush()

    assert completed(hosted)
    assert len(await_busy(client, 2)) == 2


def test_redis_that_appears_later_takes_the_slots_over(
    hosted: Place, client: redis.Redis, redis_server: RedisServer
) -> None:
    redis_server.kill()
    hosted.start(slots=2)
    assert completed(hosted)
    redis_server.start()

    await_busy(client, 2)
    assert completed(hosted)


def test_sigterm_ends_rq_workers_warm_and_takes_them_off_the_list(
    hosted: Place, client: redis.Redis
) -> None:
    host = hosted.start(slots=2)
    await_busy(client, 2)
    [slow] = hosted.submit("waits_for_release")
    hosted.await_ledger("waiting")
    host.terminate()
    hosted.release()

    assert host.wait(15) == 0
    assert str(hosted.runtime.reads.run_state(slow)) == "completed"
    assert workers(client) == {}


def test_rqs_own_command_line_can_run_our_worker(hosted: Place, client: redis.Redis) -> None:
    command = [RQ, "worker", "-w", "ratchet_core.dispatch.Worker", "ratchet:default"]
    host = hosted.start(*command, "-u", hosted.environ["RATCHET_REDIS_URL"])
    await_busy(client, 1)
    assert completed(hosted)
    run_ids = hosted.submit("poisoned_once")
    assert hosted.await_ends(run_ids, timeout_s=10.0) == {"completed": 1}
    host.terminate()

    assert host.wait(10) == 0
    assert workers(client) == {}


def test_rqs_own_pool_can_run_our_workers(hosted: Place, client: redis.Redis) -> None:
    command = [RQ, "worker-pool", "-w", "ratchet_core.dispatch.Worker", "-n", "2"]
    host = hosted.start(*command, "ratchet:default", "-u", hosted.environ["RATCHET_REDIS_URL"])
    await_busy(client, 2)
    assert completed(hosted)
    run_ids = hosted.submit("poisoned_once")
    assert hosted.await_ends(run_ids, timeout_s=10.0) == {"completed": 1}
    host.terminate()

    assert host.wait(15) == 0


def test_a_horse_that_dies_while_redis_hangs_is_released_at_once(
    hosted: Place, client: redis.Redis, redis_server: RedisServer
) -> None:
    """Its parent waits for no answer of Redis for long."""
    hosted.start()
    await_busy(client, 1)
    [run_id] = hosted.submit("waits_for_release")
    [first] = hosted.await_ledger("waiting")
    wait_for(lambda: attempts_of(hosted, run_id) == 1, "the start to be stored")
    with redis_server.stopped():
        hung_at = time.monotonic()
        wait_for(lambda: time.monotonic() - hung_at > 6.0, "the parent to meet the silence")
        os.kill(int(first[4]), signal.SIGKILL)
        released = wait_for(lambda: "released what drain" in hosted.log(), "it", timeout_s=8.0)
    hosted.release()

    assert released
    assert hosted.await_ends([run_id]) == {"completed": 1}


def test_a_dead_horse_is_released_before_redis_is_asked_anything(
    hosted: Place, client: redis.Redis, redis_server: RedisServer
) -> None:
    """Its parent waits a minute for an answer here, so whatever it asked first would show."""
    patient = f"{redis_server.url}?socket_timeout=60"
    command = [RQ, "worker", "-w", "ratchet_core.dispatch.Worker", "ratchet:default"]
    hosted.start(*command, "-u", patient)
    [name] = await_busy(client, 1)
    [run_id] = hosted.submit("waits_for_release")
    [first] = hosted.await_ledger("waiting")
    wait_for(lambda: attempts_of(hosted, run_id) == 1, "the start to be stored")
    told = told_at(client, name)
    wait_for(lambda: told_at(client, name) != told, "the parent to tell of itself, as every 5 s")
    with redis_server.stopped():
        os.kill(int(first[4]), signal.SIGKILL)
        wait_for(lambda: state_of(hosted, run_id) == "backoff", "the release", timeout_s=15.0)
    hosted.release()

    assert hosted.await_ends([run_id]) == {"completed": 1}
    assert attempts_of(hosted, run_id) == 2


def told_at(client: redis.Redis, name: str) -> object:
    """Return when a worker has last told RQ's tools that it lives."""
    return client.hget(f"rq:worker:{name}", "last_heartbeat")


def state_of(place: Place, run_id: str) -> str:
    """Return the state of the only step of a run."""
    [step] = place.runtime.reads.steps(run_id)
    return str(step.state)


def test_our_worker_refuses_queues_that_are_not_ours(hosted: Place) -> None:
    command = [RQ, "worker", "-w", "ratchet_core.dispatch.Worker", "default"]
    host = hosted.start(*command, "-u", hosted.environ["RATCHET_REDIS_URL"])

    assert host.wait(15) != 0
    assert "queue 'default' is not one of Ratchet's" in hosted.log()


def test_a_stock_rq_worker_is_given_a_drain_to_host(hosted: Place, client: redis.Redis) -> None:
    hosted.start()
    await_busy(client, 1)
    stock = hosted.start(
        RQ, "worker", "-S", "rq.serializers.JSONSerializer", "ratchet:default",
        "-u", hosted.environ["RATCHET_REDIS_URL"],
    )  # fmt: skip
    await_busy(client, 2)
    assert completed(hosted)
    stock.terminate()

    assert stock.wait(15) == 0


def test_steps_of_a_killed_stock_rq_worker_are_taken_over_by_lease(
    hosted: Place, client: redis.Redis
) -> None:
    url = hosted.environ["RATCHET_REDIS_URL"]
    stock = hosted.start(
        RQ, "worker", "-S", "rq.serializers.JSONSerializer", "ratchet:default", "-u", url,
        environ=SHORT_LEASE,
    )  # fmt: skip
    wait_for(lambda: workers(client), "the stock worker")
    offer_drain(client, ["default"])
    [run_id] = hosted.submit("waits_for_release")
    [first] = hosted.await_ledger("waiting")
    wait_for(lambda: attempts_of(hosted, run_id) == 1, "the start to be stored")
    os.kill(int(first[4]), signal.SIGKILL)
    stock.kill()
    hosted.start(environ=SHORT_LEASE)
    hosted.await_ledger("waiting", 2)
    hosted.release()

    assert hosted.await_ends([run_id]) == {"completed": 1}
    assert attempts_of(hosted, run_id) == 2


def test_a_job_that_is_no_drain_is_refused(hosted: Place, client: redis.Redis) -> None:
    queue = Queue("ratchet:default", connection=client, serializer=JSONSerializer)
    foreign = queue.enqueue_call("os.getpid", timeout=-1)
    hosted.start()

    wait_for(lambda: foreign.get_status(refresh=True) == "failed", "the job to be refused")
    await_busy(client, 1)
    assert completed(hosted)


def test_a_cold_shutdown_of_an_rq_worker_releases_what_ran(
    hosted: Place, client: redis.Redis
) -> None:
    command = [RQ, "worker", "-w", "ratchet_core.dispatch.Worker", "ratchet:default"]
    host = hosted.start(*command, "-u", hosted.environ["RATCHET_REDIS_URL"])
    await_busy(client, 1)
    [slow] = hosted.submit("waits_for_release")
    hosted.await_ledger("waiting")
    os.kill(host.pid, signal.SIGTERM)

    def ended() -> bool:
        os.kill(host.pid, signal.SIGTERM)  # RQ ignores a second one within a second
        return host.poll() is not None

    wait_for(ended, "the cold end", timeout_s=20.0)
    hosted.release()
    hosted.start()
    assert hosted.await_ends([slow]) == {"completed": 1}
    assert not [p for p in psutil.process_iter() if p.ppid() == host.pid]
