"""What processes tell about their plugins: written by each, read by all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query

#: A process that was silent for longer does not count as alive.
ALIVE_S: Final = 30
#: What processes have told is kept this long.
KEPT_S: Final = 86_400

_TELL: Final = Query(
    "INSERT INTO plugin_reports (process, plugin, place, state, reason, calls, errors, overruns,"
    " spent_us, last_error, at) VALUES (:process, :plugin, :place, :state, :reason, :calls,"
    " :errors, :overruns, :spent_us, :last_error, {now})"
    " ON CONFLICT (process, plugin) DO UPDATE SET state = excluded.state,"
    " reason = excluded.reason, calls = excluded.calls, errors = excluded.errors,"
    " overruns = excluded.overruns, spent_us = excluded.spent_us,"
    " last_error = excluded.last_error, at = excluded.at"
)
_READ: Final = Query(
    "SELECT plugin, place, state, reason, calls, errors, overruns, spent_us, last_error, at,"
    " {now} - at < :alive_us FROM plugin_reports WHERE at > {now} - :kept_us"
    " ORDER BY plugin, at, process"
)
_FORGET: Final = Query("DELETE FROM plugin_reports WHERE at < {now} - :kept_us")
_LEAVE: Final = Query(
    "UPDATE plugin_reports SET state = 'ended', reason = '' WHERE process = :process"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """What one process has told last about one plugin."""

    plugin: str  #: its name
    place: str  #: what the process does, and where
    state: str  #: active, disabled, quarantined; ended once the process has
    reason: str  #: why it is not active
    calls: int  #: of its hooks in that process
    errors: int  #: calls that failed
    overruns: int  #: calls that took longer than their budget
    seconds: float  #: spent in its calls
    last_error: str  #: of its latest failed call
    at: datetime  #: when it was told
    is_alive: bool  #: the process told something within ALIVE_S


def tell(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Store what a process tells, in place of what it told before."""
    for row in rows:
        _TELL.write(tx, row)


def leave(tx: Tx, process: str) -> None:
    """Note that a process has ended: its counts stay, its states do not."""
    _LEAVE.write(tx, {"process": process})


def forget(tx: Tx) -> None:
    """Delete what was told longer than KEPT_S ago."""
    _FORGET.write(tx, {"kept_us": KEPT_S * 1_000_000})


def reports(tx: Tx) -> list[PluginReport]:
    """Return what processes have told within KEPT_S, by plugin and time."""
    values = {"alive_us": ALIVE_S * 1_000_000, "kept_us": KEPT_S * 1_000_000}
    return [
        PluginReport(
            plugin=row[0],
            place=row[1],
            state=row[2],
            reason=row[3],
            calls=row[4],
            errors=row[5],
            overruns=row[6],
            seconds=row[7] / 1e6,
            last_error=row[8],
            at=known_datetime(row[9]),
            is_alive=bool(row[10]) and row[2] != "ended",
        )
        for row in _READ.rows(tx, values)
    ]
