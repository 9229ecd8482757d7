"""Rows of lists: pages and filters over HTTP with a million finished runs stored.

Each answer's total is compared with a count of the database's own: it has to be exact.
"""

from __future__ import annotations

import calendar
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Final

import orjson

from ratchet_core.cli.bench.figure import SQLITE, Aim, Figure, at_percentile
from ratchet_core.cli.bench.history import load_finished
from ratchet_core.cli.bench.over_http import served
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP, many

#: Every list, whatever is stored (issue 3).
_AIM: Final = Aim(50.0, at_most=True)
_WORKFLOWS: Final = 10
_TIMEOUT_S: Final = 60.0
_OK: Final = 200
#: Page that is asked for besides the first.
_FAR: Final = 1_000
_SIZE: Final = 50
_NAME: Final = f"{NOOP}_3"


@dataclass(frozen=True, slots=True)
class _List:
    """One call, and what its total has to be."""

    what: str
    path: str
    table: str = "runs"
    where: str = "1 = 1"


def lists(site: Site, _bounds: Bounds) -> Iterator[Figure]:
    """Fill the database, then measure each list."""
    began = time.perf_counter()
    run_id, since = _fill(site)
    note = f"filled in {time.perf_counter() - began:.0f} s"
    with served(site, "lists") as address, contextlib.closing(_Asking(address)) as asking:
        for wanted in _lists(site.plan.listed, run_id, since):
            samples = [asking.ask(wanted.path) for _ in range(site.plan.listing)]
            _check_total(site, wanted, asking.total)
            name = f"{wanted.what}, {site.plan.listed:,} runs stored, p99"
            plain = Figure(
                name=name,
                database=site.database,
                unit="ms",
                size=1,
                aim=_AIM,
                note=f"{asking.total:,} matches; {note}",
            )
            yield at_percentile(samples, 99, plain)


def _fill(site: Site) -> tuple[str, str]:
    """Store the runs; return the id of one in the middle, and a time shortly before the end."""
    workflows = many(_WORKFLOWS)
    site.runtime.engine.sync_definitions(workflows, {NAMESPACE: ""}, on_change="replace")
    templates = [site.submit(workflow.name) for workflow in workflows]
    for template in templates:
        site.await_run(template)
    load_finished(site.runtime.database, templates, site.plan.listed)
    with site.runtime.database.write() as tx:
        # what autovacuum does by itself, and SQLite without a statistic never
        if site.database != SQLITE:
            tx.exec_driver_sql("ANALYZE")
    middle = f"0191a000-0000-7000-8000-0000{site.plan.listed // 2:08d}"
    with site.runtime.database.read() as tx:
        last = tx.exec_driver_sql("SELECT max(created_at) FROM runs").scalar_one()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(last) // 1_000_000 - 1))
    return middle, moment


def _lists(stored: int, run_id: str, since: str) -> Iterator[_List]:
    jobs, executions, tasks = "/api/v1/jobs", "/api/v1/executions", "/tasker/tasks"
    far = min((_FAR - 1) * _SIZE, stored // 2)
    ours = f"namespace = '{NAMESPACE}'"
    named = f"{ours} AND name = '{_NAME}'"
    since_us = calendar.timegm(time.strptime(since, "%Y-%m-%dT%H:%M:%SZ")) * 1_000_000
    filters = {
        "status": ("status=failed", "state = 'failed'"),
        "status_in": ("status_in=failed,cancelled", "state IN ('failed', 'cancelled')"),
        "task_id": (f"task_id={NAMESPACE}.{_NAME}", named),
        "namespace": (f"namespace={NAMESPACE}", ours),
        "version": ("version=0.1.0", "version = '0.1.0'"),
        "task_id and status": (
            f"task_id={NAMESPACE}.{_NAME}&status=failed",
            f"{named} AND state = 'failed'",
        ),
    }
    times = {"runs": "created_at", "attempts": "started_at"}
    for path, table in ((jobs, "runs"), (executions, "attempts")):
        noun = path.rpartition("/")[2]
        yield _List(f"{noun}, page 1", f"{path}?limit={_SIZE}", table)
        yield _List(f"{noun}, page {_FAR:,}", f"{path}?limit={_SIZE}&offset={far}", table)
        for name, (query, where) in filters.items():
            yield _List(f"{noun} by {name}", f"{path}?limit={_SIZE}&{query}", table, where)
        after = f"{times[table]} >= {since_us}"
        query = f"created_at_gte={since}"
        yield _List(f"{noun} by created_at_gte", f"{path}?limit={_SIZE}&{query}", table, after)
    yield _List("jobs by priority", f"{jobs}?priority=normal", where="priority = 0")
    nothing = f"schedule_id={run_id}&scheduled_for_gte={since}"
    yield _List("jobs by schedule", f"{jobs}?{nothing}", where=f"schedule_id = '{run_id}'")
    yield _List("jobs by id_in", f"{jobs}?id_in={run_id}", where=f"id = '{run_id}'")
    yield _List(
        "executions by job_id", f"{executions}?job_id={run_id}", "attempts", f"run_id = '{run_id}'"
    )
    page = f"{tasks}?per_page={_SIZE}"
    yield _List("tasker tasks, page 1", page)
    yield _List(f"tasker tasks, page {_FAR:,}", f"{page}&page={far // _SIZE + 1}")
    yield _List(
        "tasker tasks by namespace and status",
        f"{page}&namespace={NAMESPACE}&status=error",
        where=f"{ours} AND state = 'failed'",
    )


def _check_total(site: Site, wanted: _List, total: int) -> None:
    statement = f"SELECT count(*) FROM {wanted.table} WHERE {wanted.where}"  # noqa: S608 - ours
    with site.runtime.database.read() as tx:
        counted = int(tx.exec_driver_sql(statement).scalar_one())
    if counted != total:
        raise RunsFailed(f"{wanted.path} says {total} in total; there are {counted}")


class _Asking:
    """One connection over which lists are asked for."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = HTTPConnection(*address, timeout=_TIMEOUT_S)
        self.total = 0  #: of the last answer

    def ask(self, path: str) -> float:
        """Return the milliseconds that a list took.

        Raises:
            RunsFailed: another status than 200.
        """
        began = time.perf_counter()
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        text = response.read()
        took_ms = (time.perf_counter() - began) * 1e3
        if response.status != _OK:
            raise RunsFailed(f"GET {path} answered {response.status}: {text[:300]!r}")
        told: dict[str, Any] = orjson.loads(text)
        self.total = told["total"] if "total" in told else told["pagination"]["total_count"]
        return took_ms

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
