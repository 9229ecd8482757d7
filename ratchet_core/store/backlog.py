"""How long the oldest ready step of a queue waits, found by the index that claims use.

The index has a queue's steps by priority, and the oldest of each priority first: one step per
priority is read, however many are ready.
"""

from __future__ import annotations

from typing import Final

from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query

#: Priorities that are looked at, from the highest on; most queues have one or two.
_MOST_PRIORITIES: Final = 50

_OLDEST: Final = Query(
    f"""
    WITH RECURSIVE heads(priority, ready_at, number) AS (
        SELECT priority, ready_at, 1 FROM (
            SELECT priority, ready_at FROM steps
            WHERE state = 'ready' AND queue = :queue AND alone = :alone
            ORDER BY priority DESC, ready_at, id LIMIT 1
        ) AS head
        UNION ALL
        SELECT steps.priority, steps.ready_at, heads.number + 1
        FROM heads JOIN steps ON steps.id = (
            SELECT below.id FROM steps AS below
            WHERE below.state = 'ready' AND below.queue = :queue AND below.alone = :alone
                AND below.priority < heads.priority
            ORDER BY below.priority DESC, below.ready_at, below.id LIMIT 1
        )
        WHERE heads.number < {_MOST_PRIORITIES}
    )
    SELECT {{now}} - min(ready_at) FROM heads
    WHERE NOT EXISTS (SELECT 1 FROM pauses WHERE kind = 'queue' AND subject = :queue)
    """  # noqa: S608 - constants only
)


def oldest_ready_age_s(tx: Tx, queue: str) -> float | None:
    """Return for how long a queue's oldest ready step waits, in seconds.

    Args:
        tx: any transaction.
        queue: name of the queue.

    Returns:
        None where no step is ready, and where the queue is paused: then it waits on purpose.
    """
    ages = [
        age_us
        for alone in (False, True)
        for (age_us,) in _OLDEST.rows(tx, {"queue": queue, "alone": alone})
        if age_us is not None
    ]
    return max(0, *ages) / 1_000_000 if ages else None
