"""RQ: a worker that forks per job, and one that does not, two processes each."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from measure import REDIS_URL, WORKERS, Peer, note, python
from redis import Redis
from rq import Queue

_COMMAND = "from rq.cli import main; main()"


def noop() -> None:
    """Do the work of every job."""
    note()


def _one_by_one(queue: Queue) -> Callable[[int], None]:
    def enqueue(count: int) -> None:
        for _ in range(count):
            queue.enqueue("peer_rq.noop")

    return enqueue


def _at_once(queue: Queue) -> Callable[[int], object]:
    def enqueue(count: int) -> object:
        return queue.enqueue_many([Queue.prepare_data("peer_rq.noop") for _ in range(count)])

    return enqueue


def _chain(queue: Queue) -> Callable[[int], None]:
    def enqueue(length: int) -> None:
        job = None
        for _ in range(length):
            job = queue.enqueue("peer_rq.noop", depends_on=job)

    return enqueue


def peers() -> list[Peer]:
    """Return the configurations to measure."""
    found = []
    for kind, forks in (("SimpleWorker", False), ("Worker", True)):
        queue = Queue(f"bench-{kind}", connection=Redis.from_url(REDIS_URL))
        options = ["worker", "--url", REDIS_URL, "-w", f"rq.worker.{kind}", "--quiet", queue.name]
        found.append(
            Peer(
                system="RQ",
                configuration=f"{kind} x{WORKERS}" + (", forks per job" if forks else ""),
                version=version("rq"),
                store="redis",
                guarantee="state and result of each job in Redis; a job whose worker dies fails",
                commands=[python("-c", _COMMAND, *options) for _ in range(WORKERS)],
                enqueue=_one_by_one(queue),
                enqueue_many=_at_once(queue),
                chain=_chain(queue),
                is_slow=True,
            )
        )
    return found
