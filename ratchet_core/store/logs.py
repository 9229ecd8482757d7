"""Writing lines of attempts' logs. What is read of them is in `reads.logs`.

Sequence numbers become visible in their order, so that a follower who asks for what is after the
last number misses nothing: on PostgreSQL one transaction at a time writes lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypedDict

import orjson

from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Bulk, Query, write_all

#: Key of the PostgreSQL advisory lock under which lines are written.
_LOCK_KEY: Final = 0x52_4C_4F_47
_ONE_AT_A_TIME: Final = Query(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
#: The lock is not held while the disk is waited for.
_NO_WAIT: Final = Query("SET LOCAL synchronous_commit = off")
_INSERT: Final = (
    "INSERT INTO log_lines (run_id, attempt_id, namespace, name, step, attempt, level, at, logger, "
    "message) SELECT"
)
#: Which of the runs are there, and the time; nobody else writes to SQLite in this transaction.
_PRESENT: Final = Query("SELECT id, {now} FROM runs WHERE id IN :ids[]")
_ADD_LINES: Final = Bulk(
    "INSERT INTO log_lines",
    "run_id text, attempt_id text, namespace text, name text, step text, attempt int, level int, "
    "at bigint, logger text, message text",
)
#: One row of JSON per attempt: half the work of one row per line, and near that of COPY.
#: Whether a run is there is looked up once per attempt, by a form that the planner turns into no
#: join: its plan is kept, and is one over all runs where it was made while there were few.
_ADD_ATTEMPTS: Final = Query(
    f"""
    {_INSERT} run_id, attempt_id, namespace, name, step, attempt, unnest(levels),
        now_us - unnest(ages_us), unnest(loggers), unnest(messages)
    FROM (
        SELECT a.*, {{now}} AS now_us
        FROM json_to_recordset(:rows::json) AS a(
            run_id text, attempt_id text, namespace text, name text, step text, attempt int,
            levels int[], ages_us bigint[], loggers text[], messages text[]
        )
        WHERE (SELECT 1 FROM runs WHERE runs.id = a.run_id LIMIT 1) IS NOT NULL
        OFFSET 0
    ) AS present
    """  # noqa: S608
)
#: Lines of one transaction: it may hold SQLite's write lock for 5 ms.
BATCH: Final[Mapping[str, int]] = {"sqlite": 250, "postgresql": 2_000}


class AttemptRow(TypedDict):
    """Lines of one attempt, as columns."""

    run_id: str
    attempt_id: str
    namespace: str
    name: str
    step: str
    attempt: int  #: its number
    levels: list[int]  #: as Python numbers them
    ages_us: list[int]  #: microseconds since each line was written
    loggers: list[str | None]
    messages: list[str]


def add_lines(tx: Tx, attempts: Sequence[AttemptRow]) -> None:
    """Store lines, but for those of runs that are gone.

    Args:
        tx: a write transaction, best pipelined, for lines alone.
        attempts: at most BATCH lines.
    """
    if tx.dialect.name == "postgresql":
        _NO_WAIT.send(tx, {})
        _ONE_AT_A_TIME.send(tx, {})
        _ADD_ATTEMPTS.send(tx, {"rows": orjson.dumps(attempts).decode()})
        return
    ids = {item["run_id"] for item in attempts}
    present = dict(_PRESENT.rows(tx, {"ids": sorted(ids)}))
    rows = [
        row
        for item in attempts
        if item["run_id"] in present
        for row in _lines(item, present[item["run_id"]])
    ]
    write_all(tx, [(_ADD_LINES, rows)])


def _lines(item: AttemptRow, now_us: int) -> Iterator[dict[str, Any]]:
    common = {
        key: item[key] for key in ("run_id", "attempt_id", "namespace", "name", "step", "attempt")
    }
    columns = zip(item["levels"], item["ages_us"], item["loggers"], item["messages"], strict=True)
    for level, age_us, logger, message in columns:
        yield {
            **common,
            "level": level,
            "at": now_us - age_us,
            "logger": logger,
            "message": message,
        }
