"""How one source is doing in this process; written by its thread, read by the reporter."""

from __future__ import annotations

import threading
from typing import Any, Final

from ratchet_core.redaction import mask_text

_LONGEST: Final = 500


class SourceStatus:
    """State and counts of one source; safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._state, self._message = "starting", ""
        self._hold = ""
        self._counts = {"messages": 0, "doubles": 0, "rejected": 0, "errors": 0}

    def set(self, state: str, message: str) -> None:
        """Note a state: starting, healthy, failing or left out."""
        with self._lock:
            self._state, self._message = state, mask_text(message)[:_LONGEST]

    def hold(self, reason: str) -> bool:
        """Note why messages wait, "" for not at all; tell whether that is news."""
        with self._lock:
            is_news = bool(reason) != bool(self._hold)
            self._hold = mask_text(reason)[:_LONGEST]
            return is_news

    def count(self, name: str, more: int = 1) -> None:
        """Count messages, doubles, rejected or errors."""
        with self._lock:
            self._counts[name] += more

    def row(self) -> dict[str, Any]:
        """Return everything, as the database keeps it."""
        with self._lock:
            state, message = self._state, self._message
            if self._hold and state in {"starting", "healthy"}:
                state, message = "holding", self._hold
            return {"source": self.name, "state": state, "message": message, **self._counts}
