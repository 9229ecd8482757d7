"""Storing what attempts have logged: in short transactions of their own, before the attempts' ends.

They are not waited for on the disk: the commit of the end, which follows, takes them along.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

from ratchet_core.engine.core import Core
from ratchet_core.engine.work import Logged
from ratchet_core.store.logs import add_lines

#: Lines of one transaction: it may hold SQLite's write lock for 5 ms.
_BATCH: Final = 250


def store(core: Core, logged: Sequence[Logged], now_s: float) -> None:
    """Store lines; those of a run that is gone are left out.

    Args:
        core: the shared parts.
        logged: lines by attempt.
        now_s: on the clock by which the lines were written.
    """
    rows = [row for item in logged for row in _rows(item, now_s)]
    for start in range(0, len(rows), _BATCH):
        work = functools.partial(add_lines, rows=rows[start : start + _BATCH])
        core.database.transact(work, durable=False, polite=True, pipelined=True)


def _rows(item: Logged, now_s: float) -> list[dict[str, Any]]:
    assignment = item.assignment
    common = {
        "run_id": assignment.run_id,
        "attempt_id": item.attempt_id,
        "namespace": assignment.workflow.namespace,
        "name": assignment.workflow.name,
        "step": assignment.step.name,
        "attempt": assignment.attempt,
    }
    return [
        {
            **common,
            "level": line.level,
            "age_us": max(0, int((now_s - line.logged_s) * 1e6)),
            "logger": line.logger,
            "message": line.message,
        }
        for line in item.lines
    ]
