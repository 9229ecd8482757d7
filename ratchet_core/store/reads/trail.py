"""The audit trail of a run: its moves and its steps', each with the move before it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import String, case, cast, func, null, select

from ratchet_core.domain.events import EventName
from ratchet_core.domain.views import TrailEntryView
from ratchet_core.store.database import Tx
from ratchet_core.store.reads.rows import event_view
from ratchet_core.store.schema import journal

#: Entries that change what a run or step is, but not where it stands.
_UPDATES: Final = (EventName.RUN_UPDATED.value, EventName.STEP_UPDATED.value)
#: Entries of the journal that are no moves: a step's own events bear other names altogether.
_NO_MOVES: Final = {EventName.STEP_PROGRESS, EventName.ATTEMPT_STALE}
_LISTED: Final = tuple(
    name.value
    for name in EventName
    if name not in _NO_MOVES and name.value.partition(".")[0] in {"run", "step"}
)


def of_run(tx: Tx, run_id: str, after: int, limit: int) -> tuple[TrailEntryView, ...]:
    """Return a part of a run's trail after a sequence number, oldest first."""
    is_update = journal.c.name.in_(_UPDATES)
    of_one = [journal.c.step, case((is_update, 1), else_=0)]
    before = func.lag(journal.c.name).over(partition_by=of_one, order_by=journal.c.sequence)
    moves = (
        select(journal, case((is_update, cast(null(), String)), else_=before).label("before"))
        .where(journal.c.run_id == run_id, journal.c.name.in_(_LISTED))
        .subquery()
    )
    chosen = select(moves).where(moves.c.sequence > after).order_by(moves.c.sequence).limit(limit)
    return tuple(
        TrailEntryView(event=event_view(row), before=row.before) for row in tx.execute(chosen)
    )
