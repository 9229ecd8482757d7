"""Rows of the audit log. What is chained, and how, is decided in `access.audit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, bindparam, or_, select, text, update

from ratchet_core.store.clock import now_us
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query
from ratchet_core.store.schema import audit

#: Key of the PostgreSQL advisory lock under which one process at a time seals.
_LOCK_KEY: Final = 0x52_41_55_44
#: Status of an entry whose change is stored and whose call is not answered, yet or ever.
NO_ANSWER: Final = 0
#: A call that is not answered by then has died with its process.
_LONGEST_CALL_US: Final = 180_000_000

_ADD: Final = Query(
    "INSERT INTO audit (call_id, at, principal, address, method, path, operation, permission, "
    "status) VALUES (:call_id, {now}, :principal, :address, :method, :path, :operation, "
    ":permission, :status) RETURNING sequence"
)
_FINISH: Final = Query(
    "UPDATE audit SET status = :status WHERE sequence = :sequence AND position IS NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call that changed something, or tried to."""

    call_id: str  #: as in `X-Request-ID`
    principal: str  #: who, such as `jwt:alice`
    address: str  #: of the peer
    method: str  #: of HTTP
    path: str  #: without the query
    operation: str  #: as the OpenAPI document names it
    permission: str  #: that it needs
    status: int  #: of the answer; `NO_ANSWER` where none was seen


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it is stored."""

    sequence: int
    at_us: int  #: microseconds since 1970, by the database's clock
    entry: Entry
    position: int | None  #: place in the chain; None until it is sealed
    digest: str | None  #: of this entry and the digest before it


def add(tx: Tx, entry: Entry) -> int:
    """Store an entry, unsealed; return its sequence number."""
    values = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    [(sequence,)] = _ADD.rows(tx, values)
    return int(sequence)


def finish(tx: Tx, sequence: int, status: int) -> bool:
    """Note how the call of an entry ended; False where there is no such entry, or it is sealed."""
    return _FINISH.write(tx, {"sequence": sequence, "status": status}) == 1


def lock(tx: Tx) -> None:
    """Let one transaction seal at a time; SQLite's write lock does so already."""
    if tx.dialect.name == "postgresql":
        tx.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))


def unsealed(tx: Tx, limit: int) -> tuple[StoredEntry, ...]:
    """Return entries that can be put into the chain, oldest first.

    One whose call may still be answered waits, because its status is a part of the chain.
    """
    is_over = or_(audit.c.status != NO_ANSWER, audit.c.at < now_us() - _LONGEST_CALL_US)
    statement = select(audit).where(text("position IS NULL"), is_over).order_by(audit.c.sequence)
    return tuple(_view(row) for row in tx.execute(statement.limit(limit)))


def last_sealed(tx: Tx) -> tuple[int, str]:
    """Return position and digest of the end of the chain; (0, "") of an empty one."""
    statement = select(audit.c.position, audit.c.digest).where(audit.c.position.is_not(None))
    row = tx.execute(statement.order_by(audit.c.position.desc()).limit(1)).first()
    return (0, "") if row is None else (row.position, row.digest)


def seal(tx: Tx, sealed: Sequence[tuple[int, int, str]]) -> None:
    """Put entries into the chain, given as (sequence, position, digest)."""
    statement = (
        update(audit)
        .where(audit.c.sequence == bindparam("of"))
        .values(position=bindparam("place"), digest=bindparam("sum"))
    )
    rows = [{"of": sequence, "place": place, "sum": digest} for sequence, place, digest in sealed]
    tx.execute(statement, rows)


def chain(tx: Tx, after: int, limit: int) -> tuple[StoredEntry, ...]:
    """Return a part of the chain, in its order."""
    statement = select(audit).where(audit.c.position > after).order_by(audit.c.position)
    return tuple(_view(row) for row in tx.execute(statement.limit(limit)))


def newest(tx: Tx, limit: int) -> Iterator[StoredEntry]:
    """Yield the newest entries, newest first."""
    for row in tx.execute(select(audit).order_by(audit.c.sequence.desc()).limit(limit)):
        yield _view(row)


def _view(row: Row[*tuple[object, ...]]) -> StoredEntry:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
    names = Entry.__dataclass_fields__
    return StoredEntry(
        sequence=values["sequence"],
        at_us=values["at"],
        entry=Entry(**{name: values[name] for name in names}),
        position=values["position"],
        digest=values["digest"],
    )
