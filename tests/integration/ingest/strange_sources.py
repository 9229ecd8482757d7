"""A one-file plugin with input sources that behave, and some that do not."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ratchet_core.sdk import Feed, InboundMessage, InputSource, SourceSettings, hookimpl


class Lines(InputSource):
    """Makes a run of each line of a file, once, and waits for more."""

    name = "lines"

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options."""
        return () if "path" in options else ("path: is missing",)

    def run(self, feed: Feed) -> None:
        """Feed the lines that there are, as long as it is not asked to end."""
        path = Path(self.settings.options["path"])
        feed.healthy()
        while not feed.stop.wait(0.05):
            lines = path.read_text(encoding="utf-8").splitlines()
            messages = [
                InboundMessage(input={"line": text}, identity=str(number))
                for number, text in enumerate(lines)
            ]
            for start in range(0, len(messages), 100):
                feed.submit(messages[start : start + 100])


class Raising(InputSource):
    """Ends with an error."""

    name = "raising"

    def run(self, feed: Feed) -> None:
        """Raise."""
        raise OSError("the well is dry, says amqp://user:hunter22@broker")


class Leaving(InputSource):
    """Ends the process, if it could."""

    name = "leaving"

    def run(self, feed: Feed) -> None:
        """Raise what ends processes."""
        raise SystemExit(3)


class Broken(InputSource):
    """Cannot be made."""

    name = "broken"

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        raise ValueError("no such thing")

    def run(self, feed: Feed) -> None:
        """Do nothing."""


class Deaf(InputSource):
    """Never ends."""

    name = "deaf"

    def run(self, feed: Feed) -> None:
        """Wait for what never comes."""
        feed.healthy()
        threading.Event().wait()


@hookimpl
def ratchet_register_input_sources() -> Iterable[type[InputSource]]:
    """Offer all of them."""
    return [Lines, Raising, Leaving, Broken, Deaf]
