"""One log line: what stands in it, before it is written in any format.

Every text that leaves goes through the redaction here, so no format can forget it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ratchet_core.redaction import mask_text, redact
from ratchet_core.telemetry.context import bound

MAX_MESSAGE_CHARS: Final = 16_384
MAX_STACK_CHARS: Final = 16_384
TRACE: Final = 5  #: below DEBUG: what only somebody who hunts a fault wants to read

#: What logging itself puts on a record; everything else came in through `extra`.
_OWN_ATTRIBUTES: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"},
)
_LEVEL_NAMES: Final[Mapping[int, str]] = {
    TRACE: "trace",
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warn",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}


@dataclass(frozen=True, slots=True)
class LogError:
    """The exception that was logged."""

    error_type: str
    message: str
    code: str | None  #: stable code of an error of ours
    stack_trace: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """What one log line says, secrets masked."""

    timestamp: str  #: ISO-8601 UTC with milliseconds and `Z`
    level: str
    message: str
    logger: str
    fields: Mapping[str, object]
    error: LogError | None
    trace_id: str | None  #: from the bound context, else the request's id
    span_id: str | None


def level_name(number: int) -> str:
    """Return our word for a level; a level between two is named like the lower one."""
    named = [level for level in _LEVEL_NAMES if level <= number]
    return _LEVEL_NAMES[max(named)] if named else "trace"


def line_of(
    record: logging.LogRecord, constant: Mapping[str, object], *, with_context: bool = True
) -> LogLine:
    """Read one record.

    Args:
        record: as logging made it.
        constant: fields of this process, such as the host's name.
        with_context: whether the fields that `bind` set are put on the line.
    """
    context = bound() if with_context else {}
    given = {key: value for key, value in vars(record).items() if key not in _OWN_ATTRIBUTES}
    fields = {**constant, **context, **given}
    trace_id = fields.pop("trace_id", None) or fields.get("request_id")
    span_id = fields.pop("span_id", None)
    shown = redact(fields)
    return LogLine(
        timestamp=_timestamp(record.created),
        level=level_name(record.levelno),
        message=_message_of(record),
        logger=record.name,
        fields=shown if isinstance(shown, Mapping) else {},
        error=_error_of(record),
        trace_id=None if trace_id is None else str(trace_id),
        span_id=None if span_id is None else str(span_id),
    )


def _timestamp(created: float) -> str:
    at = datetime.fromtimestamp(created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message_of(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong placeholder must not lose the line
        message = f"{record.msg} (arguments do not fit: {record.args!r})"
    return mask_text(message[:MAX_MESSAGE_CHARS])


def _error_of(record: logging.LogRecord) -> LogError | None:
    if not record.exc_info or record.exc_info[1] is None:
        return None
    kind, error, trace = record.exc_info
    stack = "".join(traceback.format_exception(kind, error, trace))
    code = getattr(error, "code", None)
    return LogError(
        error_type=type(error).__name__,
        message=mask_text(str(error)[:MAX_MESSAGE_CHARS]),
        code=code if isinstance(code, str) else None,
        stack_trace=mask_text(stack[-MAX_STACK_CHARS:]),
    )
