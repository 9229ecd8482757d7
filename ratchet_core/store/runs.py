"""Writing new runs and the journal, and finding the run that an idempotency key made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from ratchet_core.store import counts
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Bulk, Query, Rows, ask_all, write, write_all

ADD_JOURNAL: Final = Bulk(
    "INSERT INTO journal",
    "run_id text, step text, name text, at bigint, data text",
)  #: entries of the journal
_ADD_RUNS: Final = Bulk(
    "INSERT INTO runs",
    "id text, workflow_id text, snapshot_id text, namespace text, name text, version "
    "text, state text, priority int, input text, result text, progress float8, retries "
    "int, steps_total int, steps_open int, steps_active int, steps_backoff int, "
    "steps_failed int, principal text, idempotency_key text, request_hash text, "
    "schedule_id text, scheduled_for bigint, origin text, output_destinations text, outbox int, "
    "rerun_of text, traceparent text, deadline_at bigint, created_at bigint, updated_at bigint, "
    "completed_at bigint",
)
_ADD_STEPS: Final = Bulk(
    "INSERT INTO steps",
    "id text, run_id text, position int, name text, queue text, priority int, state text, "
    "pending_parents int, ready_at bigint, attempts int, failures int, losses int, "
    "interruptions int, alone bool, token int, progress float8, result text, completed_at "
    "bigint",
)
#: Principal and idempotency key.
Place = tuple[str, str]

_BY_KEY: Final = Query(
    "SELECT id, request_hash FROM runs WHERE principal = :principal AND idempotency_key = :key"
)

#: The run first, then the one that it does again, and so on.
_LINEAGE: Final = Query(
    """
    WITH RECURSIVE line(principal, rerun_of, place) AS (
        SELECT principal, rerun_of, 1 FROM runs WHERE id = :id
        UNION ALL
        SELECT runs.principal, runs.rerun_of, line.place + 1
        FROM line JOIN runs ON runs.id = line.rerun_of WHERE line.place < 1000
    )
    SELECT principal FROM line ORDER BY place
    """
)
_ORIGIN: Final = Query("SELECT origin FROM runs WHERE id = :id")
_WRITE_ORIGIN: Final = Query("UPDATE runs SET origin = :origin, updated_at = :at WHERE id = :id")


_OVERDUE: Final = Query(
    "SELECT id FROM runs WHERE deadline_at <= {now} AND deadline_at IS NOT NULL "
    "AND completed_at IS NULL ORDER BY deadline_at LIMIT :limit"
)
_STILL_OVERDUE: Final = Query(
    "SELECT id FROM runs WHERE id IN :ids[] AND deadline_at <= :at AND completed_at IS NULL"
)
_DESTINATIONS: Final = Query("SELECT output_destinations FROM runs WHERE id = :id")


def overdue(tx: Tx, limit: int) -> list[str]:
    """Return ids of runs that have not ended by their deadline."""
    return [row[0] for row in _OVERDUE.rows(tx, {"limit": limit})]


def still_overdue(tx: Tx, run_ids: Sequence[str], at_us: int) -> list[str]:
    """Return those of the locked runs that have not ended by their deadline."""
    return [row[0] for row in _STILL_OVERDUE.rows(tx, {"ids": list(run_ids), "at": at_us})]


def destinations_of(tx: Tx, run_id: str) -> tuple[Mapping[str, Any], ...]:
    """Return where the result of a run goes besides the destinations of its workflow."""
    rows = _DESTINATIONS.rows(tx, {"id": run_id})
    return tuple(orjson.loads(rows[0][0])) if rows and rows[0][0] else ()


def insert_runs(tx: Tx, run_rows: Rows, step_rows: Rows, journal_rows: Rows) -> None:
    """Store new runs with all their steps and their first entries in the journal."""
    write_all(tx, [(_ADD_RUNS, run_rows), (_ADD_STEPS, step_rows), (ADD_JOURNAL, journal_rows)])
    counts.count_new(tx, counts.RUNS, run_rows)


def find_by_keys(tx: Tx, places: Sequence[Place]) -> dict[Place, tuple[str, str]]:
    """Return id and request hash of the runs that (principal, key) made; one round trip."""
    questions = [(_BY_KEY, {"principal": principal, "key": key}) for principal, key in places]
    answers = ask_all(tx, questions)
    return {
        place: (rows[0][0], rows[0][1]) for place, rows in zip(places, answers, strict=True) if rows
    }


def first_principal(tx: Tx, run_id: str) -> str | None:
    """Return who asked for a run, or for the one that it does again, and so on to the first."""
    rows = _LINEAGE.rows(tx, {"id": run_id})
    return str(rows[-1][0]) if rows else None


def write_origin(tx: Tx, run_id: str, changes: Mapping[str, Any], at_us: int) -> None:
    """Change keys of a locked run's origin; None takes a key away."""
    [(stored,)] = _ORIGIN.rows(tx, {"id": run_id})
    whole = {**(orjson.loads(stored) if stored else {}), **changes}
    kept = {key: value for key, value in whole.items() if value is not None}
    text = orjson.dumps(kept).decode() if kept else None
    _WRITE_ORIGIN.write(tx, {"id": run_id, "origin": text, "at": at_us})


def entry(
    run_id: str, step: str | None, name: str, at_us: int, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an entry of the journal: for a run, or for one of its steps."""
    text = orjson.dumps(data).decode() if data else None
    return {"run_id": run_id, "step": step, "name": str(name), "at": at_us, "data": text}


def write_journal(tx: Tx, rows: Rows) -> None:
    """Append entries to the journal."""
    write(tx, ADD_JOURNAL, rows)
