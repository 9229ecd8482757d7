"""Rows of API keys. What a key looks like and what it grants is decided in `access.keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import bindparam, insert, or_, select, update

from ratchet_core.store.clock import known_datetime, now_us, to_datetime
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.schema import api_keys

_MINUTE_US = 60_000_000
# Both are asked with each call; building them costs more than asking.
_FIND = select(
    api_keys,
    (
        api_keys.c.revoked_at.is_(None)
        & or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now_us())
    ).label("alive"),
).where(api_keys.c.prefix == bindparam("prefix"))
_OLD_USE = select(api_keys.c.id).where(
    api_keys.c.id == bindparam("key_id"),
    or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now_us() - _MINUTE_US),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One API key, without the key."""

    id: str  #: UUIDv7
    prefix: str  #: public part of the key
    name: str  #: for people
    roles: tuple[str, ...]  #: as the key was made with
    permissions: tuple[str, ...]  #: as the key was made with
    namespaces: tuple[str, ...] | None  #: None: any
    created_by: str  #: who made it
    created_at: datetime
    expires_at: datetime | None  #: None: never
    revoked_at: datetime | None  #: None: it was not
    last_used_at: datetime | None  #: to the minute


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """A key that was looked up by its prefix."""

    key: StoredKey
    digest: str  #: SHA-256 of the whole key, hexadecimal
    is_alive: bool  #: neither revoked nor ended, by the database's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that is to be stored."""

    id: str  #: UUIDv7
    prefix: str  #: public part
    digest: str  #: SHA-256 of the whole key, hexadecimal
    name: str
    roles: Sequence[str]
    permissions: Sequence[str]
    namespaces: Sequence[str] | None
    created_by: str
    lifetime: timedelta | None  #: None: it never ends


def add(tx: Tx, key: NewKey) -> None:
    """Store a new key."""
    lifetime_us = None if key.lifetime is None else key.lifetime // timedelta(microseconds=1)
    tx.execute(
        insert(api_keys).values(
            id=key.id,
            prefix=key.prefix,
            digest=key.digest,
            name=key.name,
            roles=_text(key.roles),
            permissions=_text(key.permissions),
            namespaces=None if key.namespaces is None else _text(key.namespaces),
            created_by=key.created_by,
            created_at=now_us(),
            expires_at=None if lifetime_us is None else now_us() + lifetime_us,
        )
    )


def find(tx: Tx, prefix: str) -> FoundKey | None:
    """Return the key with that prefix, whether it still holds or not."""
    row = tx.execute(_FIND, {"prefix": prefix}).first()
    if row is None:
        return None
    return FoundKey(key=_view(row), digest=row.digest, is_alive=bool(row.alive))


def every(tx: Tx) -> tuple[StoredKey, ...]:
    """Return all keys, newest first."""
    statement = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id.desc())
    return tuple(_view(row) for row in tx.execute(statement))


def revoke(tx: Tx, id_or_prefix: str) -> bool:
    """End a key; False where there is none that is not ended so already."""
    chosen = or_(api_keys.c.id == id_or_prefix, api_keys.c.prefix == id_or_prefix)
    statement = update(api_keys).where(chosen, api_keys.c.revoked_at.is_(None))
    return tx.execute(statement.values(revoked_at=now_us())).rowcount > 0


def note_use(tx: Tx, key_id: str) -> None:
    """Store that a key is used now; see `is_use_old`."""
    tx.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now_us()))


def is_use_old(tx: Tx, key_id: str) -> bool:
    """Tell whether the stored last use of a key is over a minute old, or there is none."""
    return tx.execute(_OLD_USE, {"key_id": key_id}).first() is not None


def _view(row: AnyRow) -> StoredKey:
    return StoredKey(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        roles=tuple(orjson.loads(row.roles)),
        permissions=tuple(orjson.loads(row.permissions)),
        namespaces=None if row.namespaces is None else tuple(orjson.loads(row.namespaces)),
        created_by=row.created_by,
        created_at=known_datetime(row.created_at),
        expires_at=to_datetime(row.expires_at),
        revoked_at=to_datetime(row.revoked_at),
        last_used_at=to_datetime(row.last_used_at),
    )


def _text(values: Sequence[str]) -> str:
    return orjson.dumps(list(values)).decode()
