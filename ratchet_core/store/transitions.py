"""The guarded writes of states: nothing else writes `state` of a run, step or attempt.

Each write names the states it may leave and the fencing token it was made under. A write that
meets no row means that somebody else was first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ratchet_core.domain.states import StepSignal, sources_of
from ratchet_core.store import counts
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Bulk, Query, Rows, write


def _quoted(*signals: StepSignal) -> str:
    states = sorted({state for signal in signals for state in sources_of(signal)})
    return ", ".join(f"'{state}'" for state in states)


# `state || ''`: the row is found by its id, never by a partial index on the state, which the
# planner would take for the shorter way and then read every held step.
END_STEPS: Final = Bulk(
    f"""
    UPDATE steps SET state = :state, result = :result, error = :error, attempts = :attempts,
        failures = :failures, losses = :losses, attempt_id = :attempt_id, progress = :progress,
        ready_at = :ready_at, alone = :alone, started_at = coalesce(started_at, :started_at),
        completed_at = :completed_at, drain_id = NULL
    WHERE id = :id AND token = :token AND state || '' IN ({_quoted(StepSignal.SUCCEED)})
    """,  # noqa: S608 - states of ours
    "id text, token int, state text, result text, error text, attempts int, failures int, "
    "losses int, attempt_id text, progress float8, ready_at bigint, alone bool, "
    "started_at bigint, completed_at bigint",
)  #: the ends of attempts, under the claim's token
FREE_STEPS: Final = Bulk(
    f"""
    UPDATE steps SET state = :state, pending_parents = :pending_parents, ready_at = :ready_at,
        drain_id = :drain_id, token = token + :token_step
    WHERE id = :id AND state IN ({_quoted(StepSignal.FREE)})
    """,  # noqa: S608
    "id text, state text, pending_parents int, ready_at bigint, drain_id text, token_step int",
)  #: new counts of unsatisfied parents; a freed step is ready, or claimed at once
ADD_ATTEMPTS: Final = Bulk(
    "INSERT INTO attempts",
    "id text, step_id text, run_id text, namespace text, name text, version text, step "
    "text, number int, state text, error text, drain_id text, started_at "
    "bigint, completed_at bigint, duration_us bigint",
)  #: attempts, ended or under way
END_ATTEMPTS: Final = Bulk(
    "UPDATE attempts SET state = :state, error = :error, "
    "completed_at = :completed_at, duration_us = :duration_us "
    "WHERE id = :id AND state = 'running'",
    "id text, state text, error text, completed_at bigint, duration_us bigint",
)  #: the ends of attempts that were stored when they started
MOVE_RUNS: Final = Bulk(
    """
    UPDATE runs SET state = :state, steps_open = :open, steps_active = :active,
        steps_backoff = :backoff, steps_failed = :failed, retries = :retries,
        progress = :progress, result = coalesce(:result, result), error = :error,
        started_at = coalesce(started_at, :started_at), completed_at = :completed_at,
        updated_at = :at
    WHERE id = :id AND state = :from_state
    """,
    "id text, from_state text, state text, open int, active int, backoff int, failed int, "
    "retries int, progress float8, result text, error text, started_at bigint, "
    "completed_at bigint, at bigint",
)  #: states and counters of locked runs; who writes it counts the moves (`store.counts`)
KEEP_RUNS: Final = Bulk(
    """
    UPDATE runs SET steps_open = :open, steps_active = :active, steps_backoff = :backoff,
        steps_failed = :failed, retries = :retries, progress = :progress,
        started_at = coalesce(started_at, :started_at), updated_at = :at
    WHERE id = :id AND state = :from_state
    """,
    "id text, from_state text, open int, active int, backoff int, failed int, retries int, "
    "progress float8, started_at bigint, at bigint",
)  #: counters of locked runs that stay where they are: no index has to follow
_RELEASE_STEPS: Final = Bulk(
    f"""
    UPDATE steps SET state = :state, drain_id = NULL, token = token + 1,
        interruptions = interruptions + :interrupted,
        alone = (alone OR interruptions + :interrupted >= 2)
    WHERE id = :id AND drain_id = :drain_id AND state || '' IN ({_quoted(StepSignal.RELEASE)})
    """,  # noqa: S608
    "id text, drain_id text, interrupted int, state text",
)
_RESET_STEPS: Final = Bulk(
    """
    UPDATE steps SET state = :state, pending_parents = :pending_parents, ready_at = :ready_at,
        result = NULL, error = NULL, failures = 0, losses = 0, interruptions = 0, progress = 0,
        started_at = NULL, completed_at = NULL, drain_id = NULL, token = token + 1
    WHERE id = :id AND token = :token
    """,
    "id text, token int, state text, pending_parents int, ready_at bigint",
)
_START_STEP: Final = Query(
    f"""
    UPDATE steps SET state = 'running', attempts = attempts + 1, attempt_id = :attempt_id,
        started_at = coalesce(started_at, :started_at)
    WHERE id = :id AND token = :token AND state IN ({_quoted(StepSignal.START)})
    """  # noqa: S608
)
_CANCEL_STEPS: Final = Query(
    f"""
    UPDATE steps SET state = 'cancelled', drain_id = NULL, token = token + 1, completed_at = :at
    WHERE run_id = :run_id AND state IN ({_quoted(StepSignal.CANCEL)})
    """  # noqa: S608
)
_CANCEL_ATTEMPTS: Final = Query(
    "UPDATE attempts SET state = 'cancelled', completed_at = :at, duration_us = :at - started_at "
    "WHERE run_id = :run_id AND state = 'running'"
)
_PAUSE_STEPS: Final = Query(
    f"""
    UPDATE steps SET state = 'paused'
    WHERE run_id = :run_id AND state IN ({_quoted(StepSignal.PAUSE)})
    """  # noqa: S608
)
_RESUME_STEPS: Final = Query(
    f"""
    UPDATE steps SET state = CASE WHEN ready_at > :at THEN 'backoff' ELSE 'ready' END
    WHERE run_id = :run_id AND state IN ({_quoted(StepSignal.RESUME)})
    RETURNING state, queue
    """  # noqa: S608
)
_HOLD_RUN: Final = Query(
    "UPDATE runs SET state = :state, waiting_for = :waiting_for, steps_active = :active, "
    "steps_backoff = :backoff, updated_at = :at WHERE id = :id AND state = :from_state"
)
_SETTLE_STEP: Final = Query(
    """
    UPDATE steps SET state = :state, result = :result, error = :error, progress = :progress,
        ready_at = NULL, completed_at = :at, drain_id = NULL, token = token + 1
    WHERE id = :id AND token = :token AND state = :from_state
    """
)
_CANCEL_ATTEMPT: Final = Query(
    "UPDATE attempts SET state = 'cancelled', completed_at = :at, duration_us = :at - started_at "
    "WHERE run_id = :run_id AND step_id = :id AND state = 'running'"
)
_EDIT_STEP: Final = Query(
    "UPDATE steps SET input = :input, changes = :changes "
    "WHERE id = :id AND token = :token AND state = :from_state"
)
_RESOLVE_RUN: Final = Query(
    "UPDATE runs SET state = :state, resolved_by = :by, error = NULL, progress = 1, "
    "completed_at = :at, updated_at = :at WHERE id = :id AND state = :from_state"
)
_START_RUN: Final = Query(
    "UPDATE runs SET state = :state, started_at = coalesce(started_at, :started_at), "
    "updated_at = :at WHERE id = :id AND state = :from_state"
)
_RESTART_RUN: Final = Query(
    """
    UPDATE runs SET state = :state, steps_open = :open, steps_active = :active,
        steps_backoff = :backoff, steps_failed = :failed, progress = :progress, result = NULL,
        error = NULL, completed_at = NULL, updated_at = :at,
        outbox = CASE WHEN outbox = 2 THEN 1 ELSE outbox END,
        deadline_at = CASE WHEN deadline_at > :at THEN deadline_at END
    WHERE id = :id AND state = :from_state
    """
)
_PROGRESS: Final = Query(
    "UPDATE steps SET progress = :progress WHERE id = :id AND token = :token "
    "AND state IN ('claimed', 'running')"
)
_RUN_PROGRESS: Final = Query(
    "UPDATE runs SET progress = :progress, updated_at = :at "
    "WHERE id = :id AND state IN ('pending', 'running')"
)
_STILL_MINE: Final = Query(
    "SELECT id, token FROM steps WHERE id IN :ids[] AND drain_id = :drain_id "
    "AND state IN ('claimed', 'running')"
)
#: The first EXISTS is asked once: where no run is paused, no step pays for the second.
_MAY_START: Final = Query(
    "SELECT id, token FROM steps WHERE id IN :ids[] AND drain_id = :drain_id "
    "AND state IN ('claimed', 'running') AND (NOT EXISTS (SELECT 1 FROM runs "
    "WHERE state = 'paused') OR NOT EXISTS (SELECT 1 FROM runs AS own "
    "WHERE own.id = steps.run_id AND own.state = 'paused'))"
)


def start_step(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Mark a claimed step as running; False when it is not held under that token any more."""
    return _START_STEP.write(tx, row) == 1


def release_steps(tx: Tx, rows: Rows) -> int:
    """Give claimed steps back, ready or paused as their rows say; return how many were held."""
    return write(tx, _RELEASE_STEPS, rows)


def cancel_steps(tx: Tx, run_id: str, at_us: int) -> None:
    """Cancel every open step and attempt of a locked run."""
    _CANCEL_STEPS.write(tx, {"run_id": run_id, "at": at_us})
    _CANCEL_ATTEMPTS.write(tx, {"run_id": run_id, "at": at_us})


def pause_steps(tx: Tx, run_id: str) -> None:
    """Take the steps of a locked run that wait to be claimed, now or later, out of their queue."""
    _PAUSE_STEPS.write(tx, {"run_id": run_id})


def resume_steps(tx: Tx, run_id: str, at_us: int) -> list[tuple[str, str]]:
    """Give the paused steps of a locked run back; return state and queue of each.

    One whose back-off has not ended goes on waiting for that.
    """
    rows = _RESUME_STEPS.rows(tx, {"run_id": run_id, "at": at_us})
    return [(row[0], row[1]) for row in rows]


def hold_run(tx: Tx, row: Mapping[str, Any]) -> int:
    """Pause or resume a locked run; return whether it was met."""
    return _moved(tx, row, _HOLD_RUN.write(tx, row))


def settle_step(tx: Tx, row: Mapping[str, Any]) -> bool:
    """End a step of a locked run by hand, and its open attempt; False when it was claimed."""
    if _SETTLE_STEP.write(tx, row) == 0:
        return False
    _CANCEL_ATTEMPT.write(tx, row)
    return True


def edit_step(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Write input and changes of a step of a locked run; False when it was claimed."""
    return _EDIT_STEP.write(tx, row) == 1


def resolve_run(tx: Tx, row: Mapping[str, Any]) -> None:
    """Settle a locked, ended run."""
    _moved(tx, row, _RESOLVE_RUN.write(tx, row))


def reset_steps(tx: Tx, rows: Rows) -> int:
    """Set steps of a locked run back, to run again; return how many were met."""
    return write(tx, _RESET_STEPS, rows)


def move_runs(tx: Tx, rows: Rows) -> int:
    """Write states and counters of locked runs; return how many were met."""
    met = write(tx, MOVE_RUNS, rows)
    if met:
        counts.count_moved(tx, rows)
    return met


def start_run(tx: Tx, row: Mapping[str, Any]) -> None:
    """Mark a locked run as running."""
    _moved(tx, row, _START_RUN.write(tx, row))


def restart_run(tx: Tx, row: Mapping[str, Any]) -> int:
    """Set a locked, ended run going again; return whether it was met."""
    return _moved(tx, row, _RESTART_RUN.write(tx, row))


def _moved(tx: Tx, row: Mapping[str, Any], met: int) -> int:
    if met:
        counts.count_moved(tx, [row])
    return met


def write_progress(tx: Tx, step_id: str, token: int, progress: float) -> bool:
    """Note how far a held step is; False when it is not held under that token any more."""
    return _PROGRESS.write(tx, {"id": step_id, "token": token, "progress": progress}) == 1


def write_run_progress(tx: Tx, run_id: str, progress: float, at_us: int) -> None:
    """Note how far a run is."""
    _RUN_PROGRESS.write(tx, {"id": run_id, "progress": progress, "at": at_us})


def held_tokens(tx: Tx, drain_id: str, step_ids: Sequence[str]) -> dict[str, int]:
    """Return those of the steps that the drain still holds, with their tokens."""
    rows = _STILL_MINE.rows(tx, {"ids": list(step_ids), "drain_id": drain_id})
    return {row[0]: row[1] for row in rows}


def startable_tokens(tx: Tx, drain_id: str, step_ids: Sequence[str]) -> dict[str, int]:
    """Return those of the steps that the drain still holds in runs that are not paused."""
    rows = _MAY_START.rows(tx, {"ids": list(step_ids), "drain_id": drain_id})
    return {row[0]: row[1] for row in rows}
