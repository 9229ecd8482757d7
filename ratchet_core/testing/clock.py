"""The clock of a test: it stands still until the test moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from ratchet_core.store.clock import known_datetime, to_us

_MS_US: Final = 1000


class Clock:
    """What the database of a test takes for the time; it starts at the real one.

    Back-offs, leases, schedules, delays, deadlines of runs and waits of deliveries go by it. How
    long a step may run, and how long anything took, is measured by the machine's own clock.

    Args:
        at: where it starts, aware; the time of the machine by default. Rounded up to
            milliseconds, like every time here: what is due at a moment is due when it is reached.
    """

    def __init__(self, at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._us = _whole_ms(to_us(at or datetime.now(UTC)))

    @property
    def now(self) -> datetime:
        """The time, aware UTC."""
        return known_datetime(self._us)

    def now_us(self) -> int:
        """Return the time in microseconds since 1970, a whole number of milliseconds."""
        return self._us

    def advance(self, seconds: float | timedelta) -> datetime:
        """Move the time on and return what it is then.

        Args:
            seconds: how far; not below 0.

        Raises:
            ValueError: time does not go back; make another clock.
        """
        step = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        if step < timedelta(0):
            raise ValueError(f"{step.total_seconds():g} s: a clock does not go back")
        with self._lock:
            self._us = _whole_ms(self._us + step // timedelta(microseconds=1))
        return self.now

    def move_to(self, at: datetime) -> datetime:
        """Move the time on to a moment.

        Args:
            at: aware, and not before now.

        Raises:
            ValueError: it is before now.
        """
        return self.advance(at - self.now)


def _whole_ms(us: int) -> int:
    return -(-us // _MS_US) * _MS_US
