"""Tests of notices over a real Redis, and without one."""

from __future__ import annotations

from ratchet_core.dispatch.connection import RedisConnection
from ratchet_core.dispatch.notices import ENDS, Listener, Notices
from tests.servers import RedisServer
from tests.waiting import wait_for


def test_a_notice_reaches_who_listens(redis_url: str) -> None:
    notices = Notices(RedisConnection(redis_url))
    listener = Notices(RedisConnection(redis_url)).listener()
    assert listener.wait(0.1) is True  # listening has begun: look once

    notices.notify()

    wait_for(lambda: listener.wait(0.5), "the notice")
    listener.close()


def test_who_delivers_hears_of_ends_alone(redis_url: str) -> None:
    notices = Notices(RedisConnection(redis_url))
    follower, deliverer = notices.listener(), notices.listener(ENDS)
    assert (follower.wait(0.1), deliverer.wait(0.1)) == (True, True)  # listening has begun

    notices.notify(ended=False)
    wait_for(lambda: follower.wait(0.5), "the notice")
    assert deliverer.wait(0.05) is False

    notices.notify()
    wait_for(lambda: deliverer.wait(0.5), "the notice of an end")
    wait_for(lambda: follower.wait(0.5), "the notice")
    follower.close()
    deliverer.close()


def test_without_redis_nobody_waits_and_nothing_is_raised() -> None:
    notices = Notices(RedisConnection(None))

    notices.notify()

    assert notices.listener().wait(5) is None


def test_a_listener_bears_that_redis_dies_and_comes_back(redis_server: RedisServer) -> None:
    connection = RedisConnection(redis_server.url)
    listener = Notices(connection).listener()
    notices = Notices(RedisConnection(redis_server.url))
    listener.wait(0.1)
    redis_server.kill()

    wait_for(lambda: listener.wait(0.1) is None, "the listener to notice")
    redis_server.start()
    wait_for(lambda: listener.wait(0.1), "the listener to listen again")
    wait_for(lambda: _told(notices, listener), "a notice")
    listener.close()


def _told(notices: Notices, listener: Listener) -> bool | None:
    notices.notify()
    return listener.wait(0.2)
