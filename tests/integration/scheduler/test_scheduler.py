"""Schedulers on a real Redis that is killed, flushed and left locked: each fire time once."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from rq.job import Job
from rq.serializers import DefaultSerializer, JSONSerializer

from ratchet_core.dispatch.alarm import ALARM_ID, PRESENCE_S, Alarm, Answer
from ratchet_core.dispatch.connection import RedisConnection
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.engine import Engine
from ratchet_core.scheduler.loop import Loop
from ratchet_core.store.database import Database
from ratchet_core.store.upgrade import upgrade
from tests.contract.engine_house import House
from tests.processes import RATCHET, environment, running
from tests.servers import RedisServer, free_port
from tests.waiting import wait_for

LOCK = "ratchet:scheduler-lock"
ALARMS = "ratchet:alarms"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(f"sqlite:///{tmp_path / 'ratchet.db'}")
    upgrade(database)
    made = House(database)
    made.define(single_step("report", "test"))
    yield made
    database.dispose()


@contextlib.contextmanager
def schedulers(house: House, url: str | None, count: int = 1) -> Iterator[list[Engine]]:
    """Run schedulers in threads, each with its own connections."""
    ended = threading.Event()
    houses = [House(Database(house.database.url)) for _ in range(count)]
    loops = [Loop(other.engine, Alarm(RedisConnection(url)), wait=ended.wait) for other in houses]
    with ThreadPoolExecutor(count) as pool:
        for loop in loops:
            pool.submit(loop.run, ended.is_set)
        try:
            yield [other.engine for other in houses]
        finally:
            ended.set()
    for other in houses:
        other.database.dispose()


def every_second(house: House, **options: Any) -> str:
    fields = {"namespace": "default", "workflow": "report", "cron_expression": "* * * * * *"}
    return house.engine.create_schedule(ScheduleSpec(**{**fields, **options})).id


def fired(house: House, schedule_id: str) -> list[datetime]:
    page = house.reads.runs(RunQuery(schedule_id=schedule_id), Window(limit=1000))
    return sorted(run.scheduled_for for run in page.items if run.scheduled_for is not None)


def fires_again(house: House, schedule_id: str, more: int = 2) -> None:
    known = len(fired(house, schedule_id))
    wait_for(lambda: len(fired(house, schedule_id)) >= known + more, "it to fire again")


def assert_gapless(times: list[datetime]) -> None:
    assert times == [times[0] + timedelta(seconds=n) for n in range(len(times))]


def test_the_alarm_is_one_json_job_for_the_earliest_fire_time(
    house: House, redis_server: RedisServer
) -> None:
    early = (datetime.now(UTC) + timedelta(hours=2)).replace(second=0, microsecond=0)
    for hours in (0, 1):
        at = early + timedelta(hours=hours)
        every_second(house, starts_at=at, cron_expression=f"{at.minute} {at.hour} * * *")

    with schedulers(house, redis_server.url), redis.Redis.from_url(redis_server.url) as client:
        wait_for(lambda: client.zcard(ALARMS), "the alarm")
        [(name, score)] = client.zrange(ALARMS, 0, -1, withscores=True)
        job = Job.fetch(name.decode(), connection=client, serializer=JSONSerializer)
        raw = client.hget(Job.key_for(ALARM_ID), "data")

    assert name.decode() == ALARM_ID
    assert abs(score - early.timestamp()) <= 2
    assert list(job.args) == []
    assert raw is not None
    orjson.loads(_inflated(raw))


def _inflated(raw: bytes) -> bytes:
    return zlib.decompress(raw) if raw[:2] in {b"x\x01", b"x\x9c", b"x\xda"} else raw


def test_everything_in_redis_is_json_or_plain_text_while_schedules_fire(
    tmp_path: Path, house: House, redis_server: RedisServer
) -> None:
    schedule_id = every_second(house)
    found: dict[str, list[bytes]] = {}

    with (
        scheduler_process(tmp_path, house, redis_server.url),
        worker_process(tmp_path, house, redis_server.url),
        redis.Redis.from_url(redis_server.url) as client,
    ):

        def has_seen_all() -> bool:
            found.update(contents(client))
            wanted = {f"rq:job:{ALARM_ID}", ALARMS, "rq:workers"}
            return found.keys() >= wanted and len(fired(house, schedule_id)) > 3

        wait_for(has_seen_all, "the alarm, a worker and four runs", timeout_s=40.0)

    for key, values in found.items():
        for value in values:
            assert_is_text(key, value)
    assert all(key.startswith(("ratchet:", "rq:")) for key in found), sorted(found)


def test_what_is_pickled_is_noticed() -> None:
    """The check above can fail: it refuses what rq-scheduler writes by itself."""
    for value in (DefaultSerializer.dumps(("f", None, (), {})), zlib.compress(b"\x80\x05K\x01.")):
        with pytest.raises(AssertionError, match="rq:job:1"):
            assert_is_text("rq:job:1", value)


def contents(client: Any) -> dict[str, list[bytes]]:
    """Return every value of a server, with the names of fields and members, by key."""
    found: dict[str, list[bytes]] = {}
    for key in client.keys("*"):
        with contextlib.suppress(redis.ResponseError):  # it went away and came back as another kind
            found[key.decode()] = _values(client, key)
    return found


def _values(client: Any, key: bytes) -> list[bytes]:
    kind = client.type(key)
    found: dict[bytes, Callable[[], list[bytes]]] = {
        b"string": lambda: [client.get(key) or b""],
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        b"list": lambda: list(client.lrange(key, 0, -1)),
        b"set": lambda: list(client.smembers(key)),
        b"zset": lambda: list(client.zrange(key, 0, -1)),
        b"none": list,
    }
    assert kind in found, f"{key!r} is a {kind!r}, which nobody has checked"
    return found[kind]()


def assert_is_text(key: str, value: bytes) -> None:
    """Fail where a value is neither plain text nor JSON, which RQ may have compressed."""
    plain = _inflated(value)
    try:
        read = plain.decode("utf-8")
        assert read.isprintable() or orjson.loads(plain) is not ...
    except (UnicodeDecodeError, orjson.JSONDecodeError, AssertionError):
        raise AssertionError(f"{key} holds {plain[:80]!r}") from None
    if value is not plain:
        orjson.loads(plain)


@pytest.mark.parametrize("count", [1, 3])
def test_each_second_fires_once_however_many_schedulers_run(
    house: House, redis_server: RedisServer, count: int
) -> None:
    schedule_id = every_second(house)

    with schedulers(house, redis_server.url, count):
        wait_for(lambda: len(fired(house, schedule_id)) >= 5, "five runs")

    assert_gapless(fired(house, schedule_id))


def test_redis_that_is_flushed_killed_and_back_loses_and_doubles_nothing(
    house: House, redis_server: RedisServer
) -> None:
    schedule_id = every_second(house)

    with schedulers(house, redis_server.url, 2):
        fires_again(house, schedule_id)
        redis_server.flush()
        fires_again(house, schedule_id)
        redis_server.kill()
        fires_again(house, schedule_id, more=3)
        redis_server.start()
        fires_again(house, schedule_id, more=3)

    assert_gapless(fired(house, schedule_id))


@pytest.mark.parametrize("url", [None, "down"])
def test_without_redis_schedules_fire_from_the_database(house: House, url: str | None) -> None:
    schedule_id = every_second(house)
    where = None if url is None else f"redis://127.0.0.1:{free_port()}/0"

    with schedulers(house, where):
        fires_again(house, schedule_id, more=3)

    assert_gapless(fired(house, schedule_id))


def test_a_lock_left_by_a_killed_scheduler_holds_nobody_up(
    house: House, redis_server: RedisServer
) -> None:
    schedule_id = every_second(house)
    with redis.Redis.from_url(redis_server.url) as client:
        client.set(LOCK, "killed", ex=600)
        client.set("ratchet:scheduler:killed", "as if it were alive", ex=600)

        with schedulers(house, redis_server.url):
            fires_again(house, schedule_id)
            assert client.get(LOCK) == b"killed", "a living one keeps its lock"
            client.delete("ratchet:scheduler:killed")
            wait_for(lambda: client.get(LOCK) != b"killed", "the lock to be reaped")
            fires_again(house, schedule_id)

    assert_gapless(fired(house, schedule_id))


def test_the_alarm_goes_once_it_has_fired_and_stays_when_firing_fails(redis_url: str) -> None:
    alarm = Alarm(RedisConnection(redis_url))
    alarm.arm(0.0)

    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        alarm.look(fails)
    calls: list[int] = []
    first = alarm.look(lambda: calls.append(1))
    second = alarm.look(lambda: calls.append(2))

    assert (first, second, calls) == (Answer.RANG, Answer.SILENT, [1])


def test_one_scheduler_at_a_time_looks_after_the_alarm(redis_url: str) -> None:
    one, two = (Alarm(RedisConnection(redis_url)) for _ in range(2))
    one.arm(0.0)
    seen: list[Answer] = []

    one.look(lambda: seen.append(two.look(lambda: None)))

    assert seen == [Answer.HELD]


def test_an_alarm_without_a_fire_time_is_taken_away(redis_url: str) -> None:
    alarm = Alarm(RedisConnection(redis_url))
    alarm.arm(3600.0)
    alarm.arm(None)
    alarm.leave()

    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("*") == []


def test_a_scheduler_is_known_for_a_few_seconds_only(redis_url: str) -> None:
    alarm = Alarm(RedisConnection(redis_url))
    alarm.arm(3600.0)

    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.ttl(f"ratchet:scheduler:{alarm.name}") <= PRESENCE_S


@contextlib.contextmanager
def scheduler_process(folder: Path, house: House, url: str) -> Iterator[subprocess.Popen[bytes]]:
    env = environment(folder, RATCHET_DATABASE_URL=house.database.url, RATCHET_REDIS_URL=url)
    process = subprocess.Popen([RATCHET, "scheduler"], env=env, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def worker_process(folder: Path, house: House, url: str) -> Iterator[None]:
    env = environment(folder, RATCHET_DATABASE_URL=house.database.url, RATCHET_REDIS_URL=url)
    with running(["worker", "--slots", "1"], folder, env, log="worker.log"):
        yield


def test_processes_that_are_killed_again_and_again_make_each_run_once(
    tmp_path: Path, house: House, redis_server: RedisServer
) -> None:
    ids = [every_second(house) for _ in range(20)]

    for _ in range(2):
        with scheduler_process(tmp_path, house, redis_server.url):
            fires_again(house, ids[0])
    with scheduler_process(tmp_path, house, redis_server.url) as process:
        fires_again(house, ids[0])
        process.terminate()
        assert process.wait(10) == 0

    for schedule_id in ids:
        times = fired(house, schedule_id)
        assert len(times) == len(set(times))
        assert len(times) >= 6
