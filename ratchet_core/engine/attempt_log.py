"""The log of a running attempt: lines are masked, cut, counted and kept until they are stored.

Lines come from the attempt's own logger (`context.log`), from a handler's reporter (the console of
a script) and from Python's `logging` inside the step. Whatever is left out is said in the log.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from ratchet_core.config.logs import KeptLogSettings
from ratchet_core.domain.log import LEVELS, LogLimits, LogLine, level_of
from ratchet_core.engine.encode import plain_text
from ratchet_core.redaction import mask_text

_WINDOW_S: Final = 1.0
_LONGEST_LOGGER: Final = 128
#: Our own modules log about the worker, not about the step that it runs.
_OWN: Final = ("ratchet_core", "ratchet_core.")
#: Nobody reads longer texts to the end: what is beyond is cut before the search for secrets.
_READ_FACTOR: Final = 4

#: The log of the attempt that runs in this context.
_CURRENT: Final[ContextVar[AttemptLines | None]] = ContextVar("ratchet_attempt_log", default=None)


class AttemptLines:
    """What one attempt has logged and nobody has stored yet.

    One thread writes and another may take: both work on a deque, whose operations are atomic.

    Args:
        limits: how much is kept.
        clock: monotonic, in seconds.
        clean: takes the attempt's own secrets out of a text.
    """

    def __init__(
        self,
        limits: LogLimits,
        clock: Callable[[], float],
        clean: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._clean = clean
        self._waiting: deque[LogLine] = deque()
        self._lines = 0
        self._bytes = 0
        self._window_began_s = float("-inf")
        self._in_window = 0
        self._too_fast = 0
        self._beyond = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, level: str, message: object, logger: str | None = None) -> None:
        """Keep a line, or count it where the attempt has used up its share."""
        now_s = self._clock()
        if self._beyond or self._lines >= self._limits.lines:
            self._drop_beyond(now_s)
            return
        if now_s - self._window_began_s >= _WINDOW_S:
            self._window_began_s, self._in_window = now_s, 0
        if self._in_window >= self._limits.lines_per_s:
            self._too_fast += 1
            return
        text, size = self._kept_part(self._clean(plain_text(str(message))))
        if self._bytes + size > self._limits.total_bytes:
            self._drop_beyond(now_s)
            return
        self._say_too_fast(now_s)
        self._in_window += 1
        self._lines += 1
        self._bytes += size
        name = None if logger is None else plain_text(logger)[:_LONGEST_LOGGER]
        self._waiting.append(LogLine(now_s, level_of(level), text, name))

    def take(self) -> tuple[LogLine, ...]:
        """Take out what waits to be stored."""
        return tuple(self._waiting.popleft() for _ in range(len(self._waiting)))

    def close(self) -> tuple[LogLine, ...]:
        """Take out what waits at the end of the attempt, and how much was dropped."""
        now_s = self._clock()
        self._say_too_fast(now_s)
        if self._beyond:
            self._say(now_s, f"… {self._beyond:,} lines of this attempt were dropped")
        return self.take()

    def _kept_part(self, text: str) -> tuple[str, int]:
        """Return the part of a message that is kept, without secrets, and its size in bytes."""
        most = self._limits.line_bytes
        if len(text) <= most and text.isascii():
            masked = mask_text(text)
            if len(masked) <= most:  # the mask is ASCII too
                return masked, len(masked)
        whole = len(text.encode())
        if whole > most * _READ_FACTOR:
            text = text[: most * _READ_FACTOR]
        text = mask_text(text)
        encoded = text.encode()
        if whole <= most and len(encoded) <= most:
            return text, len(encoded)
        kept = encoded[:most].decode("utf-8", "ignore")
        kept += f" … (cut: the line had {whole:,} bytes, logs.max_line_bytes is {most:,})"
        return kept, len(kept.encode())

    def _drop_beyond(self, now_s: float) -> None:
        self._beyond += 1
        if self._beyond == 1:
            self._say_too_fast(now_s)
            limits = self._limits
            self._say(
                now_s,
                f"… this attempt logs more than {limits.lines:,} lines (logs.max_lines) or "
                f"{limits.total_bytes:,} bytes (logs.max_bytes): the rest is dropped",
            )

    def _say_too_fast(self, now_s: float) -> None:
        if self._too_fast:
            most = self._limits.lines_per_s
            dropped, self._too_fast = self._too_fast, 0
            self._say(
                now_s,
                f"… {dropped:,} lines were dropped: more than {most:,} in a second "
                "(logs.max_lines_per_second)",
            )

    def _say(self, now_s: float, message: str) -> None:
        self._waiting.append(LogLine(now_s, LEVELS["warning"], message))


def limits_of(settings: KeptLogSettings) -> LogLimits:
    """Return the limits that the settings say."""
    return LogLimits(
        line_bytes=settings.max_line_bytes,
        lines=settings.max_lines,
        total_bytes=settings.max_bytes,
        lines_per_s=settings.max_lines_per_second,
    )


@contextlib.contextmanager
def current(lines: AttemptLines) -> Iterator[None]:
    """Let what Python's `logging` is told in the block go to this attempt's log."""
    token = _CURRENT.set(lines)
    try:
        yield
    finally:
        _CURRENT.reset(token)


class AttemptLog(logging.Logger):
    """The logger of one attempt: it belongs to no tree and hands lines to the attempt's log."""

    def __init__(self, lines: AttemptLines) -> None:
        super().__init__("ratchet.attempt", logging.DEBUG)
        self._lines = lines

    def _log(self, level: int, msg: object, args: object, *rest: Any, **options: Any) -> None:
        """Keep a plain line without a record: nobody would see where in the code it was written."""
        if rest or options or self.filters or self.disabled or not isinstance(args, tuple):
            super()._log(level, msg, args, *rest, **options)  # type: ignore[arg-type] # as it came
            return
        if args and isinstance(args[0], Mapping):  # logging's rules for named values
            super()._log(level, msg, args)
            return
        self._lines.write(logging.getLevelName(level), _formatted(msg, args))

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Keep the line instead of looking for handlers."""
        self._lines.write(record.levelname, _line_of(record))


class AttemptCapture(logging.Handler):
    """Hands what any Python logger is told inside a step to the log of its attempt."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line where an attempt runs and the line is not our own."""
        lines = _CURRENT.get()
        if lines is None or record.name == _OWN[0] or record.name.startswith(_OWN[1]):
            return
        lines.write(record.levelname, _line_of(record), record.name)


@contextlib.contextmanager
def captured_logging() -> Iterator[None]:
    """Capture Python's `logging` in this process, for the attempts that run in the block."""
    capture = AttemptCapture()
    root = logging.getLogger()
    root.addHandler(capture)
    try:
        yield
    finally:
        root.removeHandler(capture)


def _formatted(message: object, arguments: object) -> str:
    """Return a message with its arguments, as logging writes it."""
    try:
        text = str(message)
        return text % arguments if arguments else text
    except Exception as wrong:  # noqa: BLE001 - a line must not end the step
        return f"{message} (its arguments do not fit: {type(wrong).__name__})"


def _line_of(record: logging.LogRecord) -> str:
    """Return the message, with the kind of exception it was logged with but no traceback."""
    message = _formatted(record.msg, record.args)
    error = record.exc_info[1] if record.exc_info else None
    return message if error is None else f"{message} ({type(error).__name__}: {error})"
