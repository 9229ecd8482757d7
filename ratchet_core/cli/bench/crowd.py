"""Rows of many clients: reads and submissions over 64 connections at a time.

Plain Flask and FastAPI answer the same beside it, each from a copy of the same rows in one table of
an SQLite file: the newest ten and the number of all, and one durable row per submission. Their
script is in `bench/peers`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import orjson

from ratchet_core.cli.bench.figure import (
    RATCHET,
    SQLITE,
    Aim,
    Figure,
    at_percentile,
    measured,
    unmeasured,
)
from ratchet_core.cli.bench.over_http import served
from ratchet_core.cli.bench.peer import PEERS_VARIABLE, Peers
from ratchet_core.cli.bench.process import await_address, started
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP

CONNECTIONS: Final = 64
#: Frameworks; the first runs in our own environment, which has it.
PEER_NAMES: Final = ("flask", "fastapi")
_SCRIPT: Final = "http_peer.py"
#: Runs that the lists are read from.
_STORED: Final = 1_000
#: Seed 002, "Load Testing": all of so many parallel reads have to succeed.
_PARALLEL: Final = 100
_TIMEOUT_S: Final = 60.0
_HEADERS: Final = {"Content-Type": "application/json"}
_READ: Final = "/api/v1/jobs?limit=10"

#: Host and port.
Address = tuple[str, int]
#: Makes one call over a connection and returns its status.
Call = Callable[[HTTPConnection], int]


def crowd(site: Site, _bounds: Bounds) -> Iterator[Figure]:
    """Measure reads and submissions, and the seed's hundred reads at once."""
    last = ""
    for start in range(0, _STORED, site.plan.batch):
        last = site.submit_batch(NOOP, min(site.plan.batch, _STORED - start))
    site.await_all(last)
    with served(site, "crowd") as address:
        yield from _rows(address, site, RATCHET, site.database, "")
        yield _hundred(address, site)


def crowd_peers(found: Peers, site: Site) -> Iterator[Figure]:
    """Measure the others on a copy of the same rows."""
    for name in PEER_NAMES:
        path = site.folder / f"crowd-{name}.db"
        python = sys.executable if name == PEER_NAMES[0] else found.python
        plain = Figure(name=f"reads, {CONNECTIONS} connections", system=name)
        if python is None or not Path(python).exists():
            reason = f"{PEERS_VARIABLE} names no interpreter; `make bench` makes one and sets it"
            yield unmeasured(plain, reason)
            continue
        _copy(site, path)
        log = site.folder / f"crowd-{name}.log"
        command = [python, str(found.scripts / _SCRIPT), name, str(path)]
        try:
            with started(command, log=log, env=site.environ, folder=site.folder) as process:
                there = await_address(process, log, f"the server of {name}")
                note = "one table, no authentication, validation, steps or journal"
                yield from _rows(there, site, name, SQLITE, note)
        except (RunsFailed, TimeoutError, OSError) as error:
            yield unmeasured(plain, str(error))


def _rows(address: Address, site: Site, system: str, database: str, note: str) -> Iterator[Figure]:
    for noun, call, status in (("reads", _read, 200), ("submissions", _submit, 202)):
        press(address, call, CONNECTIONS, CONNECTIONS, status)  # warms up
        began = time.perf_counter()
        samples = press(address, call, site.plan.crowd, CONNECTIONS, status)
        rate = len(samples) / (time.perf_counter() - began)
        name = f"{noun}, {CONNECTIONS} connections"
        plain = Figure(name=name, system=system, database=database, note=note, size=len(samples))
        yield measured([rate], replace(plain, unit="calls/s"))
        yield at_percentile(samples, 99, replace(plain, name=f"{name}, p99", unit="ms"))


def _hundred(address: Address, site: Site) -> Figure:
    path = f"/tasker/handlers/{NAMESPACE}/{NOOP}"

    def read(connection: HTTPConnection) -> int:
        return _status(connection, "GET", path)

    succeeded = len(press(address, read, _PARALLEL, _PARALLEL, 200))
    plain = Figure(
        name=f"{_PARALLEL} handler reads at once that succeed (seed 002)",
        database=site.database,
        unit="reads",
        size=_PARALLEL,
        aim=Aim(_PARALLEL, at_most=False),
    )
    return measured([succeeded], plain)


def press(address: Address, call: Call, count: int, connections: int, expected: int) -> list[float]:
    """Make calls over so many connections at a time.

    Returns:
        How long each took, in milliseconds.

    Raises:
        RunsFailed: a call had another status than expected, or no answer.
    """
    samples: list[float] = []
    failures: list[str] = []
    ready = threading.Barrier(connections)

    def work() -> None:
        try:
            with contextlib.closing(HTTPConnection(*address, timeout=_TIMEOUT_S)) as connection:
                connection.connect()
                ready.wait(_TIMEOUT_S)
                for _ in range(max(1, count // connections)):
                    began = time.perf_counter()
                    _check(call(connection), expected)
                    samples.append((time.perf_counter() - began) * 1e3)
        except (RunsFailed, OSError, threading.BrokenBarrierError) as error:
            failures.append(str(error) or type(error).__name__)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RunsFailed(f"{len(failures)} of {connections} connections failed: {failures[0]}")
    return samples


def _check(status: int, expected: int) -> None:
    if status != expected:
        raise RunsFailed(f"a call was answered with {status}, not {expected}")


def _read(connection: HTTPConnection) -> int:
    return _status(connection, "GET", _READ)


def _submit(connection: HTTPConnection) -> int:
    path = f"/api/v1/tasks/{NAMESPACE}.{NOOP}/execute"
    return _status(connection, "POST", path, orjson.dumps({"input": {}}))


def _status(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
    connection.request(method, path, body, _HEADERS if body else {})
    response = connection.getresponse()
    response.read()
    return response.status


def _copy(site: Site, path: Path) -> None:
    """Copy runs into a file with one table, as an application of its own would keep them."""
    statement = "SELECT id, name, state, input, created_at, completed_at FROM runs LIMIT 1000"
    with site.runtime.database.read() as tx:
        rows = [tuple(row) for row in tx.exec_driver_sql(statement)]
    with contextlib.closing(sqlite3.connect(path)) as made, made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute(
            "CREATE TABLE jobs (id PRIMARY KEY, task_id, status, input, created_at, completed_at)"
        )
        made.execute("CREATE INDEX newest ON jobs (created_at DESC, id DESC)")
        made.executemany("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?)", rows)
