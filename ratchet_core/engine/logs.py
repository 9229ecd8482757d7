"""Storing what attempts have logged: in short transactions of their own, before the attempts' ends.

They are not waited for on the disk: the commit of the end, which follows, takes them along.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from ratchet_core.domain.log import LogLine
from ratchet_core.engine.core import Core
from ratchet_core.engine.work import Logged
from ratchet_core.store.logs import BATCH, AttemptRow, add_lines


def store(core: Core, logged: Sequence[Logged], now_s: float) -> None:
    """Store lines; those of a run that is gone are left out.

    Args:
        core: the shared parts.
        logged: lines by attempt.
        now_s: on the clock by which the lines were written.
    """
    for batch in _batches(logged, now_s, BATCH[core.database.dialect]):
        work = functools.partial(add_lines, attempts=batch)
        core.database.transact(work, durable=False, polite=True, pipelined=True)


def _batches(logged: Sequence[Logged], now_s: float, size: int) -> Iterator[list[AttemptRow]]:
    """Yield the lines in parts of at most `size`, in their order."""
    batch: list[AttemptRow] = []
    left = size
    for item in logged:
        start = 0
        while start < len(item.lines):
            lines = item.lines[start : start + left]
            batch.append(_row(item, lines, now_s))
            start += len(lines)
            left -= len(lines)
            if not left:
                yield batch
                batch, left = [], size
    if batch:
        yield batch


def _row(item: Logged, lines: Sequence[LogLine], now_s: float) -> AttemptRow:
    assignment = item.assignment
    return {
        "run_id": assignment.run_id,
        "attempt_id": item.attempt_id,
        "namespace": assignment.workflow.namespace,
        "name": assignment.workflow.name,
        "step": assignment.step.name,
        "attempt": assignment.attempt,
        "levels": [line.level for line in lines],
        "ages_us": [max(0, int((now_s - line.logged_s) * 1e6)) for line in lines],
        "loggers": [line.logger for line in lines],
        "messages": [line.message for line in lines],
    }
