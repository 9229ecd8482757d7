"""Ratchet plugin `api-key`: callers are known by API keys.

Only the headers are read here; keys are made, stored and compared by Ratchet itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from ratchet_apikey.authenticator import ApiKeyAuthenticator
from ratchet_core.sdk import Authenticator, hookimpl

__all__ = ["ApiKeyAuthenticator", "ratchet_register_authenticators"]


@hookimpl
def ratchet_register_authenticators() -> Iterable[type[Authenticator]]:
    """Offer the authenticator `api-key`."""
    return [ApiKeyAuthenticator]
