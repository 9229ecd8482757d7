"""Ratchet plugin `jwt`: callers are known by JSON Web Tokens.

Only the registration lives here. `config` reads the settings, `key` and `jwks` know the keys,
`codec` reads and writes tokens with one key, `authenticator` puts them together; that brings Flask
and a cryptography library, so it is imported where somebody asks for it: every process loads this
package, and few of them check tokens.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from ratchet_core.sdk import Authenticator, hookimpl

__all__ = ["ratchet_register_authenticators"]


@hookimpl
def ratchet_register_authenticators() -> Iterable[type[Authenticator]]:
    """Offer the authenticator `jwt`."""
    implementation: Any = importlib.import_module("ratchet_jwt.authenticator")
    return [implementation.JwtAuthenticator]
