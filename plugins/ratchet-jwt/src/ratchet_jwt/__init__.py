"""Ratchet plugin `jwt`: callers are known by JSON Web Tokens.

Only the registration lives here. `config` reads the settings, `key` and `jwks` know the keys,
`codec` reads and writes tokens with one key, `authenticator` puts them together.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_core.sdk import Authenticator, hookimpl
from ratchet_jwt.authenticator import JwtAuthenticator

__all__ = ["JwtAuthenticator", "ratchet_register_authenticators"]


@hookimpl
def ratchet_register_authenticators() -> Iterable[type[Authenticator]]:
    """Offer the authenticator `jwt`."""
    return [JwtAuthenticator]
