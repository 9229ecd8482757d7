"""Knowing callers by tokens, and issuing tokens of our own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import jwt

from ratchet_core.sdk import (
    AuthenticationFailed,
    Authenticator,
    AuthenticatorSettings,
    ConfigurationError,
    IssuedTokens,
    Principal,
    RequestView,
    TokenIssuer,
)
from ratchet_jwt.codec import Codec
from ratchet_jwt.config import JwtConfig, read_config
from ratchet_jwt.jwks import KeySet
from ratchet_jwt.key import VerifyingKey

#: Longer ones are not looked at.
MAX_TOKEN_LENGTH: Final = 8192
_PARTS: Final = 3
_MAX_GRANTS: Final = 100


class JwtAuthenticator(Authenticator, TokenIssuer):
    """Knows callers by the bearer token that they send.

    Raises:
        ConfigurationError: there is no key, or a setting is wrong.
    """

    name: ClassVar[str] = "jwt"

    def __init__(self, settings: AuthenticatorSettings) -> None:
        super().__init__(settings)
        self._config = read_config(settings)
        self._codecs = {key.kid: Codec(key, self._config) for key in self._config.keys}
        self._fetched = _key_set(settings, self._config)
        self._fetched_codecs: dict[str | None, Codec] = {}

    def authenticate(self, request: RequestView) -> Principal | None:
        """Return whose token came with the request; None where none did.

        Raises:
            Exception: the token is not valid.
        """
        token = request.bearer_token()
        if token is None or token.count(".") != _PARTS - 1:
            return None
        claims = self._decode(token)
        if claims.get("type") != "access":
            raise AuthenticationFailed("it is no access token")
        return self._principal(claims)

    def issue(
        self, principal: Principal, lifetime_s: int | None = None, *, refreshable: bool = False
    ) -> IssuedTokens:
        """Make tokens for a caller with the first key that can sign.

        Raises:
            ConfigurationError: no key can: only public ones are known here.
        """
        lifetime_s = lifetime_s or self._config.token_expiration_s
        codec = self._signer()
        claims = self._claims(principal)
        refresh = None
        if refreshable:
            life_s = self._config.refresh_expiration_s
            refresh = codec.encode(principal.id, life_s, claims, refresh=True)
        access = codec.encode(principal.id, lifetime_s, claims)
        return IssuedTokens(access=access, refresh=refresh, expires_in_s=lifetime_s)

    def refresh(self, token: str) -> IssuedTokens:
        """Exchange a refresh token for a new access token with the same rights.

        Raises:
            Exception: it is no valid refresh token.
        """
        claims = self._decode(token)
        if claims.get("type") != "refresh":
            raise AuthenticationFailed("it is no refresh token")
        return self.issue(self._principal(claims))

    def _decode(self, token: str) -> Mapping[str, Any]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise AuthenticationFailed(f"it is longer than {MAX_TOKEN_LENGTH} characters")
        header = jwt.get_unverified_header(token)
        if "crit" in header:
            raise AuthenticationFailed("it demands extensions that are not known here")
        codec = self._codec(header.get("kid"))
        if codec is None:
            raise AuthenticationFailed("it names no key that is known here")
        if header.get("alg") != codec.key.algorithm:
            raise AuthenticationFailed("it names another algorithm than its key is for")
        return codec.decode(token)

    def _codec(self, kid: object) -> Codec | None:
        if kid is not None and not isinstance(kid, str):
            return None
        own = self._codecs.get(kid)
        if own is None and len(self._codecs) == 1 and self._fetched is None:
            # the only key there is has no rival: what a token calls it does not matter
            only = next(iter(self._codecs.values()))
            own = only if kid is None or only.key.kid is None else None
        if own is not None or self._fetched is None:
            return own
        key = self._fetched.find(kid)
        return None if key is None else self._fetched_codec(key)

    def _fetched_codec(self, key: VerifyingKey) -> Codec:
        known = self._fetched_codecs.get(key.kid)
        if known is None or known.key is not key:
            known = self._fetched_codecs[key.kid] = Codec(key, self._config)
        return known

    def _signer(self) -> Codec:
        for codec in self._codecs.values():
            if codec.key.signing is not None:
                return codec
        raise ConfigurationError("no key can sign: tokens are issued elsewhere")

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        config = self._config
        subject = claims[config.subject_claim]
        if not isinstance(subject, str):
            raise AuthenticationFailed("it does not say whose it is")
        scopes = tuple(str(claims.get("scope", "")).split())
        namespaces = _find(claims, config.namespaces_claim)
        return Principal(
            id=subject,
            roles=_texts(_find(claims, config.roles_claim), config.roles_claim),
            permissions=_texts(_find(claims, config.permissions_claim), config.permissions_claim)
            + tuple(scope for scope in scopes if ":" in scope),
            namespaces=None if namespaces is None else _texts(namespaces, config.namespaces_claim),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )

    def _claims(self, principal: Principal) -> dict[str, Any]:
        config = self._config
        given = {
            config.roles_claim: principal.roles,
            config.permissions_claim: principal.permissions,
            config.namespaces_claim: principal.namespaces,
        }
        claims: dict[str, Any] = {}
        for place, value in given.items():
            if value is None or (value == () and place != config.namespaces_claim):
                continue
            *path, last = place.split(".")
            below = claims
            for name in path:
                below = below.setdefault(name, {})
            below[last] = list(value)
        return claims


def _key_set(settings: AuthenticatorSettings, config: JwtConfig) -> KeySet | None:
    if config.jwks_url is None:
        return None
    return KeySet(
        config.jwks_url, config.jwks_algorithm, config.jwks_cache_s, settings.http, time.monotonic
    )


def _find(claims: Mapping[str, Any], place: str) -> Any:
    """Return what stands at a dotted place, such as `realm_access.roles`; None for nothing."""
    value: Any = claims
    for name in place.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    """Return a claim that is a list of texts, or one text; anything else is refused."""
    if value is None:
        return ()
    listed = [value] if isinstance(value, str) else value
    if (
        not isinstance(listed, list)
        or len(listed) > _MAX_GRANTS
        or not all(isinstance(item, str) for item in listed)
    ):
        raise AuthenticationFailed(f"its claim '{place}' is no list of texts")
    return tuple(listed)
