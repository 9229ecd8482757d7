"""What processes tell about their input sources: written by each, read by all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query

#: A process that was silent for longer does not count as alive.
ALIVE_S: Final = 15
#: What processes have told is kept this long.
KEPT_S: Final = 86_400

_TELL: Final = Query(
    "INSERT INTO source_reports (process, source, place, state, message, messages, doubles,"
    " rejected, errors, at) VALUES (:process, :source, :place, :state, :message, :messages,"
    " :doubles, :rejected, :errors, {now}) ON CONFLICT (process, source) DO UPDATE SET"
    " state = excluded.state, message = excluded.message, messages = excluded.messages,"
    " doubles = excluded.doubles, rejected = excluded.rejected, errors = excluded.errors,"
    " at = excluded.at"
)
_READ: Final = Query(
    "SELECT source, place, state, message, messages, doubles, rejected, errors, at"
    " FROM source_reports WHERE at > {now} - :alive_us AND state <> 'ended'"
    " ORDER BY source, place"
)
_FORGET: Final = Query("DELETE FROM source_reports WHERE at < {now} - :kept_us")
_LEAVE: Final = Query("UPDATE source_reports SET state = 'ended' WHERE process = :process")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What one living process has told last about one source."""

    source: str  #: its name
    place: str  #: what the process does, and where
    state: str  #: starting, healthy, holding, failing, left out
    message: str  #: why
    messages: int  #: that became runs in that process
    doubles: int  #: that had come before
    rejected: int  #: that can never become runs
    errors: int  #: times that the source ended with an error
    at: datetime  #: when it was told


def tell(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Store what a process tells, in place of what it told before."""
    for row in rows:
        _TELL.write(tx, row)


def leave(tx: Tx, process: str) -> None:
    """Note that a process has ended."""
    _LEAVE.write(tx, {"process": process})


def forget(tx: Tx) -> None:
    """Delete what was told longer than KEPT_S ago."""
    _FORGET.write(tx, {"kept_us": KEPT_S * 1_000_000})


def reports(tx: Tx) -> list[SourceReport]:
    """Return what living processes have told, by source."""
    return [
        SourceReport(
            source=row[0],
            place=row[1],
            state=row[2],
            message=row[3],
            messages=row[4],
            doubles=row[5],
            rejected=row[6],
            errors=row[7],
            at=known_datetime(row[8]),
        )
        for row in _READ.rows(tx, {"alive_us": ALIVE_S * 1_000_000})
    ]
