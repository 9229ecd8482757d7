"""Writing deliveries: handed over from ended runs, claimed, ended, asked for again.

Every write of a state is guarded by state and token, as with steps: nobody ends an attempt that
was taken over by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update

from ratchet_core.store.clock import now_us
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.driver import Bulk, Query, Rows, write, write_all
from ratchet_core.store.runs import ADD_JOURNAL
from ratchet_core.store.schema import attempts, deliveries, disabled_destinations, runs

_ENDED_RUNS: Final = (
    "SELECT id, snapshot_id, namespace, name, version, state, output_destinations, {now} FROM runs "
    "WHERE outbox = 1 AND completed_at IS NOT NULL ORDER BY completed_at LIMIT :count"
)
_DUE_RUNS: Final = {
    "sqlite": Query(_ENDED_RUNS),
    "postgresql": Query(f"{_ENDED_RUNS} FOR UPDATE SKIP LOCKED"),
}
_HANDED_OVER: Final = Query("UPDATE runs SET outbox = 2 WHERE id IN :ids[] AND outbox = 1")
_ADD: Final = Bulk(
    "INSERT INTO deliveries",
    "id text, run_id text, namespace text, name text, version text, origin text, place int, "
    "destination text, kind text, run_state text, state text, attempts int, failures int, "
    "token int, timeout_us bigint, ready_at bigint, created_at bigint, updated_at bigint",
)
_CLAIMED: Final = (
    "id, run_id, namespace, name, version, origin, place, destination, kind, run_state, "
    "attempts, failures, token, created_at"
)
_CLAIM: Final = {
    "sqlite": Query(
        f"""
        UPDATE deliveries SET state = 'running', token = token + 1, attempts = attempts + 1,
            lease_until = {{now}} + timeout_us + :grace, updated_at = {{now}}
        WHERE id IN (
            SELECT id FROM deliveries WHERE state = 'pending' AND ready_at <= {{now}}
            ORDER BY ready_at, id LIMIT :count
        )
        RETURNING {_CLAIMED}
        """  # noqa: S608 - constants only
    ),
    "postgresql": Query(
        f"""
        WITH picked AS MATERIALIZED (
            SELECT id AS picked_id FROM deliveries WHERE state = 'pending' AND ready_at <= {{now}}
            ORDER BY ready_at, id LIMIT :count FOR UPDATE SKIP LOCKED
        )
        UPDATE deliveries SET state = 'running', token = token + 1, attempts = attempts + 1,
            lease_until = {{now}} + timeout_us + :grace, updated_at = {{now}}
        FROM picked WHERE id = picked_id
        RETURNING {_CLAIMED}
        """  # noqa: S608
    ),
}
_END: Final = Query(
    """
    UPDATE deliveries SET state = :state, failures = :failures, error = :error,
        ready_at = {now} + :delay, lease_until = NULL, updated_at = {now},
        completed_at = CASE WHEN :ended THEN {now} END
    WHERE id = :id AND token = :token AND state = 'running'
    """
)
_ADD_ATTEMPT: Final = Bulk(
    "INSERT INTO delivery_attempts",
    "delivery_id text, number int, run_id text, state text, error text, details text, "
    "started_at bigint, completed_at bigint",
)
_EXPIRED: Final = Query(
    f"SELECT {_CLAIMED}, updated_at FROM deliveries "  # noqa: S608 - constants only
    "WHERE state = 'running' AND lease_until < {now} ORDER BY lease_until LIMIT :count"
)
_NEXT: Final = Query("SELECT min(ready_at) - {now} FROM deliveries WHERE state = 'pending'")
_ADD_DISABLED: Final = Bulk(
    "INSERT INTO disabled_destinations", "destination text, reason text, disabled_at bigint"
)
# built once: building a statement costs more than asking it
_RUN: Final = select(runs).where(runs.c.id == bindparam("run_id"))
_LATEST_ATTEMPT: Final = (
    select(attempts.c.id)
    .where(attempts.c.run_id == bindparam("run_id"))
    .order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
    .limit(1)
)
_ANY_DUE_RUN: Final = Query(
    "SELECT 1 FROM runs WHERE outbox = 1 AND completed_at IS NOT NULL LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that has ended and whose output is not handed over yet."""

    id: str
    snapshot_id: str
    namespace: str
    name: str
    version: str
    state: str
    output_destinations: str | None  #: JSON
    now_us: int  #: the database's time


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery whose next attempt is ours."""

    id: str
    run_id: str
    namespace: str
    name: str
    version: str
    origin: str
    place: int
    destination: str
    kind: str
    run_state: str
    attempts: int  #: this one included
    failures: int
    token: int
    created_at: int


def due_runs(tx: Tx, count: int) -> list[DueRun]:
    """Return ended runs to hand over, oldest first; PostgreSQL locks them."""
    return [DueRun(*row) for row in _DUE_RUNS[tx.dialect.name].rows(tx, {"count": count})]


def hand_over(tx: Tx, run_ids: Sequence[str], rows: Rows) -> None:
    """Store the deliveries of runs and note that these are handed over."""
    write_all(tx, [(_ADD, rows)])
    _HANDED_OVER.write(tx, {"ids": list(run_ids)})


def claim(tx: Tx, count: int, grace_us: int) -> list[ClaimedDelivery]:
    """Start the next attempt of up to `count` deliveries."""
    found = _CLAIM[tx.dialect.name].rows(tx, {"count": count, "grace": grace_us})
    return [ClaimedDelivery(*row) for row in found]


def expired(tx: Tx, count: int) -> list[tuple[ClaimedDelivery, int]]:
    """Return deliveries whose process was silent beyond its lease, and when they started."""
    rows = _EXPIRED.rows(tx, {"count": count})
    return [(ClaimedDelivery(*row[:-1]), row[-1]) for row in rows]


def end_attempt(tx: Tx, end: Mapping[str, Any], attempt: Mapping[str, Any], entries: Rows) -> bool:
    """Store the end of an attempt; False when somebody else took the delivery over."""
    if not _END.write(tx, end):
        return False
    write_all(tx, [(_ADD_ATTEMPT, [attempt]), (ADD_JOURNAL, entries)])
    return True


def next_in_us(tx: Tx) -> int | None:
    """Return in how many microseconds a delivery is due, below 0 when it is; None without any."""
    if _ANY_DUE_RUN.rows(tx, {}):
        return 0
    [(due,)] = _NEXT.rows(tx, {})
    return None if due is None else int(due)


def database_now(tx: Tx) -> int:
    """Return the database's time in microseconds."""
    return int(tx.execute(select(now_us())).scalar_one())


# ── operators ───────────────────────────────────────────────────────────────────────────────────


def state_of(tx: Tx, delivery_id: str) -> str | None:
    """Return where a delivery stands; None where there is none."""
    return tx.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()


def ask_again(tx: Tx, delivery_ids: Sequence[str]) -> int:
    """Make ended deliveries pending again, with a fresh budget; return how many it met."""
    now = database_now(tx)
    met = tx.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(list(delivery_ids)))
        .where(deliveries.c.state.in_(("delivered", "failed")))
        .values(state="pending", failures=0, ready_at=now, updated_at=now, completed_at=None)
    )
    return int(met.rowcount)


def disabled(tx: Tx) -> dict[str, str]:
    """Return the destinations that are switched off, with the reason."""
    return {row.destination: row.reason for row in tx.execute(select(disabled_destinations))}


def disable(tx: Tx, destination: str, reason: str) -> None:
    """Switch a destination off."""
    enable(tx, destination)
    row = {"destination": destination, "reason": reason, "disabled_at": database_now(tx)}
    write(tx, _ADD_DISABLED, [row])


def enable(tx: Tx, destination: str) -> bool:
    """Switch a destination on again; tell whether it was off."""
    found = disabled_destinations.c.destination == destination
    return bool(tx.execute(delete(disabled_destinations).where(found)).rowcount)


def run_of(tx: Tx, run_id: str) -> AnyRow | None:
    """Return the row of a run."""
    return tx.execute(_RUN, {"run_id": run_id}).first()


def latest_attempt_id(tx: Tx, run_id: str) -> str | None:
    """Return the id of the attempt of a run that started last."""
    return tx.execute(_LATEST_ATTEMPT, {"run_id": run_id}).scalar()
