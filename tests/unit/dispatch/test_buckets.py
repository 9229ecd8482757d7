from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ratchet_core.config import RateLimit
from ratchet_core.dispatch.buckets import MAX_KEPT, Buckets
from ratchet_core.dispatch.connection import HASTY, RedisConnection
from tests.servers import RedisServer

SLOW = RateLimit(6, 3)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alone(clock: Clock) -> Buckets:
    """Give buckets of one process that has no Redis."""
    return Buckets(RedisConnection(None), monotonic=clock)


@pytest.fixture(params=["memory", "redis"])
def buckets(request: pytest.FixtureRequest) -> Iterator[Buckets]:
    """Give buckets of either kind."""
    if request.param == "memory":
        yield Buckets(RedisConnection(None))
        return
    connection = RedisConnection(request.getfixturevalue("redis_url"))
    yield Buckets(connection)
    connection.close()


def test_a_bucket_gives_as_many_tokens_as_it_holds_and_then_says_how_long_to_wait(
    buckets: Buckets,
) -> None:
    taken = [buckets.take("a", SLOW) for _ in range(4)]

    assert [one.allowed for one in taken] == [True, True, True, False]
    assert [one.remaining for one in taken] == [2, 1, 0, 0]
    assert 9 < taken[3].wait_s <= 10
    assert 29 < taken[3].full_in_s <= 30


def test_each_client_has_a_bucket_of_its_own(buckets: Buckets) -> None:
    for _ in range(3):
        buckets.take("a", SLOW)

    assert not buckets.take("a", SLOW).allowed
    assert buckets.take("b", SLOW).allowed


def test_to_look_takes_nothing(buckets: Buckets) -> None:
    assert [buckets.look("a", SLOW).remaining for _ in range(5)] == [3] * 5

    buckets.take("a", SLOW)

    assert buckets.look("a", SLOW).remaining == 2


def test_a_token_comes_back_exactly_when_it_was_said_to(alone: Buckets, clock: Clock) -> None:
    for _ in range(3):
        alone.take("a", SLOW)
    wait_s = alone.take("a", SLOW).wait_s

    clock.now_s += wait_s - 0.001
    assert not alone.take("a", SLOW).allowed

    clock.now_s += 0.001
    assert alone.take("a", SLOW).allowed
    assert not alone.take("a", SLOW).allowed


def test_a_bucket_never_holds_more_than_its_capacity(alone: Buckets, clock: Clock) -> None:
    alone.take("a", SLOW)
    clock.now_s += 3600

    assert [alone.take("a", SLOW).allowed for _ in range(4)] == [True, True, True, False]


def test_refused_calls_cost_nothing(alone: Buckets, clock: Clock) -> None:
    for _ in range(100):
        alone.take("a", SLOW)
    clock.now_s += 10

    assert alone.take("a", SLOW).allowed


def test_the_memory_of_one_process_is_bounded(alone: Buckets) -> None:
    for number in range(MAX_KEPT + 10):
        alone.take(str(number), SLOW)

    assert len(alone._full_at_us) == MAX_KEPT


def test_two_processes_share_a_bucket_through_redis(redis_url: str) -> None:
    here, there = (Buckets(RedisConnection(redis_url)) for _ in range(2))

    taken = [side.take("a", SLOW).allowed for side in (here, there, here, there)]

    assert taken == [True, True, True, False]


def test_many_threads_take_no_more_than_there_is(redis_url: str) -> None:
    buckets = Buckets(RedisConnection(redis_url))
    allowed: list[bool] = []

    def take() -> None:
        for _ in range(20):
            allowed.append(buckets.take("a", RateLimit(1, 50)).allowed)  # noqa: PERF401 - shared

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(allowed) == 50


def test_without_redis_the_limit_goes_on_in_memory(redis_server: RedisServer) -> None:
    connection = RedisConnection(redis_server.url, patience=HASTY)
    buckets = Buckets(connection)
    buckets.take("a", SLOW)
    redis_server.kill()

    taken = [buckets.take("a", SLOW).allowed for _ in range(4)]

    connection.close()
    assert taken == [True, True, True, False]


def test_a_redis_that_hangs_holds_nobody_up_for_long(redis_server: RedisServer) -> None:
    connection = RedisConnection(redis_server.url, patience=HASTY)
    buckets = Buckets(connection)
    buckets.take("a", SLOW)
    server = redis_server._process
    assert server is not None
    server.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        first = buckets.take("a", SLOW)
        first_s = time.monotonic() - started
        rest = [buckets.take("a", SLOW) for _ in range(100)]
        whole_s = time.monotonic() - started
    finally:
        server.send_signal(signal.SIGCONT)
        connection.close()

    assert first.allowed
    assert first_s < 2
    assert whole_s - first_s < 1
    assert not rest[-1].allowed


def test_a_redis_that_is_nowhere_holds_nobody_up_for_long() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    buckets = Buckets(RedisConnection(url, patience=HASTY))

    started = time.monotonic()

    assert buckets.take("a", SLOW).allowed
    assert time.monotonic() - started < 2
