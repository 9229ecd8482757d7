"""The parent of `ratchet up`: keeps the parts alive, reloads definitions, ends everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.hosting.definitions import Synced, SyncProcess, Watching
from ratchet_core.cli.hosting.part import Part
from ratchet_core.dispatch.embedded import EmbeddedRedis
from ratchet_core.errors import RatchetError
from ratchet_core.worker.wakeup import Wakeup

#: Longest time that parts get to end after the first request.
PATIENCE_S: Final = 12.0
#: Longest time that they get after the second one.
IMPATIENCE_S: Final = 2.0
_TICK_S: Final = 0.2
_REDIS_PAUSE_S: Final = 5.0
#: Ends of a part before everything is up that starting again would not change.
_HOPELESS: Final = frozenset({ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.UNAVAILABLE})

_log = logging.getLogger(__name__)


class Supervision:
    """Everything that `ratchet up` has started.

    Args:
        server: the API server.
        worker: the workers.
        others: the scheduler, and whatever else is to live.
        redis: the embedded server; None where there is none.
        watching: looks for changed definitions.
        sync: starts storing them.
        on_reload: told what a reload has stored.
    """

    def __init__(
        self,
        server: Part,
        worker: Part,
        others: Sequence[Part],
        redis: EmbeddedRedis | None,
        watching: Watching,
        sync: Callable[[], SyncProcess],
        *,
        on_reload: Callable[[Synced], None],
    ) -> None:
        self._server = server
        self._worker = worker
        self._others = tuple(others)
        self._redis = redis
        self._redis_start_at = 0.0
        self._watching = watching
        self._sync = sync
        self._on_reload = on_reload
        self._syncing: SyncProcess | None = None
        self._changed: set[Path] = set()

    @property
    def _parts(self) -> Sequence[Part]:
        return (self._server, self._worker, *self._others)

    def run(self, is_up: Callable[[], bool], on_up: Callable[[], None]) -> int:
        """Run until asked to end; return the exit code.

        Args:
            is_up: tells whether the server answers; asked until it does.
            on_up: called once, then.
        """
        told = False
        with Wakeup() as wakeup:
            try:
                while not wakeup.asked:
                    self._care()
                    if not told and is_up():
                        told = True
                        on_up()
                    hopeless = None if told else self._hopeless()
                    if hopeless is not None:
                        return hopeless
                    wakeup.wait(_TICK_S)
            finally:
                self._end(wakeup)
        return ExitCode.OK

    def _hopeless(self) -> int | None:
        ends = (part.last_exit for part in self._parts)
        return next((code for code in ends if code in _HOPELESS), None)

    def _care(self) -> None:
        now = time.monotonic()
        self._care_for_redis(now)
        for part in self._parts:
            part.care(now)
        self._care_for_definitions(now)

    def _care_for_redis(self, now: float) -> None:
        if self._redis is None or self._redis.is_running or now < self._redis_start_at:
            return
        self._redis_start_at = now + _REDIS_PAUSE_S
        _log.warning("the embedded Redis server ended; it is started again")
        try:
            self._redis.start()
        except RatchetError as error:
            _log.warning("%s; drains poll meanwhile", error.message)

    # ── definitions ─────────────────────────────────────────────────────────────────────────────

    def _care_for_definitions(self, now: float) -> None:
        self._changed |= self._watching.changed(now)
        if self._syncing is not None:
            if self._syncing.is_over:
                syncing, self._syncing = self._syncing, None
                self._reloaded(syncing)
        elif self._changed:
            if any(path.suffix == ".py" for path in self._changed):
                self._worker.restart()
            self._changed.clear()
            self._syncing = self._sync()

    def _reloaded(self, syncing: SyncProcess) -> None:
        try:
            self._on_reload(syncing.result())
        except RatchetError as error:
            _log.warning("the definitions could not be reloaded: %s", error.message)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────

    def _end(self, wakeup: Wakeup) -> None:
        """Ask all parts to end; a second request, or too long a wait, ends them hard."""
        if self._syncing is not None:
            self._syncing.end()
        for part in self._parts:
            part.ask_to_end()
        first = wakeup.asked
        deadline = time.monotonic() + PATIENCE_S
        is_hard = False
        while any(part.is_running for part in self._parts):
            now = time.monotonic()
            if not is_hard and (wakeup.asked > max(first, 1) or now >= deadline):
                is_hard, deadline = True, now + IMPATIENCE_S
                for part in self._parts:
                    part.ask_to_end()
            elif now >= deadline:
                break
            wakeup.wait(_TICK_S)
        for part in self._parts:
            part.kill()
        if self._redis is not None:
            self._redis.stop()
