"""Known errors: how a failure is recognised, and what helps against it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: What errors may be about.
CATEGORIES: Final = (
    "network",
    "database",
    "authentication",
    "configuration",
    "resource",
    "validation",
    "task_execution",
    "system",
    "unknown",
)


@dataclass(frozen=True, slots=True)
class ErrorPattern:
    """One known error."""

    name: str  #: unique, for people and programs
    regex: re.Pattern[str]  #: found in the message
    error_type: str | None = None  #: class of the error; None: any
    category: str = "unknown"  #: one of CATEGORIES
    suggestion: str = ""  #: what helps

    def fits(self, error_type: str, message: str) -> bool:
        """Tell whether a failure is of this kind."""
        if self.error_type is not None and self.error_type != error_type:
            return False
        return self.regex.search(message) is not None


def _known(name: str, regex: str, category: str, suggestion: str) -> ErrorPattern:
    return ErrorPattern(name, re.compile(regex, re.IGNORECASE), None, category, suggestion)


#: The patterns that everybody has; the first that fits counts.
BUILT_IN: Final = (
    _known(
        "database_locked",
        r"database (table )?is locked|SQLITE_BUSY",
        "database",
        "Another process holds the database: keep its transactions short, or use PostgreSQL.",
    ),
    _known(
        "connection_pool_exhausted",
        r"pool (is )?(exhausted|limit)|too many (clients|connections)|QueuePool limit",
        "database",
        "Raise the size of the connection pool, or lower the number of workers that share it.",
    ),
    _known(
        "db_connection_timeout",
        r"(database|postgres\w*|mysql|sqlite).{0,80}(timed? ?out|connection (refused|reset))",
        "database",
        "Check that the database runs and can be reached from the workers.",
    ),
    _known(
        "dns_resolution_failed",
        r"name or service not known|getaddrinfo|ENOTFOUND|could not (be )?resolved?|NXDOMAIN",
        "network",
        "Check the host name in the URL and the name servers of the workers' host.",
    ),
    _known(
        "ssl_certificate_error",
        r"certificate (verify failed|has expired|is not valid)|SSL[ :_]|self[- ]signed",
        "network",
        "Check the certificate of the server: its name, its date and who has signed it.",
    ),
    _known(
        "rate_limited",
        r"rate limit|too many requests|\b429\b",
        "resource",
        "Call less often, or raise the back-off of the step; `Retry-After` is obeyed.",
    ),
    _known(
        "task_not_found",
        r"\b(task|workflow)\b.{0,200}(not found|does not exist|unknown)",
        "configuration",
        "Check the name and the version, and that its definition is loaded.",
    ),
    _known(
        "egress_refused",
        r"egress|private (and|or) (link-)?local|address .{0,80}(is not allowed|refused)",
        "configuration",
        "The egress policy refuses the address; allow it in `egress.allow` if it is yours.",
    ),
    _known(
        "http_timeout",
        r"timed? ?out|deadline|ETIMEDOUT|ran longer than",
        "network",
        "Raise the time limit of the step, or find out why the other side is slow.",
    ),
    _known(
        "connection_refused",
        r"connection (refused|reset|aborted)|ECONNREFUSED|ECONNRESET|broken pipe",
        "network",
        "Check that the other side runs and that its address and port are right.",
    ),
    _known(
        "authentication_failed",
        r"unauthori[sz]ed|\b401\b|forbidden|\b403\b|invalid (api[ _-]?key|credentials)",
        "authentication",
        "Check the credentials that the step uses, and what they allow.",
    ),
    _known(
        "worker_lost",
        r"worker was silent|was killed by SIG|worker .{0,40}(died|lost)",
        "system",
        "The worker process died: look for its memory limit, and for crashes in native code.",
    ),
    _known(
        "out_of_memory",
        r"out of memory|memory limit|MemoryError|cannot allocate memory",
        "resource",
        "Give the step more memory, or let it work on smaller parts.",
    ),
    _known(
        "invalid_data",
        r"does not match the schema|is not valid json|unexpected token|invalid json|validation",
        "validation",
        "Compare the input with the schema of the workflow, and what the step before has given.",
    ),
)


def recognise(
    patterns: Iterable[ErrorPattern], error_type: str, message: str
) -> ErrorPattern | None:
    """Return the first pattern that fits a failure."""
    return next((pattern for pattern in patterns if pattern.fits(error_type, message)), None)
