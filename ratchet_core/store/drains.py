"""Leases: one row per drain, renewed alone; a step holds its drain's id (architecture.md 3)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import text

from ratchet_core.store.clock import NOW_SQL
from ratchet_core.store.database import Tx

_OPEN: Final = {
    dialect: text(
        "INSERT INTO drains (id, worker, host, pid, queues, handlers, started_at, renewed_at, "  # noqa: S608
        "lease_until) "
        f"VALUES (:id, :worker, :host, :pid, :queues, :handlers, {now}, {now}, {now} + :lease_us)"
    )
    for dialect, now in NOW_SQL.items()
}
_RENEW: Final = {
    dialect: text(
        f"UPDATE drains SET renewed_at = {now}, lease_until = {now} + :lease_us "  # noqa: S608
        f"WHERE id = :id AND closed_at IS NULL AND lease_until > {now}"
    )
    for dialect, now in NOW_SQL.items()
}
_CLOSE: Final = {
    dialect: text(
        f"UPDATE drains SET closed_at = {now} WHERE id = :id AND closed_at IS NULL"  # noqa: S608
    )
    for dialect, now in NOW_SQL.items()
}
_EXPIRED: Final = {
    dialect: text(
        f"SELECT id FROM drains WHERE closed_at IS NULL AND lease_until <= {now} "  # noqa: S608
        "ORDER BY id LIMIT 100"
    )
    for dialect, now in NOW_SQL.items()
}
_OPEN_COUNT: Final = text("SELECT count(*) FROM drains WHERE closed_at IS NULL")
_LISTED: Final = text(
    "SELECT id, worker, host, pid, queues, started_at, lease_until FROM drains "
    "WHERE closed_at IS NULL ORDER BY started_at, id"
)
_FORGET: Final = {
    dialect: text(f"DELETE FROM drains WHERE closed_at < {now} - :age_us")  # noqa: S608
    for dialect, now in NOW_SQL.items()
}


def open_drain(tx: Tx, dialect: str, row: dict[str, Any]) -> None:
    """Store a drain with its first lease; `row` has a value for each name."""
    tx.execute(_OPEN[dialect], row)


def renew_lease(tx: Tx, dialect: str, drain_id: str, lease_us: int) -> bool:
    """Extend a lease that has not run out; False when it has."""
    values = {"id": drain_id, "lease_us": lease_us}
    return tx.execute(_RENEW[dialect], values).rowcount == 1


def close_drain(tx: Tx, dialect: str, drain_id: str) -> bool:
    """End a drain; False when it was ended before."""
    return tx.execute(_CLOSE[dialect], {"id": drain_id}).rowcount == 1


def expired_drains(tx: Tx, dialect: str) -> list[str]:
    """Return the drains whose lease has run out."""
    return [row.id for row in tx.execute(_EXPIRED[dialect])]


def open_count(tx: Tx) -> int:
    """Count the drains that are at work."""
    return int(tx.execute(_OPEN_COUNT).scalar_one())


def listed(tx: Tx) -> list[dict[str, Any]]:
    """Return the drains that are at work, oldest first."""
    return [dict(row._mapping) for row in tx.execute(_LISTED)]  # noqa: SLF001 - SQLAlchemy's API


def forget_closed(tx: Tx, dialect: str, age_us: int) -> int:
    """Delete drains that ended longer ago than `age_us`."""
    return tx.execute(_FORGET[dialect], {"age_us": age_us}).rowcount
