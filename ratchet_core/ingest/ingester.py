"""The sources of one process: a thread each, started again after an error, ended within 5 s."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from ratchet_core.domain.retry import Backoff
from ratchet_core.ingest.status import SourceStatus
from ratchet_core.sdk.input import Feed, FeedStopped, InputSource

#: How long all sources together get to end.
END_S: Final = 5.0
#: Waits before a source that ended with an error is started again.
BACKOFF: Final = Backoff(base_s=1.0, cap_s=60.0)
#: A source that ran so long was sound; its error is no error in a row.
_STEADY_S: Final = 60.0

_log = logging.getLogger(__name__)


class SourceEnded(Exception):
    """`run` returned although nobody asked it to."""


class SourceThread:
    """Runs one source until asked to end.

    Args:
        make: makes the source.
        feed: its own.
        status: where it is told how it does.
        backoff: before it is started again.
    """

    def __init__(
        self,
        make: Callable[[], InputSource],
        feed: Feed,
        status: SourceStatus,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self.status = status
        self._make = make
        self._feed = feed
        self._backoff = backoff
        self._thread = threading.Thread(
            target=self._run, name=f"ratchet-source-{status.name}", daemon=True
        )

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        failures = 0
        stop = self._feed.stop
        while not stop.is_set():
            try:
                source = self._make()
            except BaseException as error:  # noqa: BLE001 - hurts this source alone
                self._leave_out(error)
                return
            began = time.monotonic()
            failure = self._live(source)
            if failure is None:
                return
            failures = 1 if time.monotonic() - began > _STEADY_S else failures + 1
            wait_s = self._backoff.delay_s(failures, random.random())  # noqa: S311 - spread
            self._note(failure, wait_s)
            stop.wait(wait_s)

    def _live(self, source: InputSource) -> BaseException | None:
        """Run a source to its end; return the error that it ended with."""
        try:
            source.run(self._feed)
        except FeedStopped:
            return None
        except BaseException as error:  # noqa: BLE001 - hurts this source alone, SystemExit too
            return None if self._feed.stop.is_set() else error
        finally:
            try:
                source.close()
            except Exception:  # noqa: BLE001 - see above
                _log.exception("source '%s' could not be closed", self.status.name)
        return None if self._feed.stop.is_set() else SourceEnded("it returned without being asked")

    def _leave_out(self, error: BaseException) -> None:
        text = _text(error)
        _log.error("source '%s' is left out: %s", self.status.name, text)
        self.status.set("left out", text)

    def _note(self, error: BaseException, wait_s: float) -> None:
        text = _text(error)
        _log.warning(
            "source '%s' failed and is started again in %.1f s: %s",
            self.status.name,
            wait_s,
            text,
            exc_info=None if isinstance(error, SourceEnded) else error,
        )
        self.status.count("errors")
        self.status.set("failing", text)


def run_sources(threads: Sequence[SourceThread], stop: threading.Event) -> list[str]:
    """Run sources until `stop` is set; return the names of those that did not end in time."""
    for thread in threads:
        thread.start()
    stop.wait()
    until = time.monotonic() + END_S
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    left = [thread.status.name for thread in threads if thread.is_alive]
    if left:
        _log.warning("sources that did not end within %g s: %s", END_S, ", ".join(left))
    return left


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
