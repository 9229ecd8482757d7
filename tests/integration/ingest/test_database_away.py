"""PostgreSQL stops and comes back under `ratchet ingest`: no message is lost, none doubled."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from redis import Redis
from sqlalchemy import text

from ratchet_core.config import load_settings
from ratchet_core.errors import Unavailable
from ratchet_core.runtime import Ratchet
from tests.processes import Running, environment, running
from tests.servers import PrivatePostgres
from tests.waiting import wait_for

#: Entries that the source takes at a time: small, so that there are many commits to interrupt.
BATCH = 20
#: What the process says at each look, twice a second, while the database is away.
LOOKED = "how the sources do is not stored: the database does not answer"
#: The commit of a transaction that has written runs and waits for a standby.
COMMITTING = """
SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE wait_event = 'SyncRep' AND relation = 'runs'::regclass AND mode = 'RowExclusiveLock'
"""
#: The entry that each run was made of.
ENTRIES = "SELECT CAST(input AS jsonb) -> 'redis_entry' ->> 'id' FROM runs"


class Site:
    """A Ratchet on PostgreSQL whose ingester reads a stream."""

    def __init__(self, folder: Path, postgres: PrivatePostgres, stream: str) -> None:
        (folder / "definitions").mkdir()
        (folder / "definitions" / "order.js").write_text("(input) => input", encoding="utf-8")
        options = {"url": stream, "stream": "orders", "batch": BATCH}
        source = {"name": "orders", "type": "redis-stream", "workflow": "order", "options": options}
        config = folder / "ratchet.yaml"
        config.write_text(yaml.safe_dump({"input": {"sources": [source]}}), encoding="utf-8")
        plain = postgres.url.set(drivername="postgresql")
        self.database = plain.render_as_string(hide_password=False)
        self.env = environment(
            folder,
            RATCHET_CONFIG=str(config),
            RATCHET_PATH=str(folder / "definitions"),
            RATCHET_DATABASE_URL=self.database,
        )
        self.runtime = Ratchet(load_settings(config, self.env).settings, self.env)
        self.runtime.prepare_database()
        self.runtime.sync_definitions(on_change="replace")

    def entries(self) -> list[str]:
        """Return the entries that runs were made of; none while the database does not answer."""
        with contextlib.suppress(Unavailable), self.runtime.database.read() as tx:
            return sorted(tx.scalars(text(ENTRIES)))
        return []

    def told(self) -> tuple[str, int]:
        """Return the state of the source, and how many doubles it has met."""
        with contextlib.suppress(Unavailable):
            [view] = self.runtime.inputs.views()
            return view.state, sum(place.doubles for place in view.places)
        return "", 0


@contextlib.contextmanager
def writing(url: str) -> Iterator[list[str]]:
    """Write entries without end until the block does; give the ids of those written so far."""
    written: list[str] = []
    ended = threading.Event()

    def write() -> None:
        with Redis.from_url(url, decode_responses=True) as client:
            while not ended.wait(0.003):
                entry: Any = client.xadd("orders", {"body": str(len(written))})
                written.append(entry)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()


def group(server: Redis) -> tuple[int, int]:
    """Return how many entries the group has read, and how many of them are pending."""
    groups: Any = server.xinfo_groups("orders")
    return groups[0]["entries-read"], groups[0]["pending"]


def said(started: Running, words: str, times: int) -> None:
    wait_for(lambda: started.text().count(words) >= times, f"'{words}', {times} times")


def stop_in_commit(postgres: PrivatePostgres, site: Site) -> None:
    """Stop it when runs are committed on its disk, and it has not told the ingester so yet."""
    with psycopg.connect(site.database, autocommit=True) as connection:
        # in between it waits for a standby, and there is none
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        connection.execute("SELECT pg_reload_conf()")
        wait_for(lambda: connection.execute(COMMITTING).fetchone(), "a commit of runs")
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names")  # for the next start
    postgres.stop()


def start_again(postgres: PrivatePostgres, started: Running, server: Redis, number: int) -> None:
    """Check that what was read waits, unacknowledged, and nothing is read until it is back."""
    said(started, "source 'orders' waits: the database does not answer", number)
    held = group(server)
    assert 0 < held[1] <= BATCH
    more = server.xlen("orders") + 2 * BATCH
    wait_for(lambda: server.xlen("orders") >= more, "more entries")
    said(started, LOOKED, started.text().count(LOOKED) + 2)
    assert group(server) == held
    postgres.start()
    said(started, "source 'orders' goes on", number)


@pytest.mark.timeout(180)  # on a busy machine the servers and processes take long to start
def test_a_database_that_stops_and_comes_back_loses_and_doubles_nothing(
    tmp_path: Path, private_postgres_server: PrivatePostgres, redis_url: str
) -> None:
    postgres = private_postgres_server
    site = Site(tmp_path, postgres, redis_url)
    with (
        contextlib.closing(site.runtime),
        Redis.from_url(redis_url) as server,
        running(["ingest"], tmp_path, site.env) as started,
    ):
        wait_for(lambda: site.told() == ("healthy", 0), "the source to connect", timeout_s=60)
        with writing(redis_url) as written:
            wait_for(lambda: len(site.entries()) > 5 * BATCH, "runs", timeout_s=60)
            postgres.stop()
            start_again(postgres, started, server, 1)
            stop_in_commit(postgres, site)
            start_again(postgres, started, server, 2)
        wait_for(lambda: group(server) == (len(written), 0), "acknowledgements", timeout_s=60)
        wait_for(lambda: site.told() > ("healthy", 0), "what was stored unheard to be met again")
        assert site.entries() == sorted(written)
        assert started.stop() == 0
        assert "Traceback" not in started.text()
