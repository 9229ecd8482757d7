"""One thread that stores how the sources of this process are doing, so that health knows."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any, Final

from ratchet_core.errors import RatchetError
from ratchet_core.ingest.status import SourceStatus
from ratchet_core.store import sources
from ratchet_core.store.database import Database

#: Seconds between two looks.
LOOK_S: Final = 0.5
#: What has not changed is told again after so many looks, so that it stays alive.
_AGAIN: Final = 8

_log = logging.getLogger(__name__)


class SourceReporter:
    """Tells how sources are doing; used as a context.

    Args:
        statuses: of the sources.
        database: where it is told.
        process: UUIDv7 of this process.
    """

    def __init__(self, statuses: Sequence[SourceStatus], database: Database, process: str) -> None:
        self._statuses = statuses
        self._database = database
        self._process = process
        self._place = f"ingest on {socket.gethostname()}, process {os.getpid()}"[:255]
        self._told: dict[str, dict[str, Any]] = {}
        self._looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ratchet-sources", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join(1.0)
        try:
            self._database.transact(lambda tx: sources.leave(tx, self._process), durable=False)
        except RatchetError as error:
            _log.info("the end of the sources is not stored: %s", error.message)

    def look(self) -> None:
        """Look once, and tell what has changed."""
        rows = [
            {**status.row(), "process": self._process, "place": self._place}
            for status in self._statuses
        ]
        again = self._looks % _AGAIN == 0
        self._looks += 1
        changed = [row for row in rows if again or self._told.get(row["source"]) != row]
        if changed:
            self._database.transact(lambda tx: sources.tell(tx, changed), durable=False)
            self._told |= {row["source"]: row for row in changed}

    def _run(self) -> None:
        try:
            self._database.transact(sources.forget, durable=False)
        except RatchetError as error:
            _log.info("what sources told before is kept: %s", error.message)
        while not self._ended.wait(LOOK_S if self._looks else 0):
            try:
                self.look()
            except RatchetError as error:
                self._looks += 1
                _log.info("how the sources do is not stored: %s", error.message)
            except Exception:  # noqa: BLE001 - a failed look must not end the reports
                self._looks += 1
                _log.exception("telling how the sources do failed once")
