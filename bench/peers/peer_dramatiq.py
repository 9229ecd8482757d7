"""Dramatiq on Redis: two processes of one thread each."""

from __future__ import annotations

from importlib.metadata import version

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from measure import REDIS_URL, WORKERS, Peer, note, python

dramatiq.set_broker(RedisBroker(url=REDIS_URL))


@dramatiq.actor(actor_name="noop")
def noop() -> None:
    """Do the work of every job."""
    note()


def enqueue(count: int) -> None:
    """Enqueue jobs one by one."""
    for _ in range(count):
        noop.send()


def enqueue_chain(length: int) -> None:
    """Enqueue a chain."""
    messages = [noop.message_with_options(pipe_ignore=True) for _ in range(length)]
    dramatiq.pipeline(messages).run()


def peers() -> list[Peer]:
    """Return the configurations to measure."""
    return [
        Peer(
            system="Dramatiq",
            configuration=f"-p {WORKERS} -t 1",
            version=version("dramatiq"),
            store="redis",
            guarantee="at least once while Redis keeps its data; results not stored",
            commands=[python("-m", "dramatiq", "-p", str(WORKERS), "-t", "1", "peer_dramatiq")],
            enqueue=enqueue,
            chain=enqueue_chain,
            reasons={"batches": "it sends one by one only"},
        )
    ]
