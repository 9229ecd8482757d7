"""What a running attempt tells: progress, lines of its log, custom events.

Everything is kept in memory, within limits. Events are stored with the attempt's end; progress and
the log are forwarded by the drain while the attempt runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from ratchet_core.domain.workflow import CustomEvent
from ratchet_core.engine.attempt_log import AttemptLines
from ratchet_core.engine.encode import Limits, NotJson, encode, plain_text
from ratchet_core.sdk.errors import PermanentError

MAX_EVENTS: Final = 1000


@dataclass(frozen=True, slots=True)
class ProgressNote:
    """How far an attempt says it is."""

    fraction: float  #: 0 to 1
    message: str | None  #: for people
    data: Any  #: JSON value with more


class TakesProgress(Protocol):
    """Where the newest progress is put."""

    progress: ProgressNote | None


class AttemptReporter:
    """Keeps what one attempt tells; an `sdk.Reporter`.

    Args:
        live: where the newest progress is put.
        declared: custom events of the step.
        lines: of the attempt's log.
        limits: of progress data and payloads.
        clean: takes the attempt's own secrets out of a text.
    """

    def __init__(
        self,
        live: TakesProgress,
        declared: Collection[CustomEvent],
        lines: AttemptLines,
        limits: Limits,
        clean: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._clean = clean
        self._live = live
        self._declared = declared
        self._lines = lines
        self._limits = limits
        self._events: list[tuple[str, Mapping[str, Any]]] = []

    def progress(self, fraction: float, message: str | None, data: Any) -> None:
        """Keep the newest progress; the one before it that nobody has taken yet is replaced."""
        text = None if message is None else self._clean(plain_text(str(message)))[:1000]
        if data is not None:
            data = orjson.loads(self._clean(_encoded(data, "the progress data", self._limits)))
        self._live.progress = ProgressNote(fraction, text, data)

    def log(self, level: str, message: str) -> None:
        """Keep a line, within the limits of the attempt's log."""
        self._lines.write(level, message)

    def publish(self, name: str, payload: Mapping[str, Any]) -> None:
        """Keep a custom event until the attempt's result is applied.

        Raises:
            PermanentError: the step does not declare the event, or the payload is no JSON object.
        """
        if not any(event.name == name for event in self._declared):
            known = ", ".join(event.name for event in self._declared) or "none"
            raise PermanentError(
                f"the step publishes '{name}' but declares only: {known}; "
                "name it in the step's custom_events",
                code="UNDECLARED_EVENT",
            )
        if len(self._events) >= MAX_EVENTS:
            message = f"the step publishes more than {MAX_EVENTS} events in one attempt"
            raise PermanentError(message, code="TOO_MANY_EVENTS")
        text = _encoded(dict(payload), f"the payload of '{name}'", self._limits)
        self._events.append((name, orjson.loads(self._clean(text))))

    def events(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Return the custom events in the order in which they were published."""
        return tuple(self._events)


def _encoded(value: Any, noun: str, limits: Limits) -> str:
    try:
        return encode(value, noun, limits)
    except NotJson as error:
        raise PermanentError(str(error), code="INVALID_VALUE") from None
