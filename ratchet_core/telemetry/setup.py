"""Putting logging together for one process, and taking it apart again.

Called once by whoever starts a process; an embedding application that has logging of its own
does not call it. Formats are in `format`, the file in `file`.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import platform
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from ratchet_core.errors import ConfigurationError
from ratchet_core.telemetry.file import FileTarget
from ratchet_core.telemetry.format import LineFormatter
from ratchet_core.telemetry.line import TRACE

LEVELS: Final[Mapping[str, int]] = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_SYSLOG_SOCKETS: Final = ("/dev/log", "/var/run/syslog")


class TargetPlan(Protocol):
    """One place that log lines go to."""

    @property
    def kind(self) -> str:
        """`console` (standard error), `file` or `syslog`."""

    @property
    def level(self) -> str | None:
        """Lowest level; None: that of the plan."""

    @property
    def path(self) -> Path | None:
        """Of the file."""

    @property
    def max_size_bytes(self) -> int:
        """A file that has grown to this is rotated; 0: never."""

    @property
    def max_files(self) -> int:
        """Rotated files that are kept."""

    @property
    def compress(self) -> bool:
        """Whether rotated files are compressed."""

    @property
    def facility(self) -> str:
        """Of syslog."""

    @property
    def ident(self) -> str:
        """Program name in syslog."""


class LoggingPlan(Protocol):
    """What is logged, how it looks and where it goes."""

    @property
    def level(self) -> str:
        """Lowest level: trace, debug, info, warn, error or critical."""

    @property
    def format(self) -> str:
        """`json`, `text`, `compact` or `pretty`."""

    @property
    def include_location(self) -> bool:
        """Whether lines name the source line that logged them."""

    @property
    def enrich_with(self) -> Sequence[str]:
        """Any of `system_info`, `process_info`, `execution_context`."""

    @property
    def targets(self) -> Sequence[TargetPlan]:
        """At least one."""


class ConfiguredLogging:
    """The handlers that were installed, to be closed by whoever installed them."""

    def __init__(self, handlers: Sequence[logging.Handler], previous_level: int) -> None:
        self._handlers = handlers
        self._previous_level = previous_level

    def close(self) -> None:
        """Take the handlers away and put the level back."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(self._previous_level)


def configure_logging(plan: LoggingPlan, *, console: TextIO | None = None) -> ConfiguredLogging:
    """Install handlers on the root logger.

    Args:
        plan: from the settings.
        console: where the console target writes; standard error unless given.

    Raises:
        ConfigurationError: a file cannot be written, or there is no syslog.
    """
    logging.addLevelName(TRACE, "TRACE")
    constant = _constant_fields(plan.enrich_with)
    handlers: list[logging.Handler] = []
    try:
        for target in plan.targets:
            handler = _handler_of(target, console or sys.stderr)
            handler.setLevel(LEVELS[target.level or plan.level])
            handler.setFormatter(_formatter_of(plan, handler, constant))
            handlers.append(handler)
    except ConfigurationError:
        for handler in handlers:
            handler.close()
        raise
    root = logging.getLogger()
    configured = ConfiguredLogging(handlers, root.level)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(min((handler.level for handler in handlers), default=LEVELS[plan.level]))
    return configured


def _constant_fields(enrich_with: Sequence[str]) -> Mapping[str, object]:
    if "system_info" not in enrich_with:
        return {}
    return {"host": socket.gethostname(), "system": f"{platform.system()} {platform.release()}"}


def _formatter_of(
    plan: LoggingPlan, handler: logging.Handler, constant: Mapping[str, object]
) -> LineFormatter:
    stream = getattr(handler, "stream", None)
    if "process_info" in plan.enrich_with:
        handler.addFilter(_add_process)
    return LineFormatter(
        plan.format,
        constant,
        include_location=plan.include_location,
        with_context="execution_context" in plan.enrich_with,
        colour=stream is not None and stream.isatty(),
    )


def _add_process(record: logging.LogRecord) -> bool:
    """Put process and thread on a line; read at each line, since workers are forked."""
    record.pid = os.getpid()
    record.thread_name = record.threadName
    return True


def _handler_of(target: TargetPlan, console: TextIO) -> logging.Handler:
    if target.kind == "file":
        if target.path is None:
            raise ConfigurationError("a log target of type 'file' needs a path")
        return FileTarget(
            target.path,
            max_size_bytes=target.max_size_bytes,
            max_files=target.max_files,
            compress=target.compress,
        )
    if target.kind == "syslog":
        return _syslog(target)
    return logging.StreamHandler(console)


def _syslog(target: TargetPlan) -> logging.Handler:
    facilities = logging.handlers.SysLogHandler.facility_names
    if target.facility not in facilities:
        raise ConfigurationError(
            f"there is no syslog facility '{target.facility}'; known are"
            f" {', '.join(sorted(facilities))}",
        )
    for address in _SYSLOG_SOCKETS:
        if Path(address).exists():
            handler = logging.handlers.SysLogHandler(address, facilities[target.facility])
            handler.ident = f"{target.ident}: "
            return handler
    raise ConfigurationError(
        f"there is no syslog on this machine (looked for {', '.join(_SYSLOG_SOCKETS)});"
        " use a log target of type 'console' or 'file'",
    )
