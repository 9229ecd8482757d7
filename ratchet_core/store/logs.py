"""Writing lines of attempts' logs. What is read of them is in `reads.logs`.

Sequence numbers become visible in their order, so that a follower who asks for what is after the
last number misses nothing: on PostgreSQL one transaction at a time writes lines.
"""

from __future__ import annotations

from typing import Final

from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Bulk, Query, Rows, write_all

#: Key of the PostgreSQL advisory lock under which lines are written.
_LOCK_KEY: Final = 0x52_4C_4F_47
_ONE_AT_A_TIME: Final = Query(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
#: The lock is not held while the disk is waited for.
_NO_WAIT: Final = Query("SET LOCAL synchronous_commit = off")
_ADD: Final = Bulk(
    "INSERT INTO log_lines (run_id, attempt_id, namespace, name, step, attempt, level, at, logger, "
    "message) SELECT :run_id, :attempt_id, :namespace, :name, :step, :attempt, :level, "
    "{now} - :age_us, :logger, :message WHERE EXISTS (SELECT 1 FROM runs WHERE id = :run_id)",
    "run_id text, attempt_id text, namespace text, name text, step text, attempt int, level int, "
    "age_us bigint, logger text, message text",
)


def add_lines(tx: Tx, rows: Rows) -> None:
    """Store lines, but for those of runs that are gone.

    Args:
        tx: a write transaction, best pipelined, for lines alone.
        rows: columns of `log_lines`, but `age_us` (microseconds since it was written) for `at`.
    """
    if tx.dialect.name == "postgresql":
        _NO_WAIT.send(tx, {})
        _ONE_AT_A_TIME.send(tx, {})
    write_all(tx, [(_ADD, rows)])
