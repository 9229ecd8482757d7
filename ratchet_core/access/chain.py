"""Asking the authenticators in their order who sent a request; whatever fails, fails closed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from ratchet_core.errors import AuthenticationFailed, NotFound
from ratchet_core.redaction import mask_text
from ratchet_core.sdk.authentication import (
    Authenticator,
    IssuedTokens,
    Principal,
    RequestView,
    TokenIssuer,
)

_log = logging.getLogger(__name__)

#: What a client is told, whatever was wrong (seed 002, "Authentication Error").
REFUSAL: Final = "Invalid or expired authentication token"
#: What a client is told that asks for a token where none is issued.
NO_ISSUER: Final = "This server issues no tokens"
_MAX_ID: Final = 200
_MAX_REASON: Final = 200


class AuthenticatorChain:
    """The authenticators of this process, in the order in which they are asked."""

    def __init__(self, authenticators: Sequence[tuple[str, Authenticator]]) -> None:
        self.authenticators = tuple(authenticators)

    def authenticate(self, request: RequestView) -> Principal:
        """Return who sent the request.

        Raises:
            AuthenticationFailed: nobody knows the caller, or the credentials are not valid.
        """
        for name, authenticator in self.authenticators:
            try:
                principal = authenticator.authenticate(request)
                if principal is None:
                    continue
                return _checked(replace(principal, authenticator=name))
            except Exception as error:  # noqa: BLE001 - raising means 401, whatever is raised
                _tell(name, request, error)
                raise AuthenticationFailed(REFUSAL) from None
        raise AuthenticationFailed(REFUSAL)

    def refresh(self, token: str) -> IssuedTokens:
        """Exchange a refresh token for a new access token.

        Raises:
            NotFound: no authenticator of this server issues tokens.
            AuthenticationFailed: it is no valid refresh token.
        """
        for name, authenticator in self.authenticators:
            if isinstance(authenticator, TokenIssuer):
                try:
                    return authenticator.refresh(token)
                except Exception as error:  # noqa: BLE001 - raising means 401, as above
                    _log.info("%s refused a refresh token: %s", name, type(error).__name__)
                    raise AuthenticationFailed(REFUSAL) from None
        raise NotFound(NO_ISSUER)


def _checked(principal: Principal) -> Principal:
    """Refuse an answer that cannot be a caller: a broken authenticator must not let anyone in."""
    if not (0 < len(principal.id) <= _MAX_ID and principal.id.isprintable()):
        message = f"the id has to be 1 to {_MAX_ID} printable characters"
        raise AuthenticationFailed(message)
    if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
        message = "the credentials have ended"
        raise AuthenticationFailed(message)
    return principal


def _tell(name: str, request: RequestView, error: Exception) -> None:
    """Log why credentials were refused, without any part of them."""
    reason = mask_text(str(error))[:_MAX_REASON]
    for value in (request.headers.get("authorization"), request.headers.get("x-api-key")):
        for part in (value or "").split():
            reason = reason.replace(part, "********")
    _log.info(
        "%s %s from %s: %s refused the credentials: %s: %s",
        request.method,
        request.path[:200],
        request.address,
        name,
        type(error).__name__,
        reason,
    )
