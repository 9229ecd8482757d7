"""One thread per process that watches its plugins and stores how they are.

It quarantines a plugin while a call overruns, even where nobody calls the plugin any more, and
tells the database, so that health and `ratchet plugins` know of every process.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from ratchet_core.domain.events import EventName
from ratchet_core.errors import RatchetError
from ratchet_core.hooks import Hooks, PluginState
from ratchet_core.hooks.leak import find_leaks
from ratchet_core.store import plugins
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.driver import Query
from ratchet_core.store.runs import entry, write_journal

#: Seconds between two looks.
LOOK_S: Final = 1.0
#: What is wrong with a plugin is told again after so many looks, so that it stays alive.
_AGAIN: Final = 5

_NOW: Final = Query("SELECT {now}")

_log = logging.getLogger(__name__)


class PluginReporter:
    """Watches the plugins of this process.

    Args:
        hooks: with the plugins.
        database: where it is told.
        process: UUIDv7 of this process.
        role: what the process does: `api`, `worker`, `scheduler`, …
        notify: tells that the journal has grown.
    """

    def __init__(
        self,
        hooks: Hooks,
        database: Database,
        *,
        process: str,
        role: str,
        notify: Callable[[], None] = lambda: None,
    ) -> None:
        self._hooks = hooks
        self._database = database
        self._process = process
        self._place = f"{role} on {socket.gethostname()}, process {os.getpid()}"
        self._notify = notify
        self._told: dict[str, dict[str, Any]] = {}
        self._states: dict[str, str] = {state.name: state.state for state in hooks.plugins}
        self._looks = 0
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin, on a thread that ends with the process."""
        thread = threading.Thread(target=self._run, name="ratchet-plugin-report", daemon=True)
        thread.start()

    def end(self) -> None:
        """Tell the last counts; the states of this process count no more."""
        self._ended.set()
        try:
            self.look()
            self._database.transact(lambda tx: plugins.leave(tx, self._process), durable=False)
        except RatchetError as error:
            _log.info("the last counts of plugins are not stored: %s", error.message)

    def look(self) -> None:
        """Look once, and tell what has changed."""
        now = time.monotonic()
        for state in self._hooks.plugins:
            state.block_if_overrun(self._hooks.call_budget_s, now)
        find_leaks(self._hooks.plugins)
        again = self._looks % _AGAIN == 0
        self._looks += 1
        rows = [self._row(state) for state in self._hooks.plugins]
        changed = [
            row
            for row in rows
            if self._told.get(row["plugin"]) != row or (again and _needs_telling(row))
        ]
        moved = [state for state in self._hooks.plugins if self._states[state.name] != state.state]
        if not changed:
            return

        def work(tx: Tx) -> None:
            plugins.tell(tx, changed)
            if moved:
                at = int(_NOW.rows(tx, {})[0][0])
                write_journal(tx, [self._entry(state, at) for state in moved])

        self._database.transact(work, durable=False)
        self._told |= {row["plugin"]: row for row in changed}
        self._states |= {state.name: state.state for state in moved}
        if moved:
            self._notify()

    def _run(self) -> None:
        try:
            self._database.transact(plugins.forget, durable=False)
        except RatchetError as error:
            _log.info("old counts of plugins are kept: %s", error.message)
        while not self._ended.wait(LOOK_S if self._looks else 0):
            try:
                self.look()
            except RatchetError as error:
                _log.info("the counts of plugins are not stored: %s", error.message)
            except Exception:  # noqa: BLE001 - a failed look must not end the watch
                _log.exception("watching the plugins failed once")

    def _row(self, state: PluginState) -> dict[str, Any]:
        return {
            "process": self._process,
            "plugin": state.name[:255],
            "place": self._place[:255],
            "state": state.state,
            "reason": state.reason or state.failure(),
            "calls": state.calls,
            "errors": state.errors,
            "overruns": state.overruns,
            "spent_us": round(state.seconds * 1e6),
            "last_error": state.last_error,
        }

    def _entry(self, state: PluginState, at_us: int) -> dict[str, Any]:
        data = {"plugin": state.name, "process": self._place}
        if state.state == "active":
            return entry("", None, EventName.PLUGIN_RECOVERED, at_us, data)
        reason = {"reason": state.reason}
        return entry("", None, EventName.PLUGIN_QUARANTINED, at_us, data | reason)


def _needs_telling(row: dict[str, Any]) -> bool:
    return bool(row["reason"]) and row["state"] != "disabled"
