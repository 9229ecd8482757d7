"""Celery on Redis: prefork, acknowledged late, one job fetched at a time."""

from __future__ import annotations

from importlib.metadata import version

from celery import Celery, chain
from measure import REDIS_URL, WORKERS, Peer, note, python

app = Celery("bench", broker=REDIS_URL)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)


@app.task(name="noop")
def noop() -> None:
    """Do the work of every job."""
    note()


def enqueue(count: int) -> None:
    """Enqueue jobs one by one."""
    for _ in range(count):
        noop.delay()


def enqueue_chain(length: int) -> None:
    """Enqueue a chain."""
    chain(*(noop.si() for _ in range(length))).apply_async()


def peers() -> list[Peer]:
    """Return the configurations to measure."""
    options = ["-P", "prefork", "-c", str(WORKERS), "--loglevel", "WARNING", "--without-gossip"]
    return [
        Peer(
            system="Celery",
            configuration=f"prefork -c {WORKERS}, acks_late, prefetch 1",
            version=version("celery"),
            store="redis",
            guarantee="at least once while Redis keeps its data; results not stored",
            commands=[python("-m", "celery", "-A", "peer_celery", "worker", *options)],
            enqueue=enqueue,
            chain=enqueue_chain,
            reasons={"batches": "it sends one by one only"},
        )
    ]
