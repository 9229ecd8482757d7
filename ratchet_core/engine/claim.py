"""Claim: give ready steps to a drain, with all that is needed to run them.

A claim is no attempt: it is written without sync, and counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine.core import Core
from ratchet_core.engine.park import park
from ratchet_core.engine.work import Assignment
from ratchet_core.store import claims
from ratchet_core.store.database import Tx

#: Times that a claim tries again where all it took belonged to paused workflows.
_ROUNDS: Final = 20
#: How often steps that are claimed alone come before the others, so that neither starves.
_ALONE_FIRST: Final = 1 / 16


def claim(core: Core, drain_id: str, queues: Sequence[str], limit: int) -> list[Assignment]:
    """Claim up to `limit` steps for a drain, in queue order.

    Returns:
        Assignments; exactly one when it has to be run alone; none when nothing is ready.
    """
    for _ in range(_ROUNDS):
        look = _look(core, queues)
        rows = _take(core, drain_id, look.queues, limit) if look.found else ()
        if not rows:
            return []
        if look.paused_workflows:
            rows = park(core, drain_id, rows, look.paused_workflows)
        if rows:
            ordered = sorted(rows, key=lambda row: (-row.priority, row.ready_at, row.id))
            with core.database.read() as tx:
                return assign(core, tx, ordered)
    return []


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look before a claim found."""

    found: bool  #: a step can be claimed
    queues: Sequence[str]  #: those of the drain that are not paused
    paused_workflows: frozenset[str]  #: UUIDs


def _look(core: Core, queues: Sequence[str]) -> _Look:
    """Look what can be claimed; wakes steps whose back-off has ended."""
    with core.database.read() as tx:
        seen = claims.outlook(tx, queues)
    free = [queue for queue in queues if queue not in seen.queues] if seen.queues else queues
    found = seen.found
    if seen.due_in_us is not None and seen.due_in_us <= 0:
        woken = core.database.transact(claims.wake_due, durable=False, polite=True)
        found = found or woken > 0
    return _Look(found, free, seen.workflows)


def _take(
    core: Core, drain_id: str, queues: Sequence[str], limit: int
) -> Sequence[claims.ClaimedStep]:
    alone_first = core.random() < _ALONE_FIRST

    def work(tx: Tx) -> Sequence[claims.ClaimedStep]:
        for queue in queues:
            for alone in (alone_first, not alone_first):
                wanted = 1 if alone else limit
                rows = claims.claim(tx, drain_id, queue, wanted, alone=alone)
                if rows:
                    return rows
        return ()

    return core.database.transact(work, durable=False, polite=True, single=True)


def has_ready(core: Core, queues: Sequence[str]) -> bool:
    """Tell whether any step can be claimed; wakes those whose back-off has ended."""
    return _look(core, queues).found


def next_ready_in_s(core: Core) -> float | None:
    """Return in how many seconds the next back-off ends, at least 0; None without any."""
    with core.database.read() as tx:
        due = claims.due_in_us(tx)
    return None if due is None else max(0.0, due / 1_000_000)


def ready_count(core: Core, queues: Sequence[str], limit: int = 1000) -> int:
    """Count the steps that can be claimed from the queues, up to `limit` per queue."""
    with core.database.read() as tx:
        paused = claims.outlook(tx, queues).queues
        free = [queue for queue in queues if queue not in paused]
        return sum(claims.count_ready(tx, queue, limit) for queue in free)


def assign(core: Core, tx: Tx, rows: Sequence[Any]) -> list[Assignment]:
    """Turn claimed steps into assignments: definition, input and results of parents.

    Args:
        core: the shared parts.
        tx: any transaction.
        rows: with id, run_id, token, position, attempts, failures, losses, priority, alone, input
            and changes.
    """
    if not rows:
        return []
    run_rows = claims.runs_of(tx, sorted({row.run_id for row in rows}))
    workflows = core.snapshots.load(tx, {row.snapshot_id for row in run_rows.values()})
    of_run = {run_id: workflows[row.snapshot_id] for run_id, row in run_rows.items()}
    results = parents_results(tx, [(row.run_id, row.position) for row in rows], of_run)
    return [
        Assignment(
            step_id=row.id,
            run_id=row.run_id,
            token=row.token,
            position=row.position,
            workflow=of_run[row.run_id],
            attempt=row.attempts + 1,
            failures=row.failures,
            losses=row.losses,
            priority=row.priority,
            alone=bool(row.alone),
            input=run_rows[row.run_id].input if row.input is None else row.input,
            run_input=run_rows[row.run_id].input,
            results=results.get((row.run_id, row.position), {}),
            changes=row.changes,
            traceparent=run_rows[row.run_id].traceparent,
        )
        for row in rows
        if row.run_id in of_run
    ]


def parents_results(
    tx: Tx, places: Iterable[tuple[str, int]], of_run: Mapping[str, WorkflowDefinition]
) -> dict[tuple[str, int], dict[str, str]]:
    """Return, for steps that have parents, each parent's name and JSON result.

    Args:
        tx: any transaction.
        places: (run id, position) of the steps.
        of_run: run id to definition.
    """
    wanted: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for run_id, position in places:
        workflow = of_run[run_id]
        parents = workflow.steps[position].depends_on
        if parents:
            wanted[run_id, position] = [(name, workflow.positions[name]) for name in parents]
    if not wanted:
        return {}
    positions = {position for parents in wanted.values() for _, position in parents}
    stored = claims.results_of(tx, sorted({run_id for run_id, _ in wanted}), sorted(positions))
    return {
        (run_id, place): {
            name: stored.get((run_id, position)) or "null" for name, position in parents
        }
        for (run_id, place), parents in wanted.items()
    }
