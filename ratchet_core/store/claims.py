"""Claiming ready steps, many at a time, and looking whether there are any.

Claims lock steps only and skip what others hold, so they never wait for a conclude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ratchet_core.domain.pause import PauseKind
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Bulk, Query, write

_COLUMNS: Final = (
    "steps.id, run_id, token, position, attempts, failures, losses, priority, alone, ready_at, "
    "input, changes"
)
#: SQLite: writers are alone, so a plain sub-select picks in queue order. PostgreSQL: the pick
#: must be materialized, or a nested loop may run it again per row and claim more than was asked
#: for (architecture.md section 3).
_CLAIM: Final = {
    "sqlite": Query(
        f"""
        UPDATE steps SET state = 'claimed', drain_id = :drain, token = token + 1
        WHERE id IN (
            SELECT id FROM steps
            WHERE state = 'ready' AND queue = :queue AND alone = :alone
            ORDER BY priority DESC, ready_at, id LIMIT :count
        ) AND state = 'ready'
        RETURNING {_COLUMNS.replace("steps.", "")}
        """  # noqa: S608 - constants only
    ),
    "postgresql": Query(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT id FROM steps
            WHERE state = 'ready' AND queue = :queue AND alone = :alone
            ORDER BY priority DESC, ready_at, id LIMIT :count
            FOR UPDATE SKIP LOCKED
        )
        UPDATE steps SET state = 'claimed', drain_id = :drain, token = token + 1
        FROM picked WHERE steps.id = picked.id
        RETURNING {_COLUMNS}
        """  # noqa: S608
    ),
}
_DUE: Final = Query(
    "SELECT id, run_id FROM steps WHERE state = 'backoff' AND ready_at <= {now} "
    "ORDER BY ready_at LIMIT 1000"
)
_LOCK_FREE_RUNS: Final = Query(
    "SELECT id FROM runs WHERE id IN :ids[] ORDER BY id FOR UPDATE SKIP LOCKED"
)
_WAKE: Final = Query(
    "UPDATE steps SET state = 'ready' WHERE id IN :ids[] AND run_id IN :run_ids[] "
    "AND state = 'backoff' RETURNING run_id"
)
_WOKEN: Final = Bulk(
    "UPDATE runs SET steps_backoff = steps_backoff - :count, "
    "steps_active = steps_active + :count WHERE id = :run_id",
    "run_id text, count int",
)
_DUE_IN: Final = Query("SELECT min(ready_at) - {now} FROM steps WHERE state = 'backoff'")
#: What is paused is only read where anything is: else no drain pays a round trip for it.
_OUTLOOK: Final = Query(
    "SELECT min(ready_at) - {now}, EXISTS (SELECT 1 FROM pauses), EXISTS (SELECT 1 FROM steps "
    "WHERE state = 'ready' AND queue IN :queues[]) FROM steps WHERE state = 'backoff'"
)
_PAUSES: Final = Query("SELECT kind, subject FROM pauses")
_ANY_READY: Final = Query("SELECT 1 FROM steps WHERE state = 'ready' AND queue = :queue LIMIT 1")
_COUNT_READY: Final = Query(
    "SELECT count(*) FROM (SELECT 1 FROM steps WHERE state = 'ready' AND queue = :queue "
    "LIMIT :limit) AS waiting"
)
_OLDEST_READY: Final = Query(
    "SELECT queue, {now} - min(ready_at), count(*) FROM steps WHERE state = 'ready' GROUP BY queue"
)
_RUNS_OF: Final = Query("SELECT id, snapshot_id, input, traceparent FROM runs WHERE id IN :ids[]")
_RESULTS_OF: Final = Query(
    "SELECT run_id, position, result FROM steps WHERE run_id IN :ids[] AND position IN :positions[]"
)


@dataclass(slots=True)
class ClaimedStep:
    """A step that a drain has just been given."""

    id: str  #: UUIDv7
    run_id: str  #: of its run
    token: int  #: fencing token
    position: int  #: in definition order
    attempts: int  #: started attempts
    failures: int  #: attempts that count against the limit
    losses: int  #: attempts lost with their worker
    priority: int  #: of its run
    alone: bool  #: never claimed together with others
    ready_at: int  #: since when it waits, in microseconds
    input: str | None  #: its own input, where an operator gave one
    changes: str | None  #: JSON of what an operator changed in its definition


@dataclass(slots=True)
class ClaimedRun:
    """What the steps of a run have in common."""

    snapshot_id: str  #: UUIDv7 of the version that it was made of
    input: str  #: JSON text
    traceparent: str | None  #: span that made it


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in one queue."""

    queue: str  #: its name
    oldest_age_s: float  #: how long the oldest step has been ready, in seconds
    ready: int  #: how many steps are ready


_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a drain has to know before it claims."""

    due_in_us: int | None  #: until the next back-off ends, in microseconds; None without any
    found: bool  #: a step waits in one of the queues that are not paused
    queues: frozenset[str]  #: that are paused
    workflows: frozenset[str]  #: UUIDs of workflows that are paused


def outlook(tx: Tx, queues: Sequence[str]) -> Outlook:
    """Look what waits in queues, when the next back-off ends, and what is paused."""
    [(due, is_any_paused, found)] = _OUTLOOK.rows(tx, {"queues": list(queues)})
    due_in_us = None if due is None else int(due)
    if not is_any_paused:
        return Outlook(due_in_us, bool(found), _NONE, _NONE)
    rows = _PAUSES.rows(tx, {})
    paused, workflows = (
        frozenset(subject for kind, subject in rows if kind == wanted)
        for wanted in (PauseKind.QUEUE, PauseKind.WORKFLOW)
    )
    if found and paused:
        found = any(any_ready(tx, queue) for queue in queues if queue not in paused)
    return Outlook(due_in_us, bool(found), paused, workflows)


def claim(tx: Tx, drain_id: str, queue: str, count: int, *, alone: bool) -> list[ClaimedStep]:
    """Give up to `count` ready steps to a drain and return them in no particular order."""
    values = {"drain": drain_id, "queue": queue, "count": count, "alone": alone}
    return [ClaimedStep(*row) for row in _CLAIM[tx.dialect.name].rows(tx, values)]


def due_in_us(tx: Tx) -> int | None:
    """Return in how many microseconds the next back-off ends; None without any."""
    [(due,)] = _DUE_IN.rows(tx, {})
    return None if due is None else int(due)


def wake_due(tx: Tx) -> int:
    """Make steps ready whose back-off has ended; return how many.

    Runs are locked first, as everywhere; one that is busy is woken at the next look.
    """
    due = _DUE.rows(tx, {})
    run_ids = {run_id for _, run_id in due}
    if tx.dialect.name == "postgresql" and due:
        run_ids = {row[0] for row in _LOCK_FREE_RUNS.rows(tx, {"ids": sorted(run_ids)})}
    woken: dict[str, int] = {}
    if run_ids:
        values = {"ids": [step_id for step_id, _ in due], "run_ids": list(run_ids)}
        for (run_id,) in _WAKE.rows(tx, values):
            woken[run_id] = woken.get(run_id, 0) + 1
    write(tx, _WOKEN, [{"run_id": key, "count": count} for key, count in sorted(woken.items())])
    return sum(woken.values())


def any_ready(tx: Tx, queue: str) -> bool:
    """Tell whether a step waits in the queue."""
    return bool(_ANY_READY.rows(tx, {"queue": queue}))


def count_ready(tx: Tx, queue: str, limit: int) -> int:
    """Count the steps that wait in the queue, up to `limit`."""
    [(count,)] = _COUNT_READY.rows(tx, {"queue": queue, "limit": limit})
    return int(count)


def backlog(tx: Tx) -> list[Backlog]:
    """Return what waits in each queue that is not empty."""
    rows = _OLDEST_READY.rows(tx, {})
    return [Backlog(queue, max(0, age_us) / 1_000_000, ready) for queue, age_us, ready in rows]


def runs_of(tx: Tx, run_ids: Sequence[str]) -> dict[str, ClaimedRun]:
    """Return runs by their ids."""
    return {row[0]: ClaimedRun(*row[1:]) for row in _RUNS_OF.rows(tx, {"ids": run_ids})}


def results_of(
    tx: Tx, run_ids: Sequence[str], positions: Sequence[int]
) -> dict[tuple[str, int], str | None]:
    """Return the results of the steps at these positions in these runs."""
    rows = _RESULTS_OF.rows(tx, {"ids": list(run_ids), "positions": list(positions)})
    return {(row[0], row[1]): row[2] for row in rows}
