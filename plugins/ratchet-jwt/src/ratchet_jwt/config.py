"""The plugin's settings: `plugins.settings.jwt`, and the short form `server.auth`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ratchet_core.sdk import AuthenticatorSettings, ConfigurationError
from ratchet_jwt.key import ALGORITHMS, Algorithm, VerifyingKey, pem_key, secret_key

_KEYS: Final = frozenset(
    {
        "secret",
        "keys",
        "jwks_url",
        "jwks_algorithm",
        "jwks_cache_s",
        "issuer",
        "audience",
        "leeway_s",
        "token_expiration_s",
        "refresh_expiration_s",
        "subject_claim",
        "roles_claim",
        "permissions_claim",
        "namespaces_claim",
    }
)
_KEY_KEYS: Final = frozenset({"algorithm", "kid", "secret", "file"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_LEEWAY_S: Final = 300
_LONGEST_S: Final = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtConfig:
    """The settings, checked."""

    keys: tuple[VerifyingKey, ...] = field(repr=False)  #: the first that can sign issues tokens
    jwks_url: str | None  #: where further keys are fetched
    jwks_algorithm: Algorithm  #: of fetched keys that name none
    jwks_cache_s: int  #: how long fetched keys are used before they are fetched again
    issuer: str | None  #: that a token must name
    audience: str | None  #: that a token must name
    leeway_s: int  #: how far clocks may differ
    token_expiration_s: int  #: life of tokens that are issued here
    refresh_expiration_s: int  #: life of refresh tokens
    subject_claim: str  #: name of the claim that says whose the token is
    roles_claim: str  #: dotted place of the roles in a token
    permissions_claim: str  #: dotted place of the permissions in a token
    namespaces_claim: str  #: dotted place of the namespaces in a token


def read_config(settings: AuthenticatorSettings) -> JwtConfig:
    """Check the settings.

    Raises:
        ConfigurationError: names the key and says what is wrong.
    """
    own = settings.own
    _refuse_unknown(own, _KEYS, "")
    keys = _read_keys(settings)
    url = _text(own, "jwks_url")
    if url is not None:
        _check_url(url)
    if not keys and url is None:
        raise ConfigurationError(
            "no key: set server.auth.jwt_secret, or plugins.settings.jwt with `secret`, `keys` or"
            " `jwks_url`"
        )
    return JwtConfig(
        keys=keys,
        jwks_url=url,
        jwks_algorithm=_algorithm(own.get("jwks_algorithm", "RS256"), "jwks_algorithm"),
        jwks_cache_s=_whole(own, "jwks_cache_s", 300, 1, 86_400),
        issuer=_text(own, "issuer") or settings.issuer,
        audience=_text(own, "audience") or settings.audience,
        leeway_s=_whole(own, "leeway_s", 0, 0, _MAX_LEEWAY_S),
        token_expiration_s=_whole(
            own, "token_expiration_s", settings.token_expiration_s, 1, _LONGEST_S
        ),
        refresh_expiration_s=_whole(own, "refresh_expiration_s", 30 * 86_400, 1, _LONGEST_S),
        subject_claim=_text(own, "subject_claim") or "sub",
        roles_claim=_text(own, "roles_claim") or "roles",
        permissions_claim=_text(own, "permissions_claim") or "permissions",
        namespaces_claim=_text(own, "namespaces_claim") or "namespaces",
    )


def _read_keys(settings: AuthenticatorSettings) -> tuple[VerifyingKey, ...]:
    keys = []
    if settings.jwt_secret is not None:
        keys.append(secret_key(settings.jwt_secret.reveal()))
    secret = _text(settings.own, "secret")
    if secret is not None:
        keys.append(secret_key(secret))
    listed = settings.own.get("keys", [])
    if not isinstance(listed, list | tuple):
        raise ConfigurationError("plugins.settings.jwt.keys: expected a list")
    keys += [_read_key(item, f"keys[{index}]") for index, item in enumerate(listed)]
    named = [key.kid for key in keys]
    if len(set(named)) < len(named):
        raise ConfigurationError(
            "plugins.settings.jwt.keys: with several keys each needs a `kid` of its own"
        )
    return tuple(keys)


def _read_key(item: Any, place: str) -> VerifyingKey:
    if not isinstance(item, Mapping):
        raise ConfigurationError(f"plugins.settings.jwt.{place}: expected a mapping")
    _refuse_unknown(item, _KEY_KEYS, f"{place}.")
    algorithm = _algorithm(item.get("algorithm"), f"{place}.algorithm")
    kid, secret, file = _text(item, "kid"), _text(item, "secret"), _text(item, "file")
    try:
        if algorithm == "HS256" and secret is not None and file is None:
            return secret_key(secret, kid)
        if algorithm != "HS256" and file is not None and secret is None:
            return pem_key(algorithm, Path(file).read_bytes(), kid)
    except OSError as error:
        raise ConfigurationError(
            f"plugins.settings.jwt.{place}.file: '{file}' cannot be read: {error.strerror}"
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"plugins.settings.jwt.{place}: {error.message}") from None
    raise ConfigurationError(
        f"plugins.settings.jwt.{place}: HS256 takes `secret`, RS256 and ES256 take `file`"
    )


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise ConfigurationError("plugins.settings.jwt.jwks_url: expected an https URL")


def _refuse_unknown(given: Mapping[str, Any], legal: frozenset[str], place: str) -> None:
    unknown = sorted(given.keys() - legal)
    if unknown:
        raise ConfigurationError(
            f"plugins.settings.jwt.{place}{unknown[0]}: unknown; legal are"
            f" {', '.join(sorted(legal))}"
        )


def _algorithm(value: Any, key: str) -> Algorithm:
    for algorithm in ALGORITHMS:
        if value == algorithm:
            return algorithm
    raise ConfigurationError(f"plugins.settings.jwt.{key}: expected one of {', '.join(ALGORITHMS)}")


def _text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is None or (isinstance(value, str) and value):
        return value
    raise ConfigurationError(f"plugins.settings.jwt.{key}: expected a text")


def _whole(given: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    value = given.get(key, default)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)  # from the environment
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigurationError(
            f"plugins.settings.jwt.{key}: expected a whole number from {low} to {high}"
        )
    return value
