"""Another clock for SQLite: what `julianday('now')` says is handed in, for the time of a test.

Everything that is compared in SQL reads `store.clock`, which reads `julianday('now')`; so whoever
answers that, sets the time for claims, back-offs, leases, schedules and deliveries alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

_EPOCH_DAY: Final = 2_440_587.5
_DAY_US: Final = 86_400_000_000
#: A day number resolves 40 µs and is cut to milliseconds: half of one keeps it from falling below.
_HALF_MS: Final = 500


def go_by(engine: Engine, now_us: Callable[[], int]) -> None:
    """Have every connection that is opened from now on go by this clock.

    Args:
        engine: of SQLite.
        now_us: returns whole milliseconds, as microseconds since 1970.
    """

    def julianday(value: Any) -> float | None:
        if value == "now":
            return (now_us() + _HALF_MS) / _DAY_US + _EPOCH_DAY
        with sqlite3.connect(":memory:") as other:
            [answer] = other.execute("SELECT julianday(?)", (value,)).fetchone()
        other.close()
        return None if answer is None else float(answer)

    @event.listens_for(engine, "connect")
    def _replace(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.create_function("julianday", 1, julianday)
