"""Daylight saving, leap days and a clock that somebody sets, under real schedulers and workers.

SQLite's clock is that of the process, so moving it moves everything. The same rules are tested to
the second with times handed in (tests/unit/domain/test_schedule.py, test_cron.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import Database
from tests.faked_clock import FakedClock
from tests.processes import environment, running
from tests.servers import RedisServer
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(180)  # on a busy machine the processes take long to start

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
#: Starting two processes takes a while on a busy machine.
PATIENCE_S = 45.0


class Site:
    """A scheduler and a worker under one clock, over a database with the schedules of a file."""

    def __init__(self, folder: Path, env: dict[str, str], clock: FakedClock) -> None:
        self.folder = folder
        self.env = {**env, **clock.variables}
        self.clock = clock
        self.database = Database(env["RATCHET_DATABASE_URL"])

    def fired(self, name: str) -> list[datetime]:
        """Return the fire times of a schedule's runs that are completed, each as often as it is."""
        statement = text(
            "SELECT r.scheduled_for FROM runs r JOIN schedules s ON s.id = r.schedule_id "
            "WHERE s.name = :name AND r.state = 'completed' ORDER BY r.scheduled_for"
        )
        with self.database.read() as tx:
            return [known_datetime(row[0]) for row in tx.execute(statement, {"name": name})]

    def runs(self) -> int:
        """Return how many runs there are, in whatever state."""
        with self.database.read() as tx:
            return int(tx.execute(text("SELECT count(*) FROM runs")).scalar_one())

    def await_fired(self, name: str, times: list[datetime]) -> None:
        """Wait until a schedule's runs of these fire times are completed; it has no others yet."""
        wait_for(
            lambda: set(times) <= set(self.fired(name)),
            f"{len(times)} runs of {name}",
            timeout_s=PATIENCE_S,
        )
        assert [at for at in self.fired(name) if at <= times[-1]] == times

    def command(self, *arguments: str) -> None:
        """Do something under the clock."""
        with running([*arguments], self.folder, self.env, log="command.log") as command:
            assert command.process.wait(PATIENCE_S) == 0, command.text()


Opens = Callable[..., contextlib.AbstractContextManager[Site]]


@pytest.fixture
def opened(tmp_path: Path, redis_server: RedisServer) -> Opens:
    """Give what starts a site at a time; `schedules` are entries of the file."""

    @contextlib.contextmanager
    def start(at: datetime, *schedules: dict[str, Any]) -> Iterator[Site]:
        flows = tmp_path / "flows"
        flows.mkdir()
        (flows / "greet.js").write_text("(input) => 'hello'")
        flow = {
            "name": "greet",
            "step_templates": [
                {
                    "name": "greet",
                    "handler_class": "javascript",
                    "handler_config": {"script": "greet.js"},
                }
            ],
            "schedules": [{"starts_at": _written(at), **item} for item in schedules],
        }
        (flows / "greet.yaml").write_bytes(orjson.dumps(flow))  # JSON is YAML
        clock = FakedClock(tmp_path, at)
        url = f"sqlite:///{tmp_path / 'ratchet.db'}"
        env = environment(
            tmp_path,
            RATCHET_DATABASE_URL=url,
            RATCHET_REDIS_URL=redis_server.url,
            RATCHET_PATH=str(flows),
        )
        with running(["workflows", "sync"], tmp_path, env, log="sync.log") as sync:
            assert sync.process.wait(PATIENCE_S) == 0, sync.text()
        site = Site(tmp_path, env, clock)
        clock.set(at)  # the sync took its time
        with (
            running(["worker", "--slots", "1"], tmp_path, site.env, log="worker.log"),
            running(["scheduler"], tmp_path, site.env, log="scheduler.log"),
        ):
            try:
                yield site
            finally:
                site.database.dispose()

    return start


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def daily(name: str, cron: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "cron_expression": cron, "timezone": "Europe/Berlin", **options}


def every_minute(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "cron_expression": "* * * * *", **options}


def test_a_time_that_the_clocks_leap_over_fires_once_at_the_end_of_the_gap(opened: Opens) -> None:
    gap_ends = datetime(2027, 3, 28, 1, tzinfo=UTC)  # 03:00 in Berlin
    next_day = datetime(2027, 3, 29, 0, 30, tzinfo=UTC)  # 02:30 in Berlin
    with opened(gap_ends - 5 * SECOND, daily("nightly", "30 2 * * *")) as site:
        site.await_fired("nightly", [gap_ends])
        site.clock.set(next_day - 2 * SECOND)

        site.await_fired("nightly", [gap_ends, next_day])
        assert site.runs() == 2


def test_an_hour_that_comes_twice_fires_times_once_and_rhythms_twice(opened: Opens) -> None:
    first = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, and an hour later again
    schedules = (daily("nightly", "30 2 * * *"), daily("hourly", "30 * * * *"))
    with opened(first - 5 * SECOND, *schedules) as site:
        site.await_fired("nightly", [first])
        site.clock.set(first + HOUR - 2 * SECOND)

        site.await_fired("hourly", [first, first + HOUR])
        assert site.fired("nightly") == [first]
        assert site.runs() == 3


def test_the_29th_of_february_fires_in_a_leap_year_and_on_no_other_day(opened: Opens) -> None:
    noon = datetime(2028, 2, 28, 12, tzinfo=UTC)
    day = timedelta(days=1)
    schedules = (
        {"name": "leap", "cron_expression": "0 12 29 2 *"},
        {"name": "noon", "cron_expression": "0 12 * * *"},
    )
    with opened(noon - 5 * SECOND, *schedules) as site:
        for days in range(3):
            site.clock.set(noon + days * day - 2 * SECOND)
            site.await_fired("noon", [noon + n * day for n in range(days + 1)])

        site.await_fired("leap", [noon + day])
        assert site.runs() == 4


def test_a_clock_put_forward_by_an_hour_makes_up_what_each_schedule_says(opened: Opens) -> None:
    start = datetime(2027, 6, 1, 12, tzinfo=UTC)
    later = start + HOUR
    schedules = (
        every_minute("all", catchup="all"),
        every_minute("latest", catchup="latest"),
        every_minute("none", catchup="none"),
    )
    with opened(start - 5 * SECOND, *schedules) as site:
        for name in ("all", "latest", "none"):
            site.await_fired(name, [start])
        site.clock.set(later + 35 * SECOND)  # so that the last fire time is missed, too

        site.await_fired("all", [start + n * MINUTE for n in range(61)])
        site.await_fired("latest", [start, later])
        assert [at for at in site.fired("none") if at <= later] == [start]


def test_a_clock_put_back_by_an_hour_fires_nothing_again(opened: Opens) -> None:
    start = datetime(2027, 6, 1, 12, tzinfo=UTC)
    back = start - HOUR
    with opened(start - 5 * SECOND, every_minute("steady")) as site:
        site.await_fired("steady", [start])
        site.clock.set(back - 10 * SECOND)
        site.command("schedules", "create", "greet", "* * * * *", "--name", "new", "--max-runs=1")

        site.await_fired("new", [back])
        assert site.fired("steady") == [start]
        site.clock.set(start + MINUTE - 2 * SECOND)
        site.await_fired("steady", [start, start + MINUTE])
        assert site.runs() == 3
