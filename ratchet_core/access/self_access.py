"""How a script reads its own server: a short-lived token of its run's namespace (decisions.md 5).

The worker makes the token and adds it to requests to `server.self_urls`; the script never sees it.
It grants reading in one namespace, whatever coordinator decides about others.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Final

from ratchet_core.access.permission import ROLES
from ratchet_core.errors import AuthenticationFailed
from ratchet_core.sdk.authentication import Authenticator, Principal, RequestView
from ratchet_core.store import self_tokens
from ratchet_core.store.database import Database

#: Name of the authenticator, and first part of the names of its callers.
SELF: Final = "self"
#: All that such a caller may do.
PERMISSIONS: Final = ROLES["viewer"]
START: Final = "rts_"
LIFETIME_S: Final = 300
#: A token is used so long, so that a request that is sent with it can still be answered.
USE_S: Final = 120


class SelfTokens:
    """Makes tokens in a worker process; safe to share between threads.

    Args:
        database: of the own server.
        new_secret: returns a text that nobody can guess.
        monotonic: a clock that never jumps.
    """

    def __init__(
        self,
        database: Database,
        new_secret: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._new_secret = new_secret
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._made: dict[str, tuple[str, float]] = {}

    def token(self, namespace: str) -> str:
        """Return a token that reads a namespace for at least some minutes from now on."""
        with self._lock:
            token, until = self._made.get(namespace, ("", 0.0))
            if not token or self._monotonic() >= until:
                token = START + self._new_secret()
                digest = _digest(token)
                self._database.transact(
                    lambda tx: self_tokens.add(tx, digest, namespace, LIFETIME_S), durable=False
                )
                self._made[namespace] = (token, self._monotonic() + USE_S)
            return token


class SelfAuthenticator(Authenticator):
    """Knows the tokens of `SelfTokens`.

    Args:
        database: of the own server.
    """

    name = SELF

    def __init__(self, database: Database) -> None:  # built in: there is nothing to set
        self._database = database

    def authenticate(self, request: RequestView) -> Principal | None:
        """Return the scripts of a namespace as one caller."""
        token = request.bearer_token()
        if token is None or not token.startswith(START):
            return None
        with self._database.read() as tx:
            namespace = self_tokens.namespace_of(tx, _digest(token))
        if namespace is None:
            message = "the token of a script is unknown or has ended"
            raise AuthenticationFailed(message)
        return Principal(id=namespace, roles=("viewer",), namespaces=(namespace,))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
