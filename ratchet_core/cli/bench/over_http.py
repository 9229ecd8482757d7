"""Rows over HTTP: the same no-op runs, through `ratchet serve` and one kept connection."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, Final

import orjson

from ratchet_core.cli.bench.figure import Figure, Key, at_percentile
from ratchet_core.cli.bench.latency import P50, P99
from ratchet_core.cli.bench.process import await_address, started
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.single import aim_of, measure_rate
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP

_TIMEOUT_S: Final = 60.0
_HEADERS: Final = {"Content-Type": "application/json"}


def over_http(site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure no-op runs over HTTP: one by one, in batches, and calls that wait for the result."""
    plan = site.plan
    full = f"{1 / bounds.full_s:,.0f} durable commits/s"
    with served(site, "http") as address, _client(address) as client:
        one = Figure(
            name="no-op runs over HTTP, one by one",
            database=site.database,
            key=Key.ONE_BY_ONE,
            unit="runs/s",
            size=plan.over_http,
            aim=aim_of(site),
            bound=f"{full}, one per submit",
        )
        yield measure_rate(site, one, NOOP, client.one_by_one)
        batches = Figure(
            name=f"no-op runs over HTTP, in batches of {plan.batch:,}",
            database=site.database,
            key=Key.BATCHES,
            unit="runs/s",
            size=plan.batched,
            aim=aim_of(site),
            bound=f"{full}, shared by a batch",
        )
        yield measure_rate(site, batches, NOOP, client.batched)
        samples = [client.timed(plan.gap_s) for _ in range(plan.spaced)]
    for percent, aim in ((50, P50), (99, P99)):
        plain = Figure(
            name=f"call over HTTP that waits for the result, idle, "
            f"after gaps of {plan.gap_s:g} s, p{percent}",
            database=site.database,
            unit="ms",
            size=1,
            aim=aim,
            bound=f"2 durable commits: {bounds.commits(2):.2f} ms",
        )
        yield at_percentile(samples, percent, plain)


@contextlib.contextmanager
def _client(address: tuple[str, int]) -> Iterator[_Client]:
    connection = HTTPConnection(*address, timeout=_TIMEOUT_S)
    try:
        yield _Client(connection)
    finally:
        connection.close()


@contextlib.contextmanager
def served(site: Site, purpose: str) -> Iterator[tuple[str, int]]:
    """Start `ratchet serve` on a free port and give host and port; end it at the end.

    Args:
        site: that is served.
        purpose: names the log.
    """
    log = site.folder / f"serve-{purpose}.log"
    command = [sys.executable, "-m", "ratchet_core.cli", "serve", "--port", "0"]
    with started(command, log=log, env=site.environ, folder=site.folder) as process:
        yield await_address(process, log, "`ratchet serve`")


class _Client:
    """One connection to the HTTP API."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def one_by_one(self, site: Site, workflow: str, count: int) -> str:
        """Execute a task so often; return the id of the last job."""
        path = f"/api/v1/tasks/{NAMESPACE}.{workflow}/execute"
        last = ""
        for _ in range(count):
            last = self._post(path, {"input": {}}, 202)["job"]["id"]
        return last

    def batched(self, site: Site, workflow: str, count: int) -> str:
        """Make jobs in batches; return the id of the last."""
        last = ""
        for start in range(0, count, site.plan.batch):
            number = min(site.plan.batch, count - start)
            jobs = [{"task_id": f"{NAMESPACE}.{workflow}", "input": {}}] * number
            answer = self._post("/api/v1/jobs/batch", {"jobs": jobs, "atomic": True}, 200)
            last = answer["items"][-1]["job"]["id"]
        return last

    def timed(self, gap_s: float) -> float:
        """Return the milliseconds of one call that waits for the result, after a gap."""
        time.sleep(gap_s)
        path = f"/api/v1/tasks/{NAMESPACE}.{NOOP}/execute?wait=10"
        began = time.perf_counter()
        self._post(path, {"input": {}}, 200)
        return (time.perf_counter() - began) * 1e3

    def _post(self, path: str, body: Any, status: int) -> Any:
        """Post JSON and return the answer's JSON.

        Raises:
            RunsFailed: another status than expected.
        """
        self._connection.request("POST", path, orjson.dumps(body), _HEADERS)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != status:
            raise RunsFailed(f"POST {path} answered {response.status}: {text[:300]!r}")
        return orjson.loads(text)
