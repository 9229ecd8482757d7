"""Taking ended runs away with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from ratchet_core.store.database import Tx
from ratchet_core.store.schema import metadata, runs, schedules


def remove_runs(tx: Tx, run_ids: Sequence[str]) -> None:
    """Delete locked runs, and every row of every table that names them in `run_id`."""
    chosen = list(run_ids)
    makers = select(runs.c.schedule_id).where(runs.c.id.in_(chosen))
    tx.execute(
        update(schedules)
        .where(schedules.c.id.in_(makers), schedules.c.last_run_id.in_(chosen))
        .values(last_run_id=None)
    )
    for table in metadata.sorted_tables:
        if "run_id" in table.c:
            tx.execute(delete(table).where(table.c.run_id.in_(chosen)))
    tx.execute(delete(runs).where(runs.c.id.in_(chosen)))
