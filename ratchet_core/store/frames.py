"""What conclude, cancel and retry know of runs and steps while they hold the runs' locks.

A transaction that touches several runs locks them all first, ordered by id; always run, then
step, then attempt (architecture.md section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ratchet_core.domain.plan import Counters
from ratchet_core.domain.states import RunState, StepState
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query, ask_all


@dataclass(slots=True)
class RunFrame:
    """One locked run."""

    id: str  #: UUIDv7
    snapshot_id: str  #: of its workflow version
    namespace: str  #: of its workflow
    name: str  #: of its workflow
    version: str  #: of its workflow
    state: RunState  #: where it stands
    counters: Counters  #: how its steps stand
    steps_total: int  #: number of its steps
    retries: int  #: attempts that were tried again
    started: bool  #: a step of it has started
    queue_priority: int  #: priority that its steps have
    waiting_for: str | None  #: with PAUSED: what is awaited


@dataclass(slots=True)
class StepFrame:
    """One step of a locked run."""

    id: str  #: UUIDv7
    run_id: str  #: of its run
    position: int  #: in definition order
    name: str  #: unique in its run
    state: StepState  #: where it stands
    pending_parents: int  #: parents that are not satisfied
    attempts: int  #: started attempts
    failures: int  #: attempts that count against the limit
    losses: int  #: attempts lost with their worker
    interruptions: int  #: times its drain died with it claimed
    drain_id: str | None  #: the drain that holds it
    token: int  #: fencing token
    attempt_id: str | None  #: its latest attempt
    queue: str  #: where it is claimed from
    input: str | None  #: its own input, where an operator gave one
    alone: bool  #: never claimed together with others
    changes: str | None  #: JSON of what an operator changed in its definition


@dataclass(frozen=True, slots=True)
class Look:
    """What a conclude sees under its locks."""

    runs: dict[str, RunFrame]  #: locked runs by id
    steps: dict[str, StepFrame]  #: steps by id
    waiting: dict[tuple[str, int], StepFrame]  #: pending steps by (run id, position)
    now_us: int  #: the database's time, in microseconds


_STEP_COLUMNS: Final = (
    "id, run_id, position, name, state, pending_parents, attempts, failures, losses, "
    "interruptions, drain_id, token, attempt_id, queue, input, alone, changes"
)
_IS_WAITING: Final = _STEP_COLUMNS.count(",") + 1
_LOCK_RUNS: Final = Query(
    "SELECT r.id, r.snapshot_id, r.namespace, r.name, r.version, r.state, r.steps_open, "
    "r.steps_active, r.steps_backoff, r.steps_failed, r.steps_total, r.retries, r.started_at, "
    "r.priority, {now}, r.waiting_for FROM runs r WHERE r.id IN :ids[] ORDER BY r.id {lock}"
)
_STEPS_BY_ID: Final = Query(f"SELECT {_STEP_COLUMNS} FROM steps WHERE id IN :ids[]")  # noqa: S608
#: Steps by their ids, and those that wait for parents, which the last column tells.
_STEPS_AND_WAITING: Final = Query(
    f"SELECT {_STEP_COLUMNS}, 0 FROM steps WHERE id IN :ids[] "  # noqa: S608
    f"UNION ALL SELECT {_STEP_COLUMNS}, 1 FROM steps WHERE run_id IN :run_ids[] "
    "AND position IN :positions[] AND state = 'pending'"
)
_STEPS_OF_RUN: Final = Query(
    f"SELECT {_STEP_COLUMNS} FROM steps WHERE run_id = :run_id ORDER BY position"  # noqa: S608
)
_HELD_BY: Final = Query(
    f"SELECT {_STEP_COLUMNS} FROM steps WHERE drain_id = :drain_id "  # noqa: S608
    "AND state IN ('claimed', 'running') ORDER BY run_id, position"
)
_RESULTS: Final = Query(
    "SELECT name, result FROM steps WHERE run_id = :run_id AND name IN :names[]"
)
_ERROR: Final = Query("SELECT error FROM steps WHERE id = :id")


def look(
    tx: Tx,
    run_ids: Iterable[str],
    step_ids: Sequence[str],
    places: Sequence[tuple[str, int]],
) -> Look:
    """Lock runs in id order and read what a conclude needs, in one round trip.

    Args:
        tx: a write transaction, best pipelined.
        run_ids: runs to lock.
        step_ids: steps of those runs to read.
        places: (run id, position) of steps that may wait for parents.
    """
    values: dict[str, Any] = {"ids": list(step_ids)}
    asked = _STEPS_BY_ID
    if places:
        asked = _STEPS_AND_WAITING
        values["run_ids"] = sorted({run_id for run_id, _ in places})
        values["positions"] = sorted({position for _, position in places})
    # two statements: the second one sees what was committed while the first one waited for locks
    found, seen = ask_all(tx, [(_LOCK_RUNS, {"ids": sorted(run_ids)}), (asked, values)])
    runs, now_us = _run_frames(found)
    steps: dict[str, StepFrame] = {}
    waiting: dict[tuple[str, int], StepFrame] = {}
    for row in seen:
        if places and row[_IS_WAITING]:
            waiting[row[1], row[2]] = _frame(row)
        else:
            steps[row[0]] = _frame(row)
    return Look(runs, steps, waiting, now_us)


def lock_runs(tx: Tx, run_ids: Iterable[str]) -> tuple[dict[str, RunFrame], int]:
    """Lock runs in id order; return them by id, and the database's time in microseconds."""
    return _run_frames(_LOCK_RUNS.rows(tx, {"ids": sorted(run_ids)}))


def _run_frames(rows: Iterable[tuple[Any, ...]]) -> tuple[dict[str, RunFrame], int]:
    frames: dict[str, RunFrame] = {}
    now_us = 0
    for row in rows:
        now_us = row[14]
        counters = Counters(row[6], row[7], row[8], row[9])
        started = row[12] is not None
        frames[row[0]] = RunFrame(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            RunState(row[5]),
            counters,
            row[10],
            row[11],
            started,
            row[13],
            row[15],
        )
    return frames, now_us


def _frame(row: tuple[Any, ...]) -> StepFrame:
    return StepFrame(
        row[0],
        row[1],
        row[2],
        row[3],
        StepState(row[4]),
        row[5],
        row[6],
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
        row[13],
        row[14],
        bool(row[15]),
        row[16],
    )


def steps_by_id(tx: Tx, step_ids: Sequence[str]) -> dict[str, StepFrame]:
    """Return steps by id."""
    return {row[0]: _frame(row) for row in _STEPS_BY_ID.rows(tx, {"ids": list(step_ids)})}


def steps_of_run(tx: Tx, run_id: str) -> list[StepFrame]:
    """Return every step of a locked run in definition order."""
    return [_frame(row) for row in _STEPS_OF_RUN.rows(tx, {"run_id": run_id})]


def held_by(tx: Tx, drain_id: str) -> list[StepFrame]:
    """Return every step that a drain holds."""
    return [_frame(row) for row in _HELD_BY.rows(tx, {"drain_id": drain_id})]


def results_by_name(tx: Tx, run_id: str, names: Sequence[str]) -> dict[str, str | None]:
    """Return JSON texts of the results of steps."""
    rows = _RESULTS.rows(tx, {"run_id": run_id, "names": list(names)})
    return {row[0]: row[1] for row in rows}


def error_of(tx: Tx, step: StepFrame) -> str | None:
    """Return the JSON error of a failed step, with the step's name in it."""
    [(stored,)] = _ERROR.rows(tx, {"id": step.id})
    if stored is None:
        return None
    return orjson.dumps({**orjson.loads(stored), "step": step.name}).decode()
