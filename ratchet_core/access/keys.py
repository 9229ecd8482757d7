"""API keys: made, listed, revoked and recognised. Only a digest of a key is ever stored.

A key is `rtk_`, a public prefix by which it is found, `_`, and 43 random characters (256 bits): a
plain SHA-256 of that much randomness cannot be guessed back, so no slow hash is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ratchet_core.access.permission import PERMISSIONS, ROLES, is_permission, is_role
from ratchet_core.errors import NotFound, ValidationFailed
from ratchet_core.sdk.authentication import KeyLookup, Principal
from ratchet_core.store import api_keys
from ratchet_core.store.api_keys import NewKey, StoredKey
from ratchet_core.store.database import Database

START: Final = "rtk_"
_PREFIX_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FORM: Final = re.compile(
    rf"{START}([A-Za-z0-9]{{{_PREFIX_LENGTH}}})_[A-Za-z0-9]{{{_SECRET_LENGTH}}}", re.ASCII
)
_NO_DIGEST: Final = "0" * 64
_MAX_NAME: Final = 128

#: Makes a random number below its argument, as `secrets.randbelow` does.
RandomBelow = Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """What a new key is to be."""

    name: str  #: for people: who or what uses it
    roles: Sequence[str] = ()  #: such as `operator`, `viewer@payments`
    permissions: Sequence[str] = ()  #: scopes, such as `workflow:run`, `run:read@payments`
    namespaces: Sequence[str] | None = None  #: limits all of the above
    lifetime: timedelta | None = None  #: None: it never ends
    created_by: str = "cli"  #: who makes it


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A new key: the only time that it is seen."""

    key: str = field(repr=False)  #: to be handed to whoever uses it
    prefix: str  #: its public part


class ApiKeys(KeyLookup):
    """The stored API keys.

    Args:
        database: that holds them.
        new_id: makes UUIDv7 texts.
        below: makes random numbers, good enough for secrets.
    """

    def __init__(self, database: Database, new_id: Callable[[], str], below: RandomBelow) -> None:
        self._database = database
        self._new_id = new_id
        self._below = below

    def is_key(self, text: str) -> bool:
        """Tell whether a text has the form of our API keys, valid or not."""
        return text.startswith(START)

    def find(self, text: str) -> Principal | None:
        """Return whose key this is; None where it is unknown, revoked or has ended."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        with self._database.read() as tx:
            found = api_keys.find(tx, form[1])
            is_old = found is not None and api_keys.is_use_old(tx, found.key.id)
        stored = _NO_DIGEST if found is None else found.digest
        matches = hmac.compare_digest(_digest(text), stored)
        if found is None or not (matches and found.is_alive):
            return None
        if is_old:
            key_id = found.key.id
            self._database.transact(lambda tx: api_keys.note_use(tx, key_id), durable=False)
        return _principal(found.key)

    def create(self, request: KeyRequest) -> MadeKey:
        """Make and store a key.

        Raises:
            ValidationFailed: a name, role, permission or lifetime is not valid.
        """
        _check(request)
        prefix = self._random(_PREFIX_LENGTH)
        key = f"{START}{prefix}_{self._random(_SECRET_LENGTH)}"
        row = NewKey(
            id=self._new_id(),
            prefix=prefix,
            digest=_digest(key),
            name=request.name,
            roles=request.roles,
            permissions=request.permissions,
            namespaces=request.namespaces,
            created_by=request.created_by,
            lifetime=request.lifetime,
        )
        self._database.transact(lambda tx: api_keys.add(tx, row))
        return MadeKey(key=key, prefix=prefix)

    def listed(self) -> tuple[StoredKey, ...]:
        """Return all keys, newest first, without the keys themselves."""
        with self._database.read() as tx:
            return api_keys.every(tx)

    def revoke(self, id_or_prefix: str) -> None:
        """End a key at once.

        Raises:
            NotFound: there is none, or it was revoked before.
        """
        if not self._database.transact(lambda tx: api_keys.revoke(tx, id_or_prefix)):
            message = f"there is no key '{id_or_prefix[:100]}' that could be revoked"
            raise NotFound(message)

    def _random(self, length: int) -> str:
        return "".join(_ALPHABET[self._below(len(_ALPHABET))] for _ in range(length))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def _principal(key: StoredKey) -> Principal:
    return Principal(
        id=key.prefix,
        roles=key.roles,
        permissions=key.permissions,
        namespaces=key.namespaces,
        expires_at=key.expires_at,
    )


def _check(request: KeyRequest) -> None:
    details: dict[str, list[str]] = {}
    if not (0 < len(request.name) <= _MAX_NAME and request.name.isprintable()):
        details["name"] = [f"must be 1 to {_MAX_NAME} printable characters"]
    roles = [role for role in request.roles if not is_role(role)]
    if roles:
        legal = ", ".join(ROLES)
        details["roles"] = [f"'{role[:100]}' is no role; roles are {legal}" for role in roles]
    unknown = [text for text in request.permissions if not is_permission(text)]
    if unknown:
        legal = ", ".join(PERMISSIONS)
        details["permissions"] = [
            f"'{text[:100]}' is no permission; permissions are {legal}" for text in unknown
        ]
    if request.lifetime is not None and request.lifetime <= timedelta(0):
        details["lifetime"] = ["must be longer than nothing"]
    if details:
        raise ValidationFailed("The key cannot be made so", details)
