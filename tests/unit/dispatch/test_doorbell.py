"""The doorbell, with and without Redis."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from ratchet_core.dispatch import Doorbell, RedisConnection
from ratchet_core.dispatch.doorbell import bell_key, presence_key
from tests.servers import RedisServer, free_port
from tests.waiting import wait_for


def doorbell(url: str | None) -> Doorbell:
    return Doorbell(RedisConnection(url))


def present(bell: Doorbell, *drains: str, queue: str = "default") -> None:
    """Let drains come to wait once, so that they count."""
    for drain in drains:
        bell.wait(drain, [queue], 0.01)


def test_a_ring_wakes_a_lingering_drain_at_once(redis_url: str) -> None:
    woken_after: list[float] = []
    bell = doorbell(redis_url)

    def linger() -> None:
        assert bell.wait("d1", ["default"], 5.0)
        woken_after.append(time.monotonic())

    drain = threading.Thread(target=linger)
    drain.start()
    with redis.Redis.from_url(redis_url) as client:
        wait_for(lambda: client.zcard(presence_key("default")), "the drain to wait")
    rung = time.monotonic()
    doorbell(redis_url).ring("default")
    drain.join(5.0)

    assert woken_after[0] - rung < 1.0


def test_a_ring_that_came_before_the_wait_is_not_lost(redis_url: str) -> None:
    bell = doorbell(redis_url)
    bell.ring("default")

    assert bell.wait("d1", ["default"], 1.0)
    assert not bell.wait("d1", ["default"], 0.01)


def test_a_drain_answers_for_all_its_queues(redis_url: str) -> None:
    bell = doorbell(redis_url)
    bell.ring("low")

    assert bell.wait("d1", ["high", "low"], 1.0)


def test_there_are_never_more_rings_than_drains(redis_url: str) -> None:
    bell = doorbell(redis_url)
    present(bell, "d1", "d2", "d3")
    bell.ring("default", 1000)
    bell.ring("default", 1000)

    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(bell_key("default")) == 3


def test_a_ring_without_any_known_drain_is_kept_for_the_first(redis_url: str) -> None:
    bell = doorbell(redis_url)
    bell.ring("default", 1000)

    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(bell_key("default")) == 1


def test_a_drain_that_left_does_not_count(redis_url: str) -> None:
    bell = doorbell(redis_url)
    present(bell, "d1", "d2")
    bell.leave("d2", ["default"])
    bell.ring("default", 10)

    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(bell_key("default")) == 1


def test_everything_in_redis_goes_away_by_itself(redis_url: str) -> None:
    bell = doorbell(redis_url)
    present(bell, "d1")
    bell.ring("default")

    with redis.Redis.from_url(redis_url) as client:
        assert all(client.ttl(key) > 0 for key in client.keys("*"))


def test_without_redis_a_wait_takes_the_polling_interval_give_or_take() -> None:
    pauses: list[float] = []
    jitters = iter((0.0, 0.5, 1.0))
    bell = Doorbell(RedisConnection(None), pause=pauses.append, jitter=lambda: next(jitters))
    rung = [bell.wait("d1", ["default"], 1.0) for _ in range(3)]

    assert rung == [False] * 3

    assert pauses == pytest.approx([0.2, 0.25, 0.3])


def test_a_back_off_that_ends_soon_shortens_the_wait() -> None:
    pauses: list[float] = []
    Doorbell(RedisConnection(None), pause=pauses.append).wait("d1", ["default"], 0.05)

    assert pauses == [0.05]


def test_a_redis_that_is_down_raises_nothing_and_costs_nothing() -> None:
    now = [100.0]
    connection = RedisConnection(f"redis://127.0.0.1:{free_port()}/0", monotonic=lambda: now[0])
    bell = Doorbell(connection, pause=lambda _seconds: None)
    bell.ring("default")
    asked: list[int] = []

    assert connection.is_resting
    assert connection.ask(lambda client: asked.append(1), None) is None
    assert asked == []
    now[0] += 1.1
    assert not connection.is_resting


def test_a_redis_that_comes_back_is_used_again(redis_server: RedisServer) -> None:
    bell = doorbell(redis_server.url)
    bell.ring("default")
    redis_server.kill()
    assert not bell.wait("d1", ["default"], 0.3)
    redis_server.start()

    def rings_again() -> bool:
        bell.ring("default")
        return bell.wait("d1", ["default"], 0.01)

    assert wait_for(rings_again, "the bell to work again", timeout_s=5.0)


def test_a_ring_wakes_no_more_drains_than_there_are_steps(redis_url: str) -> None:
    bell = doorbell(redis_url)
    present(bell, "d1", "d2", "d3")
    bell.ring("default", 2)

    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(bell_key("default")) == 2


def test_a_redis_that_hangs_holds_a_drain_up_for_two_seconds_at_most(
    redis_server: RedisServer,
) -> None:
    bell = doorbell(redis_server.url)
    present(bell, "d1")
    with redis_server.stopped():
        started = time.monotonic()
        rung = bell.wait("d1", ["default"], 1.0)
        waited_s = time.monotonic() - started

    assert not rung
    assert waited_s < 4.0
