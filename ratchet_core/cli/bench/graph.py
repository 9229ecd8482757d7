"""Rows of GraphQL: the integrations guide's nested query, and how soon a subscriber hears.

Strawberry and Ariadne answer the same query beside it, from a copy of the same rows in an SQLite
file, each behind the same server with as many threads. Their scripts are in `bench/peers`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import orjson
from simple_websocket import Client

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
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP, many

#: Seed 000, "Query Tasks with Executions".
QUERY: Final = """query { tasks(limit: 10, offset: 0) { items { id name description version
  executions(limit: 5) { items { id status created_at completed_at } } } total } }"""
PEER_NAMES: Final = ("strawberry", "ariadne")
#: Subscribers hear within this time of the commit (99 of 100, idle).
_AIM: Final = Aim(20.0, at_most=True)
#: Clients that ask at a time, each over a connection of its own.
_CLIENTS: Final = 4
_TASKS: Final = 100
_RUNS_EACH: Final = 6
_SCRIPT: Final = "graphql_peer.py"
_TIMEOUT_S: Final = 30.0
_HEADERS: Final = {"Content-Type": "application/json"}

#: Host and port.
Address = tuple[str, int]


def graphql(site: Site, _bounds: Bounds) -> Iterator[Figure]:
    """Measure the nested query, and the time from a commit to a subscriber."""
    _fill(site)
    with served(site, "graphql") as address:
        yield from _rows(address, site, RATCHET, site.database, "")
        samples = list(_delays(site, address))
    for percent in (50, 99):
        plain = Figure(
            name=f"commit to GraphQL subscriber, idle, after gaps of {site.plan.gap_s:g} s, "
            f"p{percent}",
            database=site.database,
            unit="ms",
            size=1,
            aim=_AIM,
        )
        yield at_percentile(samples, percent, plain)


def graphql_peers(found: Peers, site: Site) -> Iterator[Figure]:
    """Measure the others on the same rows."""
    path = site.folder / "graphql-peers.db"
    with served(site, "graphql-copy") as address:
        _copy(address, path)
    for name in PEER_NAMES:
        python = found.python
        plain = Figure(name="the nested query of GraphQL", system=name)
        if python is None or not Path(python).exists():
            reason = f"{PEERS_VARIABLE} names no interpreter; `make bench` makes one and sets it"
            yield unmeasured(plain, reason)
            continue
        log = site.folder / f"graphql-{name}.log"
        command = [python, str(found.scripts / _SCRIPT), name, str(path)]
        try:
            with started(command, log=log, env=site.environ, folder=site.folder) as process:
                there = await_address(process, log, f"the server of {name}")
                note = "its own batching, from a copy of the rows in an SQLite file"
                yield from _rows(there, site, name.capitalize(), SQLITE, note)
        except (RunsFailed, TimeoutError, OSError) as error:
            yield unmeasured(plain, str(error))


def _fill(site: Site) -> None:
    workflows = many(_TASKS)
    site.runtime.engine.sync_definitions(workflows, {NAMESPACE: ""}, on_change="replace")
    last = ""
    for workflow in workflows:
        last = site.submit_batch(workflow.name, _RUNS_EACH)
    site.await_all(last)


def _rows(address: Address, site: Site, system: str, database: str, note: str) -> Iterator[Figure]:
    count = site.plan.over_http
    load(address, max(_CLIENTS, count // 10))  # warms up
    rates, samples = [], []
    for _ in range(site.plan.repetitions):
        began = time.perf_counter()
        samples += load(address, count)
        rates.append(count / (time.perf_counter() - began))
    name = f"the nested query of GraphQL, {_CLIENTS} clients"
    plain = Figure(name=name, system=system, database=database, note=note, size=count)
    yield measured(rates, replace(plain, unit="operations/s"))
    yield at_percentile(samples, 99, replace(plain, name=f"{name}, p99", unit="ms"))


def load(address: Address, count: int) -> list[float]:
    """Send the query so often and return how long each took, in milliseconds.

    Raises:
        RunsFailed: an answer is not what was asked for.
    """
    samples: list[float] = []
    failures: list[str] = []

    def ask() -> None:
        try:
            with contextlib.closing(_Asking(address)) as asking:
                for _ in range(count // _CLIENTS):
                    began = time.perf_counter()
                    asking.ask(QUERY)
                    samples.append((time.perf_counter() - began) * 1e3)
        except (RunsFailed, OSError) as error:
            failures.append(str(error))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RunsFailed(failures[0])
    return samples


class _Asking:
    """One connection over which queries are sent."""

    def __init__(self, address: Address) -> None:
        self._connection = HTTPConnection(*address, timeout=_TIMEOUT_S)

    def ask(self, query: str) -> bytes:
        """Return the answer to a query, checked for errors but not read."""
        body = orjson.dumps({"query": query})
        self._connection.request("POST", "/graphql", body, _HEADERS)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200 or b'"errors"' in text:  # noqa: PLR2004 - OK
            raise RunsFailed(f"GraphQL answered {response.status}: {text[:300]!r}")
        return text

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _delays(site: Site, address: Address) -> Iterator[float]:
    """Yield the milliseconds from the commit of a run to its event at a subscriber."""
    host, port = address
    client = Client.connect(f"ws://{host}:{port}/graphql", subprotocols=["graphql-transport-ws"])
    try:
        client.send('{"type": "connection_init"}')
        _hear(client)
        query = 'subscription { runEvents(names: ["run.created"]) { job_id } }'
        message = {"id": "1", "type": "subscribe", "payload": {"query": query}}
        client.send(orjson.dumps(message).decode())
        client.send('{"type": "ping"}')
        _hear(client)  # the subscription has begun
        for _ in range(site.plan.subscriber):
            time.sleep(site.plan.gap_s)
            run_id = site.submit(NOOP)
            committed = time.perf_counter()
            heard = _hear(client)["payload"]["data"]["runEvents"]["job_id"]
            yield (time.perf_counter() - committed) * 1e3
            if heard != run_id:
                raise RunsFailed(f"the subscriber heard of run {heard}, not of {run_id}")
            site.await_run(run_id)
    finally:
        client.close()


def _hear(client: Client) -> Any:
    text = client.receive(timeout=_TIMEOUT_S)
    if text is None:
        raise RunsFailed(f"the subscriber heard nothing for {_TIMEOUT_S:g} s")
    return orjson.loads(text)


def _copy(address: Address, path: Path) -> None:
    """Copy all tasks and their executions into a file that any library can read."""
    with contextlib.closing(_Asking(address)) as asking:
        query = """{ tasks(limit: 200) { items { id name description version created_at
          executions(limit: 20) { items { id status created_at completed_at } } } } }"""
        items = orjson.loads(asking.ask(query))["data"]["tasks"]["items"]
    with contextlib.closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE tasks (id PRIMARY KEY, name, description, version, created_at)")
        made.execute(
            "CREATE TABLE executions (id PRIMARY KEY, task_id, status, created_at, completed_at)"
        )
        made.execute("CREATE INDEX newest ON executions (task_id, created_at DESC, id DESC)")
        made.execute("CREATE INDEX newest_tasks ON tasks (created_at DESC, id DESC)")
        for item in items:
            columns = (item[key] for key in ("id", "name", "description", "version", "created_at"))
            made.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?)", tuple(columns))
            rows = [
                (one["id"], item["id"], one["status"], one["created_at"], one["completed_at"])
                for one in item["executions"]["items"]
            ]
            made.executemany("INSERT INTO executions VALUES (?, ?, ?, ?, ?)", rows)
