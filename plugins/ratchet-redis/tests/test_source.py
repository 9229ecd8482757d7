"""Stream entries become runs, across the death of an ingester and of the server."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from redis import Redis

from ratchet_core.config import load_settings
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.runtime import Ratchet
from ratchet_redis import StreamSource
from tests.processes import Running, environment, running
from tests.servers import RedisServer
from tests.waiting import wait_for

ECHO = "(function(input) { return { ack: input.redis_entry.fields.good !== 'no' }; })"
CONFIGURATION = """\
input:
  sources:
    - name: orders
      type: redis-stream
      workflow: order
      {extra}
      options: {{url: "{url}", stream: orders, batch: {batch}, claim_idle_seconds: 0.3, \
dead_letter_stream: aside}}
"""


class Site:
    """A Ratchet whose ingester a test starts and kills."""

    def __init__(self, folder: Path, url: str, *, extra: str = "", batch: int = 50) -> None:
        self.folder = folder
        definitions = folder / "definitions"
        definitions.mkdir()
        (definitions / "order.js").write_text(ECHO, encoding="utf-8")
        config = folder / "ratchet.yaml"
        text = CONFIGURATION.format(url=url, extra=extra, batch=batch)
        config.write_text(text, encoding="utf-8")
        self.env = environment(
            folder,
            RATCHET_CONFIG=str(config),
            RATCHET_PATH=str(definitions),
            RATCHET_WORKER_COUNT="1",
        )
        self.runtime = Ratchet(load_settings(config, self.env).settings, self.env)
        self.runtime.prepare_database()
        self.runtime.sync_definitions(on_change="replace")

    def inputs(self) -> list[dict[str, Any]]:
        page = self.runtime.reads.runs(RunQuery(), Window(limit=1000))
        return [run.input["redis_entry"] for run in page.items]

    def state(self) -> str:
        [view] = self.runtime.inputs.views()
        return view.state


def ingester(site: Site, name: str = "ingest.log") -> Any:
    return running(["ingest"], site.folder, site.env, log=name)


def pending(server: Redis) -> int:
    found: Any = server.xpending("orders", "ratchet")
    return int(found["pending"])


#: Makes a site; the folder, the server's URL, and options of `Site`.
Make = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def make(url: str, **options: Any) -> Site:
            site = Site(tmp_path, url, **options)
            stack.callback(site.runtime.close)
            return site

        yield make


@pytest.fixture
def server(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        yield connection


def add(server: Redis, count: int, **fields: str) -> None:
    pipeline = server.pipeline()
    for number in range(count):
        entry: Any = {"body": f'{{"n":{number}}}', **fields}
        pipeline.xadd("orders", entry)
    pipeline.execute()


def test_each_entry_makes_one_run_though_its_ingester_is_killed(
    make_site: Make, server: Redis, redis_url: str
) -> None:
    site = make_site(redis_url)
    add(server, 400)
    with ingester(site) as first:
        wait_for(lambda: len(site.inputs()) >= 50, "the first runs")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    # read by one who died before it could do anything with them
    add(server, 30)
    server.xreadgroup("ratchet", "dead", {"orders": ">"}, count=20)
    with ingester(site) as second:
        wait_for(lambda: len(site.inputs()) >= 430, "all runs")
        wait_for(lambda: pending(server) == 0, "all entries to be acknowledged")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(6) == 0

    ids = [entry["id"] for entry in site.inputs()]
    assert len(ids) == len(set(ids)) == 430
    assert server.xlen("orders") == 430
    entry = site.inputs()[0]
    assert entry["stream"] == "orders"
    assert entry["value"] == {"n": 29}


def test_two_ingesters_share_a_stream(make_site: Make, server: Redis, redis_url: str) -> None:
    site = make_site(redis_url, batch=10)
    with ingester(site, "one.log"), ingester(site, "two.log"):
        wait_for(lambda: site.state() == "healthy", "the ingesters")
        add(server, 200)
        wait_for(lambda: len(site.inputs()) >= 200, "all runs")
        wait_for(lambda: pending(server) == 0, "all entries to be acknowledged")

    assert len(site.inputs()) == 200


def test_with_results_an_entry_waits_for_its_run_and_comes_again(
    make_site: Make, server: Redis, redis_url: str
) -> None:
    site = make_site(redis_url, extra="ack: result\n      requeue: 1")
    add(server, 1, good="yes")
    with ingester(site):
        wait_for(lambda: len(site.inputs()) == 1, "the run")
        assert pending(server) == 1
        with running(["worker"], site.folder, site.env, log="worker.log"):
            wait_for(lambda: pending(server) == 0, "the entry to be acknowledged")
            add(server, 1, good="no")
            wait_for(lambda: server.xlen("aside") == 1, "the refused entry to be put aside")

    assert len(site.inputs()) == 3  # the good one, the bad one, and the bad one once more
    found: Any = server.xrange("aside")
    [(_, aside)] = found
    assert b"did not complete" in aside[b"x-ratchet-reason"]


def test_a_server_that_is_away_makes_the_source_fail_and_come_back(
    make_site: Make, redis_server: RedisServer
) -> None:
    site = make_site(redis_server.url)
    with ingester(site) as started:
        wait_for(lambda: site.state() == "healthy", "the source to connect")
        redis_server.kill()
        wait_for(lambda: site.state() == "failing", "the source to notice")
        redis_server.start()
        wait_for(lambda: site.state() == "healthy", "the source to connect again")
        with redis_client.Redis.from_url(redis_server.url) as server:
            add(server, 3)
        wait_for(lambda: len(site.inputs()) == 3, "the runs")
        assert_quiet(started)


def assert_quiet(started: Running) -> None:
    assert "Traceback" not in started.text()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "redis://x"}, "stream: is missing"),
        ({"url": "redis://x", "stream": "s", "grup": "g"}, "did you mean 'group'?"),
        ({"url": "redis://x", "stream": "s", "batch": 1001}, "batch: must be an integer"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(StreamSource.check(options))
