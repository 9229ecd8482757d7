"""Running an input source for the length of a test, and feeds that a test looks into."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import cast

from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.ingest.feed import SourceFeed
from ratchet_core.ingest.ingester import END_S, SourceThread
from ratchet_core.ingest.status import SourceStatus
from ratchet_core.runtime import Ratchet
from ratchet_core.sdk import Accepted, Feed, InboundMessage, InputSource

#: What a feed answers to one message.
Answer = Accepted | Exception


class CountingFeed:
    """A feed that tells when enough messages were answered.

    Args:
        inner: answers.
        count: how many are enough.
    """

    def __init__(self, inner: Feed, count: int) -> None:
        self._inner = inner
        self._count = count
        self.answers: list[Answer] = []
        self.enough = threading.Event()

    @property
    def stop(self) -> threading.Event:
        """Set when the source is to end."""
        return self._inner.stop

    def submit(self, messages: Sequence[InboundMessage]) -> Sequence[Answer]:
        """Pass messages on, and count."""
        answers = self._inner.submit(messages)
        self.answers += answers
        if len(self.answers) >= self._count:
            self.enough.set()
        return answers

    def wait_for(self, accepted: Accepted, timeout_s: float) -> Accepted:
        """Pass the question on."""
        return self._inner.wait_for(accepted, timeout_s)

    def healthy(self, message: str = "ok") -> None:
        """Pass it on."""
        self._inner.healthy(message)

    def failing(self, message: str) -> None:
        """Pass it on."""
        self._inner.failing(message)


def run_source(
    runtime: Ratchet, source: InputSourceSettings, count: int, timeout_s: float
) -> list[Accepted]:
    """Run one source until it has fed so many messages; see `Harness.ingest`."""
    stop = threading.Event()
    status = SourceStatus(source.name)
    inner = SourceFeed(
        source,
        runtime.engine,
        runtime.reads,
        reader=runtime.inputs.reader(source),
        status=status,
        stop=stop,
        most_ready=runtime.settings.input.max_waiting_steps,
    )
    feed = CountingFeed(inner, count)
    thread = SourceThread(lambda: cast("InputSource", runtime.inputs.make(source)), feed, status)
    thread.start()
    came = feed.enough.wait(timeout_s)
    stop.set()
    thread.join(END_S)
    row = status.row()
    told = f"source '{source.name}' is {row['state']} ({row['message'] or 'it says nothing'})"
    if not came:
        raise AssertionError(
            f"{len(feed.answers)} of {count} messages came in {timeout_s:g} s; {told}"
        )
    if thread.is_alive:
        raise AssertionError(f"it did not end within {END_S:g} s after it was asked to; {told}")
    return [answer for answer in feed.answers if isinstance(answer, Accepted)]
