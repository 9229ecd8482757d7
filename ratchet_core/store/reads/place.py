"""Reading tables that are numbered in the order in which rows are written."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table, func, select

from ratchet_core.store.database import Tx

#: Parts of one statement, each of which an index serves; SQLite takes 500.
BRANCHES: Final = 250


def first_at(tx: Tx, table: Table, at_us: int) -> int:
    """Return about the number of the first row written at a time or later; places follow times.

    Args:
        tx: any look.
        table: with the columns `sequence`, its key, and `at`.
        at_us: the time, in microseconds since 1970.
    """
    key, at = table.c.sequence, table.c.at
    low = int(tx.execute(select(func.coalesce(func.min(key), 0))).scalar_one())
    high = int(tx.execute(select(func.coalesce(func.max(key), 0))).scalar_one()) + 1
    statement = select(key, at).order_by(key).limit(1)
    while low < high:
        middle = (low + high) // 2
        row = tx.execute(statement.where(key >= middle)).first()
        if row is None or row.at >= at_us:
            high = middle
        else:
            low = int(row.sequence) + 1
    return low
