"""The pool: how many connections there are, which of them are kept, and who waits for one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from sqlalchemy.pool import PoolProxiedConnection

from ratchet_core.errors import Unavailable
from ratchet_core.store.pool import ConnectionPool, PoolSize

ONE_MINUTE = PoolSize(kept=1, most=4, idle_s=60.0, timeout_s=0.05)


class Opened(sqlite3.Connection):
    """A connection of SQLite that notes whether it is closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True
        super().close()


class Server:
    """What opens connections, and the time that the pool goes by."""

    def __init__(self) -> None:
        self.now = 0.0
        self.opened: list[Opened] = []
        self.refuses = False

    def connect(self) -> Opened:
        if self.refuses:
            raise ConnectionRefusedError("try again")
        connection = sqlite3.connect(":memory:", check_same_thread=False, factory=Opened)
        self.opened.append(connection)
        return connection

    @property
    def open(self) -> int:
        return sum(not connection.is_closed for connection in self.opened)

    def pool(self, size: PoolSize = ONE_MINUTE) -> ConnectionPool:
        return ConnectionPool(self.connect, size, lambda: self.now)


@pytest.fixture
def server() -> Server:
    return Server()


def use(pool: ConnectionPool, count: int) -> None:
    """Use so many connections at the same time, and give them back."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.callback(pool.connect().close)


def use_in_threads(pool: ConnectionPool, threads: int, rounds: int) -> None:
    """Let so many threads each take a connection and give it back, all in step."""
    barrier = threading.Barrier(threads)

    def work() -> None:
        for _ in range(rounds):
            connection = pool.connect()
            barrier.wait(10)  # all of them have one
            connection.close()
            barrier.wait(10)

    with ThreadPoolExecutor(threads) as executor:
        for done in [executor.submit(work) for _ in range(threads)]:
            done.result()


def test_what_several_threads_need_at_a_time_is_opened_once(server: Server) -> None:
    use_in_threads(server.pool(), threads=4, rounds=50)

    assert len(server.opened) == 4


def test_the_connection_that_was_used_last_is_used_next(server: Server) -> None:
    pool = server.pool()
    use(pool, 3)
    first = pool.connect()
    last = first.driver_connection
    first.close()

    with closing(pool.connect()) as again:
        assert again.driver_connection is last


def test_who_comes_when_all_are_in_use_waits_and_is_told_what_to_change(server: Server) -> None:
    pool = server.pool()
    with ExitStack() as stack:
        for _ in range(4):
            stack.callback(pool.connect().close)

        with pytest.raises(Unavailable, match=r"within 0\.05 s; server\.database\.max_connections"):
            pool.connect()

    use(pool, 4)
    assert len(server.opened) == 4


def test_who_waits_gets_the_one_that_comes_back(server: Server) -> None:
    pool = server.pool(PoolSize(kept=0, most=1, timeout_s=20.0))
    held = pool.connect()
    got: list[PoolProxiedConnection] = []
    waiting = threading.Thread(target=lambda: got.append(pool.connect()))
    waiting.start()

    held.close()
    waiting.join(20)

    assert len(got) == len(server.opened) == 1
    got[0].close()


def test_those_above_what_is_kept_are_closed_once_they_have_been_idle(server: Server) -> None:
    pool = server.pool()
    use(pool, 4)
    server.now = 59.0
    use(pool, 2)  # these were idle for less
    assert server.open == 4

    server.now = 61.0
    use(pool, 1)
    assert server.open == 2

    server.now = 1000.0
    use(pool, 1)
    assert server.open == 1
    assert pool.status() == "1 connections of 4, 1 of them idle"


def test_as_many_as_are_to_be_kept_stay_however_long_they_are_idle(server: Server) -> None:
    pool = server.pool(PoolSize(kept=3, most=4, idle_s=60.0))
    use(pool, 4)
    server.now = 1e6
    use(pool, 1)

    assert server.open == 3


def test_one_that_cannot_be_opened_takes_nobodys_place(server: Server) -> None:
    pool = server.pool()
    server.refuses = True
    for _ in range(10):
        with pytest.raises(ConnectionRefusedError):
            pool.connect()

    server.refuses = False
    use(pool, 4)
    assert server.open == 4


def test_those_that_nobody_uses_are_dropped_and_the_others_go_on(server: Server) -> None:
    pool = server.pool()
    used = pool.connect()
    use(pool, 3)

    pool.drop_idle()

    assert server.open == 1
    used.close()
    use(pool, 4)
    assert server.open == 4


def test_of_a_disposed_pool_those_in_use_are_closed_when_they_come_back(server: Server) -> None:
    pool = server.pool()
    used = pool.connect()
    use(pool, 2)

    pool.dispose()
    assert server.open == 1

    used.close()
    assert server.open == 0


def test_a_pool_made_anew_has_connections_of_its_own(server: Server) -> None:
    pool = server.pool()
    used = pool.connect()

    again = pool.recreate()
    use(again, 4)

    assert len(server.opened) == 5
    used.close()
    assert again.status() == "4 connections of 4, 4 of them idle"


def test_a_pool_under_many_threads_loses_no_connection_and_never_has_too_many(
    server: Server,
) -> None:
    pool = server.pool(PoolSize(kept=1, most=4, idle_s=0.0, timeout_s=20.0))
    seen: list[int] = []

    def work(close: Callable[[PoolProxiedConnection], None]) -> None:
        for _ in range(200):
            connection = pool.connect()
            seen.append(server.open)
            close(connection)

    ways = [_return, _lose] * 4
    with ThreadPoolExecutor(len(ways)) as executor:
        for done in [executor.submit(work, way) for way in ways]:
            done.result()

    assert max(seen) <= 4
    use(pool, 4)
    assert pool.status() == "1 connections of 4, 1 of them idle"


def _return(connection: PoolProxiedConnection) -> None:
    connection.close()


def _lose(connection: PoolProxiedConnection) -> None:
    """Give a connection back that the server has left."""
    connection.invalidate()
    connection.close()
