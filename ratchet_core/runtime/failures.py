"""Gathering what a report of failures is made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import ratchet_core
from ratchet_core.domain.error_pattern import BUILT_IN, ErrorPattern
from ratchet_core.domain.failure_report import FailureReport, group_failures
from ratchet_core.domain.log import LogQuery
from ratchet_core.domain.query import AttemptQuery, RunQuery, Window
from ratchet_core.domain.states import AttemptState, RunState
from ratchet_core.domain.views import AttemptView
from ratchet_core.store.database import Database
from ratchet_core.store.reads import Reads

#: Failed attempts that a report looks at, at most.
_MOST: Final = 5000
_PART: Final = 1000
#: Groups whose example is shown with its log, and lines of each.
_EXAMPLES: Final = 25
_LINES: Final = 20


class Sources(Protocol):
    """What a report reads; a `Ratchet` is."""

    reads: Reads
    database: Database


def failure_report(
    sources: Sources, since: datetime, until: datetime, patterns: Sequence[ErrorPattern] = ()
) -> FailureReport:
    """Return what failed between two times.

    Args:
        sources: what is read.
        since: attempts that started then or later.
        until: attempts that started then or earlier.
        patterns: known errors that come before the built-in ones.
    """
    reads = sources.reads
    failed = AttemptQuery(states=(AttemptState.FAILED,), created_from=since, created_to=until)
    attempts: list[AttemptView] = []
    window = Window(limit=_PART)
    while True:
        page = reads.attempts(failed, window)
        attempts += page.items
        if page.next_cursor is None or len(attempts) >= _MOST:
            break
        window = Window(limit=_PART, cursor=page.next_cursor)
    groups = group_failures(attempts, (*patterns, *BUILT_IN))
    examples = [group.example.id for group in groups[:_EXAMPLES]]
    last = {
        key: reads.logs.page(LogQuery(attempt_id=key), _LINES, order="desc").items[::-1]
        for key in examples
    }
    one = Window(limit=1)
    broken = RunQuery(states=(RunState.FAILED,), created_from=since, created_to=until)
    return FailureReport(
        since=since,
        until=until,
        attempts=page.total,
        examined=len(attempts),
        runs=reads.runs(RunQuery(created_from=since, created_to=until), one).total,
        failed_runs=reads.runs(broken, one).total,
        groups=groups,
        logs=last,
        system={
            "ratchet_version": ratchet_core.__version__,
            "database": sources.database.dialect,
        },
    )
