"""Settings of logging and of development aids.

Only declarations; what a log line looks like is `telemetry`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ratchet_core.config.setting import setting

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogTargetSettings:
    """One place that log lines go to (an item of `logging.targets`)."""

    kind: Literal["console", "file", "syslog"] = "console"  #: key `type`
    level: str | None = None  #: lowest level; None: that of `logging.level`
    path: Path | None = None  #: of the file; only for `file`
    max_size_bytes: int = 100 * MIB  #: a file that has grown to this is rotated; 0: never
    max_files: int = 10  #: rotated files that are kept
    compress: bool = False  #: whether rotated files are compressed with gzip
    facility: str = "user"  #: of syslog
    ident: str = "ratchet"  #: program name in syslog


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """What is logged, how it looks and where it goes."""

    level: Literal["trace", "debug", "info", "warn", "warning", "error", "critical"] = setting(
        "Lowest level that is logged.",
        "logging.level",
        default="info",
        env=("RATCHET_LOG_LEVEL",),
    )
    format: Literal["text", "json", "compact", "pretty"] = setting(
        "`text`: one line with fields; `json`: one JSON object a line; `compact`: short, without"
        " time; `pretty`: for the eyes, fields on lines of their own.",
        "logging.format",
        default="text",
        env=("RATCHET_LOG_FORMAT",),
    )
    include_location: bool = setting(
        "Whether each line names the source file and line that logged it.",
        "logging.include_location",
        default=False,
    )
    enrich_with: tuple[Literal["system_info", "process_info", "execution_context"], ...] = setting(
        "Fields put on each line: `system_info` host, `process_info` process and thread,"
        " `execution_context` ids of run, step, attempt and request.",
        "logging.enrich_with",
        default=("execution_context",),
    )
    declared_targets: tuple[LogTargetSettings, ...] = setting(
        "Where log lines go: `console` (standard error), `file`, `syslog`; unset: the console.",
        "logging.targets",
        default=(),
        in_environment=False,
    )
    log_to_file: bool = setting(
        "Whether lines go to `logging.log_file_path` as well.",
        "logging.log_to_file",
        default=False,
    )
    log_file_path: Path | None = setting(
        "The file that `logging.log_to_file` writes.",
        "logging.log_file_path",
        default=None,
    )
    file_max_size_bytes: int = setting(
        "Size at which that file is rotated (mebibytes in the file); 0: never.",
        "logging.file_rotation.max_size_mb",
        default=100 * MIB,
        at_least=0,
        at_most=1_000_000,
        scale=MIB,
        in_environment=False,
    )
    file_max_files: int = setting(
        "Rotated files that are kept.",
        "logging.file_rotation.max_files",
        default=10,
        at_least=0,
        at_most=10_000,
    )
    file_compress: bool = setting(
        "Whether rotated files are compressed with gzip.",
        "logging.file_rotation.compress",
        default=False,
    )

    @property
    def targets(self) -> tuple[LogTargetSettings, ...]:
        """Every place that log lines go to, the console where nothing else is said."""
        targets = self.declared_targets or (LogTargetSettings(),)
        if not self.log_to_file:
            return targets
        return (
            *targets,
            LogTargetSettings(
                kind="file",
                path=self.log_file_path,
                max_size_bytes=self.file_max_size_bytes,
                max_files=self.file_max_files,
                compress=self.file_compress,
            ),
        )


@dataclass(frozen=True, slots=True)
class KeptLogSettings:
    """How much of what attempts log is kept with their runs."""

    max_line_bytes: int = setting(
        "Bytes of one line that an attempt logs; the rest of it is cut, which the line says.",
        "logs.max_line_bytes",
        default=16 * 1024,
        at_least=80,
        at_most=MIB,
    )
    max_lines: int = setting(
        "Lines of one attempt; the rest is dropped, which the log says.",
        "logs.max_lines",
        default=10_000,
        at_least=0,
        at_most=1_000_000,
    )
    max_bytes: int = setting(
        "Bytes of all lines of one attempt; the rest is dropped, which the log says.",
        "logs.max_bytes",
        default=MIB,
        at_least=0,
        at_most=256 * MIB,
    )
    max_lines_per_second: int = setting(
        "Lines of one attempt in a second; what comes faster is dropped, which the log says.",
        "logs.max_lines_per_second",
        default=2_000,
        at_least=1,
        at_most=1_000_000,
    )
    max_streams: int = setting(
        "Most live streams of logs of one API process; it starts that many threads more.",
        "logs.max_streams",
        default=50,
        at_least=0,
        at_most=900,
    )
    error_patterns: Path | None = setting(
        "YAML file of known errors (`name`, `regex`, `error_type`, `category`, `suggestion`) that"
        " reports of failures recognise besides the built-in ones.",
        "logs.error_patterns",
        default=None,
    )


@dataclass(frozen=True, slots=True)
class DevelopmentSettings:
    """Aids for people who develop workflows."""

    enable_debug_endpoints: bool = setting(
        "Whether `/debug/config`, `/debug/workers`, `/debug/queue` and `/debug/errors` answer:"
        " administrators, or this machine alone while authentication is off.",
        "development.enable_debug_endpoints",
        default=False,
    )
    validate_on_startup: bool = setting(
        "Whether a definition that is broken keeps the server from starting; else it is reported.",
        "development.validate_on_startup",
        default=False,
    )
