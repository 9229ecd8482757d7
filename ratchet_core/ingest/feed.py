"""The feed of one source: messages become runs, many in one transaction, each once.

A message's identity is the idempotency key of its run, under a principal that is the source's own:
what comes again gets the run that it made, whatever else has changed meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.domain.states import RUN_TERMINAL, RunState
from ratchet_core.domain.views import RunView
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.submit import Stored
from ratchet_core.errors import (
    NamespaceNotFound,
    Overloaded,
    RatchetError,
    RunNotFound,
    Unavailable,
    WorkflowDisabled,
    WorkflowNotFound,
)
from ratchet_core.ingest.status import SourceStatus
from ratchet_core.runtime.inputs import MessageReader
from ratchet_core.sdk.input import Accepted, FeedStopped, InboundMessage

#: Most messages of one `submit`.
MOST_MESSAGES: Final = 1000
#: Pause before what could not be stored is tried again, in seconds.
REST_S: Final = 0.5
_FIRST_LOOK_S: Final = 0.002
_LONGEST_LOOK_S: Final = 0.1
#: What an operator can mend: messages wait for it, none is lost.
_MENDABLE: Final = (NamespaceNotFound, WorkflowNotFound, WorkflowDisabled)

_log = logging.getLogger(__name__)


class Submits(Protocol):
    """The verb of the engine that a feed uses."""

    def submit_fed(
        self, requests: Sequence[SubmitRequest], *, most_ready: int
    ) -> list[Stored | RatchetError]:
        """Store runs in one transaction."""
        ...


class Looks(Protocol):
    """What a feed reads."""

    def run_state(self, run_id: str) -> RunState:
        """Return the state of a run."""
        ...

    def run(self, run_id: str) -> RunView:
        """Return a run."""
        ...


class SourceFeed:
    """The `sdk.Feed` of one source.

    Args:
        source: as configured.
        engine: stores.
        reads: what is stored.
        reader: turns messages into requests.
        status: where it is told how the source does.
        stop: set when the process is to end.
        most_ready: messages wait while so many steps do.
    """

    def __init__(
        self,
        source: InputSourceSettings,
        engine: Submits,
        reads: Looks,
        *,
        reader: MessageReader,
        status: SourceStatus,
        stop: threading.Event,
        most_ready: int,
    ) -> None:
        self._source = source
        self._engine = engine
        self._reads = reads
        self._reader = reader
        self._status = status
        self._stop = stop
        self._most_ready = most_ready

    @property
    def stop(self) -> threading.Event:
        """Set when the source is to end."""
        return self._stop

    def submit(self, messages: Sequence[InboundMessage]) -> Sequence[Accepted | Exception]:
        """Store the runs of messages; see `sdk.Feed.submit`."""
        if not 1 <= len(messages) <= MOST_MESSAGES:
            raise ValueError(f"{len(messages)} messages at once; 1 to {MOST_MESSAGES} can be")
        answers: list[Accepted | Exception | None] = [None] * len(messages)
        waiting: list[tuple[int, SubmitRequest]] = []
        for index, message in enumerate(messages):
            try:
                waiting.append((index, self._reader.request(message)))
            except RatchetError as error:
                answers[index] = error
        while waiting:
            waiting = self._store(waiting, messages, answers)
        self._release()
        done = [answer for answer in answers if answer is not None]
        self._count(done)
        return done

    def _store(
        self,
        waiting: Sequence[tuple[int, SubmitRequest]],
        messages: Sequence[InboundMessage],
        answers: list[Accepted | Exception | None],
    ) -> list[tuple[int, SubmitRequest]]:
        """Try once to store what waits; return what waits still, after a pause."""
        try:
            stored = self._engine.submit_fed(
                [request for _, request in waiting], most_ready=self._most_ready
            )
        except (Overloaded, Unavailable) as error:
            self._wait(error.message)
            return list(waiting)
        except Exception as error:  # noqa: BLE001 - no message may be lost by it
            _log.exception("source '%s': storing failed; it is tried again", self._source.name)
            self._wait(f"storing failed: {type(error).__name__}")
            return list(waiting)
        left: list[tuple[int, SubmitRequest]] = []
        problem = ""
        for (index, request), answer in zip(waiting, stored, strict=True):
            if isinstance(answer, Stored):
                answers[index] = Accepted(run_id=answer.run_id, is_new=answer.created)
            elif isinstance(answer, _MENDABLE) and messages[index].workflow is None:
                left.append((index, request))
                problem = answer.message
            else:
                answers[index] = answer
        if left:
            self._wait(problem)
        return left

    def _wait(self, reason: str) -> None:
        """Pause before another try.

        Raises:
            FeedStopped: the process ends.
        """
        if self._status.hold(reason):
            _log.warning("source '%s' waits: %s", self._source.name, reason)
        if self._stop.wait(REST_S):
            raise FeedStopped(f"the process ends while messages wait: {reason}")

    def _release(self) -> None:
        if self._status.hold(""):
            _log.info("source '%s' goes on", self._source.name)

    def _count(self, answers: Sequence[Accepted | Exception]) -> None:
        accepted = [answer for answer in answers if isinstance(answer, Accepted)]
        new = sum(answer.is_new for answer in accepted)
        self._status.count("messages", new)
        self._status.count("doubles", len(accepted) - new)
        rejected = [answer for answer in answers if isinstance(answer, Exception)]
        self._status.count("rejected", len(rejected))
        if rejected:
            text = "source '%s': %d messages can never become runs; the first: %s"
            _log.warning(text, self._source.name, len(rejected), rejected[0])

    def wait_for(self, accepted: Accepted, timeout_s: float) -> Accepted:
        """Return what is known of a run; see `sdk.Feed.wait_for`."""
        until = time.monotonic() + timeout_s
        pause_s = _FIRST_LOOK_S
        while True:
            done = self._done(accepted.run_id)
            left_s = until - time.monotonic()
            if done is not None or left_s <= 0 or self._stop.wait(min(pause_s, left_s)):
                return Accepted(run_id=accepted.run_id, is_new=accepted.is_new, done=done)
            pause_s = min(_LONGEST_LOOK_S, pause_s * 1.5)

    def _done(self, run_id: str) -> bool | None:
        try:
            if self._reads.run_state(run_id) not in RUN_TERMINAL:
                return None
            run = self._reads.run(run_id)
        except Unavailable:
            return None
        except RunNotFound:
            return True  # it had ended, and somebody has deleted it: nothing is left to be done
        return run.state in {RunState.COMPLETED, RunState.RESOLVED} and _acknowledges(run.result)

    def healthy(self, message: str = "ok") -> None:
        """Note that the source is connected."""
        self._status.set("healthy", message)

    def failing(self, message: str) -> None:
        """Note why the source gets nothing at present."""
        self._status.set("failing", message)


def _acknowledges(result: Any) -> bool:
    return not (isinstance(result, dict) and result.get("ack") is False)
