"""Huey on Redis: two worker processes, results not stored."""

from __future__ import annotations

from importlib.metadata import version

from huey import RedisHuey
from measure import REDIS_URL, WORKERS, Peer, note, python

huey = RedisHuey("bench", url=REDIS_URL, results=False)


@huey.task()
def noop() -> None:
    """Do the work of every job."""
    note()


def enqueue(count: int) -> None:
    """Enqueue jobs one by one."""
    for _ in range(count):
        noop()


def enqueue_chain(length: int) -> None:
    """Enqueue a chain."""
    pipeline = noop.s()
    for _ in range(length - 1):
        pipeline = pipeline.then(noop)
    huey.enqueue(pipeline)


def peers() -> list[Peer]:
    """Return the configurations to measure."""
    options = ["peer_huey.huey", "-w", str(WORKERS), "-k", "process", "-n", "-q"]
    return [
        Peer(
            system="Huey",
            configuration=f"-w {WORKERS} -k process",
            version=version("huey"),
            store="redis",
            guarantee="lossy: a job is taken off the queue before it runs; results not stored",
            commands=[python("-m", "huey.bin.huey_consumer", *options)],
            enqueue=enqueue,
            chain=enqueue_chain,
            reasons={"batches": "it sends one by one only"},
        )
    ]
