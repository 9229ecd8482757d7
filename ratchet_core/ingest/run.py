"""The entry of the ingest process: signals, and the sources until one comes."""

from __future__ import annotations

import signal
import threading
from typing import cast

from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.errors import ConfigurationError
from ratchet_core.ingest.feed import SourceFeed
from ratchet_core.ingest.ingester import SourceThread, run_sources
from ratchet_core.ingest.reporter import SourceReporter
from ratchet_core.ingest.status import SourceStatus
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.sdk.input import InputSource


def run_ingest(runtime: Ratchet) -> int:
    """Run every configured source that fetches until SIGTERM or SIGINT.

    Args:
        runtime: of this process; called in the main thread.

    Returns:
        How many sources did not end in time: their threads live on.

    Raises:
        ConfigurationError: no source is configured, or one could never take anything.
    """
    runtime.check_schema()
    runtime.inputs.check()
    if not runtime.inputs.fetching:
        message = "input.sources: names no source that fetches; there is nothing to ingest"
        raise ConfigurationError(message)
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda _number, _frame: stop.set()) for number in numbers]
    process = new_id()
    runtime.plugins.watch("ingest", process)
    threads = [source_thread(runtime, source, stop) for source in runtime.inputs.fetching]
    try:
        with SourceReporter([thread.status for thread in threads], runtime.database, process):
            left = run_sources(threads, stop)
    finally:
        runtime.plugins.unwatch()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    return len(left)


def source_thread(
    runtime: Ratchet, source: InputSourceSettings, stop: threading.Event
) -> SourceThread:
    """Make what runs one configured source.

    Args:
        runtime: of this process.
        source: one that fetches.
        stop: ends it.
    """
    status = SourceStatus(source.name)
    feed = SourceFeed(
        source,
        runtime.engine,
        runtime.reads,
        reader=runtime.inputs.reader(source),
        status=status,
        stop=stop,
        most_ready=runtime.settings.input.max_waiting_steps,
    )
    return SourceThread(lambda: cast("InputSource", runtime.inputs.make(source)), feed, status)
