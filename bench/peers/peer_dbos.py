"""DBOS: durable workflows in SQLite or PostgreSQL, two processes that poll a queue."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib.metadata import version

from dbos import DBOS, DBOSClient, EnqueueOptions
from measure import FOLDER, POSTGRES_URL, WORKERS, Peer, note, python

SQLITE_URL = f"sqlite:///{FOLDER / 'dbos.sqlite'}"
POLL_S = 0.05
_QUEUE = "bench"
_PREPARE = "import sys, peer_dbos; peer_dbos.prepare(*sys.argv[1:])"
_WORK = "import sys, peer_dbos; peer_dbos.work(*sys.argv[1:])"


def _declare() -> None:
    @DBOS.workflow(name="noop")
    def noop() -> None:
        note()

    @DBOS.step(name="step")
    def step() -> None:
        note()

    @DBOS.workflow(name="chain")
    def chain(length: int) -> None:
        for _ in range(length):
            step()


def prepare(url: str) -> None:
    """Make the schema and the queue, so that the processes do not race for them."""
    _launch(url, "prepare")
    DBOS.register_queue(_QUEUE, polling_interval_sec=POLL_S)
    DBOS.destroy()


def work(url: str, number: str) -> None:
    """Work until SIGTERM: the processes of the peer."""
    _launch(url, f"worker-{number}")
    threading.Event().wait()


def _launch(url: str, executor: str) -> None:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "application_version": "bench",
            "executor_id": executor,
            "log_level": "WARNING",
        }
    )
    _declare()
    DBOS.launch()


def _sender(client: Callable[[], DBOSClient], workflow: str) -> Callable[..., None]:
    options: EnqueueOptions = {
        "queue_name": _QUEUE,
        "workflow_name": workflow,
        "app_version": "bench",
    }
    return lambda *arguments: client().enqueue(options, *arguments) and None


def _peer(store: str, url: str) -> Peer:
    clients: list[DBOSClient] = []

    def client() -> DBOSClient:
        if not clients:
            clients.append(DBOSClient(system_database_url=url))
        return clients[0]

    send = _sender(client, "noop")

    def enqueue(count: int) -> None:
        for _ in range(count):
            send()

    return Peer(
        system="DBOS",
        configuration=f"{WORKERS} processes, polls every {POLL_S * 1e3:g} ms",
        version=version("dbos"),
        store=store,
        guarantee="durable workflows: state and result of each in the database, steps checkpointed",
        prepare=python("-c", _PREPARE, url),
        commands=[python("-c", _WORK, url, str(n)) for n in range(WORKERS)],
        enqueue=enqueue,
        chain=_sender(client, "chain"),
        reasons={"batches": "it sends one by one only"},
        is_slow=True,
    )


def peers() -> list[Peer]:
    """Return the configurations to measure."""
    found = [_peer("sqlite", SQLITE_URL)]
    if POSTGRES_URL is not None:
        found.append(_peer("postgresql", POSTGRES_URL))
    else:
        sys.stderr.write("no PostgreSQL: measured on SQLite only\n")
    return found
