"""Lines that attempts log: their levels, what is kept of them, and what may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

#: Levels by name, lowest first, numbered as Python numbers them.
LEVELS: Final = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40})
#: Names of levels by number.
LEVEL_NAMES: Final = MappingProxyType({number: name for name, number in LEVELS.items()})
#: What other worlds call our levels.
_ALIASES: Final = MappingProxyType(
    {"trace": "debug", "warn": "warning", "critical": "error", "fatal": "error", "log": "info"}
)
#: Names as they come from Python and from scripts: these need no lowering.
_BY_NAME: Final = MappingProxyType(LEVELS | {name.upper(): n for name, n in LEVELS.items()})


def level_of(name: str) -> int:
    """Return the number of a level by any of its names; an unknown name means `info`."""
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    lowered = name.lower()
    return LEVELS.get(_ALIASES.get(lowered, lowered), LEVELS["info"])


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """How much of what an attempt logs is kept."""

    line_bytes: int  #: of one line; the rest of it is cut
    lines: int  #: of one attempt
    total_bytes: int  #: of all lines of one attempt
    lines_per_s: int  #: of one attempt, in any second that begins with a line


class LogLine(NamedTuple):  # of all that is frozen, the one that is made fastest
    """A line as an attempt wrote it, on its way to the database."""

    logged_s: float  #: when, on the process's monotonic clock
    level: int  #: one of LEVELS
    message: str  #: without secrets, cut to what is kept
    logger: str | None = None  #: name of the Python logger; None: the attempt's own


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """A stored line."""

    sequence: int  #: grows in order of commits; the cursor of followers
    run_id: str  #: of the run
    attempt_id: str  #: of the attempt
    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    step: str  #: name of the step
    attempt: int  #: number of the attempt, from 1
    level: str  #: `debug`, `info`, `warning` or `error`
    at: datetime  #: when it was written
    logger: str | None  #: name of the Python logger; None: the attempt's own
    message: str  #: the text


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Filters of the lists of lines; all given ones must hold."""

    run_id: str | None = None  #: of that run
    attempt_id: str | None = None  #: of that attempt
    namespace: str | None = None  #: of the workflow
    name: str | None = None  #: of the workflow
    namespaces: tuple[str, ...] | None = None  #: what the caller may see
    level: int | None = None  #: at least
    text: str | None = None  #: contained in the message; the case of ASCII letters is ignored
    since: datetime | None = None  #: written at or after
    until: datetime | None = None  #: written at or before


@dataclass(frozen=True, slots=True)
class LogPage:
    """A part of a list of lines; how long the list is nobody counts."""

    items: tuple[LogView, ...]  #: in the order asked for
    next_cursor: str | None  #: opaque; there may be more where there is one, even after no items
