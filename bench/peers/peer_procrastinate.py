"""Procrastinate: a queue in PostgreSQL, two processes."""

from __future__ import annotations

from importlib.metadata import version

from measure import POSTGRES_URL, WORKERS, Peer, note, python
from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=POSTGRES_URL or ""))


@app.task(name="noop")
def noop() -> None:
    """Do the work of every job."""
    note()


def enqueue(count: int) -> None:
    """Enqueue jobs one by one."""
    for _ in range(count):
        noop.defer()


def enqueue_many(count: int) -> None:
    """Enqueue jobs in one statement."""
    noop.batch_defer(*[{} for _ in range(count)])


def peers() -> list[Peer]:
    """Return the configurations to measure."""
    if POSTGRES_URL is None:
        raise SystemExit("it needs PostgreSQL, and there is none")
    app.open()
    app.schema_manager.apply_schema()
    command = python("-m", "procrastinate", "--app", "peer_procrastinate.app", "worker")
    return [
        Peer(
            system="Procrastinate",
            configuration=f"{WORKERS} processes",
            version=version("procrastinate"),
            store="postgresql",
            guarantee="state of each job in PostgreSQL, results not stored; a killed job stays "
            "'doing' until somebody retries it",
            commands=[command for _ in range(WORKERS)],
            enqueue=enqueue,
            enqueue_many=enqueue_many,
            is_slow=True,
        )
    ]
