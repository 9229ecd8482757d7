"""The connections that one process holds to its database, and which of them it keeps.

SQLAlchemy's own pool closes what is above a number each time that it comes back: a process whose
threads need five at a time and that keeps one would open four for each piece of work. Here a
connection stays open until it has been idle for long.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import pool
from sqlalchemy.pool import ConnectionPoolEntry

from ratchet_core.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """How many connections one process holds, and for how long."""

    kept: int = 5  #: kept open however long they are idle
    most: int = 20  #: open at one time
    idle_s: float = 600.0  #: after which one that is above `kept` is closed
    timeout_s: float = 30.0  #: longest wait for a free one
    lifetime_s: float = 3600.0  #: age at which one is replaced


class ConnectionPool(pool.Pool):
    """Gives the connection that was used last, and closes those that nobody has used for long.

    These are noticed when a connection comes back: a process that does nothing at all keeps them.

    Args:
        creator: opens a connection.
        size: how many, and for how long.
        clock: monotonic, in seconds.
        options: SQLAlchemy's own.
    """

    def __init__(
        self,
        creator: Any,
        size: PoolSize,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        super().__init__(creator, **options)
        self._size = size
        self._clock = clock
        self._changed = threading.Condition(threading.Lock())  # guards what follows
        self._idle: deque[tuple[float, ConnectionPoolEntry]] = deque()  # since when; newest last
        self._open = 0  # in use and idle
        self._is_disposed = False

    def _do_get(self) -> ConnectionPoolEntry:
        """Return an idle connection or a new one; wait where there are as many as may be.

        Raises:
            Unavailable: none became free in time.
        """
        with self._changed:
            if not self._changed.wait_for(self._has_one, self._size.timeout_s):
                message = (
                    f"no connection to the database became free within {self._size.timeout_s:g} s;"
                    f" server.database.max_connections is {self._size.most}"
                )
                raise Unavailable(message, 2.0)
            if self._idle:
                return self._idle.pop()[1]
            self._open += 1
        try:
            return self._create_connection()
        except BaseException:
            self._give_place_back()
            raise

    def _has_one(self) -> bool:
        return bool(self._idle) or self._open < self._size.most

    def _give_place_back(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        """Take a connection back, and close those that have been idle for too long."""
        now = self._clock()
        with self._changed:
            self._idle.append((now, record))
            if self._is_disposed:
                stale = self._take_idle(self._open, now)
            else:
                stale = self._take_idle(self._open - self._size.kept, now - self._size.idle_s)
            self._changed.notify()
        _close(stale)

    def _take_idle(self, most: int, until: float) -> list[ConnectionPoolEntry]:
        """Take out those that have been idle since then, the oldest first."""
        taken: list[ConnectionPoolEntry] = []
        while len(taken) < most and self._idle and self._idle[0][0] <= until:
            taken.append(self._idle.popleft()[1])
        self._open -= len(taken)
        return taken

    def drop_idle(self) -> None:
        """Close all that nobody uses: the server has left one, and so may have left all."""
        with self._changed:
            taken = self._take_idle(self._open, self._clock())
            self._changed.notify_all()
        _close(taken)

    def recreate(self) -> ConnectionPool:
        """Return a new pool that is like this one."""
        return type(self)(
            self._creator,
            self._size,
            self._clock,
            pre_ping=self._pre_ping,
            recycle=self._recycle,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        """Close all connections: those that are in use as soon as they come back."""
        self._is_disposed = True
        self.drop_idle()

    def status(self) -> str:
        """Say how many connections there are."""
        with self._changed:
            return f"{self._open} connections of {self._size.most}, {len(self._idle)} of them idle"


def _close(records: list[ConnectionPoolEntry]) -> None:
    for record in records:
        record.close()
