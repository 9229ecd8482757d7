"""Connections that wait for their next request, per origin and address, and per process."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ratchet_core.egress.connection import PinnedConnection

#: Origin and address that a connection belongs to.
Key = tuple[str, str]

#: Most idle connections per key, and altogether.
MAX_IDLE_PER_KEY: Final = 10
MAX_IDLE: Final = 100
#: Age in seconds at which an idle connection is not used any more.
IDLE_TIMEOUT_S: Final = 90.0


@dataclass(slots=True)
class _Idle:
    """A connection and since when it waits."""

    key: Key
    connection: PinnedConnection
    since: float  #: on `time.monotonic()`


@dataclass(slots=True)
class _State:
    """What belongs to one process; a fork starts a new one, lock included."""

    pid: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: deque[_Idle] = field(default_factory=deque)  #: the longest waiting first


class IdlePool:
    """Keeps open connections for reuse; safe with threads and across forks."""

    def __init__(self) -> None:
        self._state = _State()

    def take(self, key: Key) -> PinnedConnection | None:
        """Return a connection that can be used at once, or None."""
        while (connection := self._pop(key)) is not None:
            if connection.reusable:
                return connection
            connection.discard()
        return None

    def give(self, key: Key, connection: PinnedConnection) -> None:
        """Keep a connection whose answer was read to its end."""
        state = self._mine()
        with state.lock:
            state.idle.append(_Idle(key, connection, time.monotonic()))
            surplus = self._surplus(state, key)
        for old in surplus:
            old.connection.discard()

    def close(self) -> None:
        """Close all that wait."""
        state = self._mine()
        with state.lock:
            waiting = list(state.idle)
            state.idle.clear()
        for old in waiting:
            old.connection.discard()

    def _pop(self, key: Key) -> PinnedConnection | None:
        """Remove and return the connection of this key that waited shortest."""
        state = self._mine()
        with state.lock:
            for entry in reversed(state.idle):
                if entry.key == key:
                    state.idle.remove(entry)
                    return entry.connection
        return None

    @staticmethod
    def _surplus(state: _State, key: Key) -> list[_Idle]:
        """Remove and return what is too old or too many."""
        oldest_allowed = time.monotonic() - IDLE_TIMEOUT_S
        surplus = []
        while state.idle and (len(state.idle) > MAX_IDLE or state.idle[0].since < oldest_allowed):
            surplus.append(state.idle.popleft())
        same = [entry for entry in state.idle if entry.key == key]
        for entry in same[: max(0, len(same) - MAX_IDLE_PER_KEY)]:
            state.idle.remove(entry)
            surplus.append(entry)
        return surplus

    def _mine(self) -> _State:
        """Return this process's state; connections inherited by a fork are the parent's."""
        state = self._state
        if state.pid != os.getpid():
            # Closing gives back our copy of the descriptor only; the parent's connection lives on.
            # The lock may have been held by a thread that did not survive the fork: no locking.
            for entry in state.idle:
                entry.connection.discard()
            state = self._state = _State()
        return state
