"""How far each subscriber of events has come, and which process tells it."""

from __future__ import annotations

from typing import Final

from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query

_KNOWN: Final = Query("SELECT 1 FROM event_cursors WHERE subscriber = :subscriber")
_BEGIN: Final = Query(
    "INSERT INTO event_cursors (subscriber, sequence, holder, lease_until)"
    " VALUES (:subscriber, :sequence, :holder, {now} + :lease_us)"
    " ON CONFLICT (subscriber) DO NOTHING"
)
_CLAIM: Final = Query(
    "UPDATE event_cursors SET holder = :holder, lease_until = {now} + :lease_us"
    " WHERE subscriber = :subscriber"
    " AND (holder IS NULL OR holder = :holder OR lease_until < {now})"
)
_READ: Final = Query(
    "SELECT sequence FROM event_cursors WHERE subscriber = :subscriber AND holder = :holder"
)
_ADVANCE: Final = Query(
    "UPDATE event_cursors SET sequence = :sequence, lease_until = {now} + :lease_us"
    " WHERE subscriber = :subscriber AND holder = :holder"
)
_LEAVE: Final = Query(
    "UPDATE event_cursors SET holder = NULL, lease_until = NULL"
    " WHERE subscriber = :subscriber AND holder = :holder"
)


def is_known(tx: Tx, subscriber: str) -> bool:
    """Tell whether a subscriber has a place."""
    return bool(_KNOWN.rows(tx, {"subscriber": subscriber}))


def begin(tx: Tx, subscriber: str, holder: str, sequence: int, lease_s: float) -> bool:
    """Give a new subscriber its place and take it for a process; False where it has one."""
    values = {"subscriber": subscriber, "holder": holder, "sequence": sequence}
    return _BEGIN.write(tx, values | {"lease_us": round(lease_s * 1e6)}) == 1


def claim(tx: Tx, subscriber: str, holder: str, lease_s: float) -> int | None:
    """Take a subscriber for a process, or keep it.

    Returns:
        The place up to which it was told; None while another process tells it, and for one that
        has no place.
    """
    values = {"subscriber": subscriber, "holder": holder}
    if not _CLAIM.write(tx, values | {"lease_us": round(lease_s * 1e6)}):
        return None
    return int(_READ.rows(tx, values)[0][0])


def advance(tx: Tx, subscriber: str, holder: str, sequence: int, lease_s: float) -> bool:
    """Note up to where a subscriber was told; False where another process tells it now."""
    values = {"subscriber": subscriber, "holder": holder, "sequence": sequence}
    return _ADVANCE.write(tx, values | {"lease_us": round(lease_s * 1e6)}) == 1


def leave(tx: Tx, subscriber: str, holder: str) -> None:
    """Let another process go on."""
    _LEAVE.write(tx, {"subscriber": subscriber, "holder": holder})
