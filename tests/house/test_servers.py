"""The test servers themselves: what every other test stands on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from sqlalchemy import create_engine, text

from tests.servers import DatabasePool, RedisServer, embedded_postgres, fresh_database


def test_each_new_database_is_empty_and_apart(new_postgres_database: Callable[[], str]) -> None:
    first, second = new_postgres_database(), new_postgres_database()

    engine = create_engine(first)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (id integer)"))
    engine.dispose()

    engine = create_engine(second)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT to_regclass('only_here')")).scalar_one()
    engine.dispose()
    assert found is None


def test_a_database_is_empty_for_the_next_test_that_uses_it(
    postgres_databases: DatabasePool,
) -> None:
    with postgres_databases.lend() as first:
        engine = create_engine(first)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE left_behind (id integer)"))
        forgotten = engine.connect()

    with postgres_databases.lend() as second:
        again = create_engine(second)
        with again.connect() as connection:
            found = connection.execute(text("SELECT to_regclass('left_behind')")).scalar_one()
        again.dispose()
    forgotten.invalidate()
    engine.dispose()
    assert second == first
    assert found is None


def test_a_killed_redis_comes_back_empty_on_the_same_port(redis_server: RedisServer) -> None:
    client = redis.Redis.from_url(redis_server.url)
    client.set("here", "now")

    redis_server.kill()
    with pytest.raises(redis.ConnectionError):
        client.get("here")
    redis_server.start()

    assert client.get("here") is None
    client.close()


def test_a_test_starts_on_an_empty_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_a_machine_without_postgresql_gets_a_private_one() -> None:
    with embedded_postgres() as server, fresh_database(server) as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            number = connection.execute(text("SHOW server_version_num")).scalar_one()
        engine.dispose()

    assert int(number) >= 140000
