"""Names and fixed options of what stands in Redis for RQ: queues and drain jobs.

RQ queues of ours begin with `ratchet:` and are shared with nothing else; a drain job is a host
that runs a drain, not a piece of work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PREFIX: Final = "ratchet:"
#: What a drain job calls, as RQ imports it.
DRAIN_PATH: Final = "ratchet_core.worker.host.drain"
#: RQ keeps a failed drain job this long, for people to look at.
FAILURE_TTL_S: Final = 3600


def rq_name(queue: str) -> str:
    """Return the RQ queue whose jobs host drains of our queue."""
    return PREFIX + queue


def own_names(rq_names: Sequence[str]) -> tuple[str, ...]:
    """Return our queues' names.

    Raises:
        ValueError: one of the RQ queues is not ours.
    """
    foreign = [name for name in rq_names if not name.startswith(PREFIX) or name == PREFIX]
    if foreign:
        message = (
            f"queue '{foreign[0]}' is not one of Ratchet's: they are named {PREFIX}<queue>, "
            f"such as {PREFIX}default, and are shared with no other jobs"
        )
        raise ValueError(message)
    return tuple(name.removeprefix(PREFIX) for name in rq_names)
