"""Finished runs by the million: copies of a few real ones, written by the database itself."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from ratchet_core.store import schema
from ratchet_core.store.check import repair_totals
from ratchet_core.store.database import Database

#: Runs that one transaction writes.
_CHUNK: Final = 50_000
#: Between two runs, in microseconds.
_SPACING_US: Final = 1_000
_LASTED_US: Final = 5_000
#: The eight digits of a copy's number: decimal ones are hexadecimal ones, too.
_DIGITS: Final = "substr(CAST(100000000 + i AS TEXT), 2, 8)"


def load_finished(database: Database, templates: Sequence[str], count: int) -> None:
    """Copy finished runs with their steps and attempts.

    One copy in twenty is failed, one cancelled, the others are completed. They are a millisecond
    apart, the last one is of now. What was copied before is not to be copied again.

    Args:
        database: PostgreSQL or SQLite.
        templates: ids of completed runs of one step that had one attempt; copied in turn.
        count: copies, up to 99,999,999.
    """
    begin_us = int(time.time() * 1e6) - count * _SPACING_US
    for first in range(0, count, _CHUNK):
        last = min(first + _CHUNK, count) - 1
        with database.write() as tx:
            for statement in _statements(
                database.dialect == "sqlite", templates, first, last, begin_us
            ):
                tx.exec_driver_sql(statement)
    repair_totals(database)  # nobody counts what is inserted by hand


def _statements(
    is_sqlite: bool,  # noqa: FBT001 - one of two databases
    templates: Sequence[str],
    first: int,
    last: int,
    begin_us: int,
) -> list[str]:
    at = f"({begin_us} + i * {_SPACING_US})"
    ended = f"{at} + {_LASTED_US}"
    # without `%`, which one of the drivers takes for a parameter
    twentieth = "i - i / 20 * 20"
    state = f"CASE {twentieth} WHEN 7 THEN 'failed' WHEN 13 THEN 'cancelled' ELSE 'completed' END"
    run_id, step_id, attempt_id = (
        f"'0191{letter}000-0000-7000-8000-0000' || {_DIGITS}" for letter in "abc"
    )
    times = {"started_at": at, "completed_at": ended}
    changes: dict[str, Mapping[str, str]] = {
        "runs": {"id": run_id, "state": state, "created_at": at, "updated_at": ended, **times},
        "steps": {"id": step_id, "run_id": run_id, "attempt_id": attempt_id, **times},
        "attempts": {
            "id": attempt_id,
            "step_id": step_id,
            "run_id": run_id,
            "state": state,
            "duration_us": str(_LASTED_US),
            **times,
        },
    }
    numbers = _numbers(is_sqlite, first, last)
    chosen = ", ".join(f"'{template}'" for template in templates)
    turn = f"i - i / {len(templates)} * {len(templates)}"
    return [
        f"WITH {numbers}, chosen AS ("  # noqa: S608 - numbers and ids of our own
        f"SELECT id AS chosen_id, row_number() OVER (ORDER BY id) - 1 AS place FROM runs"
        f" WHERE id IN ({chosen})) "
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(changes[table].get(name, f't.{name}') for name in columns)} "
        f"FROM numbers JOIN chosen ON place = {turn} JOIN {table} t ON t.{owner} = chosen_id"
        for table, owner in (("runs", "id"), ("steps", "run_id"), ("attempts", "run_id"))
        for columns in [schema.metadata.tables[table].columns.keys()]
    ]


def _numbers(is_sqlite: bool, first: int, last: int) -> str:  # noqa: FBT001 - one of two databases
    if is_sqlite:
        counted = f"SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i < {last}"  # noqa: S608
        return f"RECURSIVE numbers(i) AS ({counted})"
    return f"numbers AS (SELECT generate_series({first}, {last}) AS i)"
