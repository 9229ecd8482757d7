"""Authenticators: what a plugin is asked, what it answers, and what it is made of.

An authenticator says who sent a request. What that caller may do is decided by roles and
permissions (or by a coordinator of the operator's own), never here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol

from ratchet_core.redaction import Secret
from ratchet_core.sdk.http import HttpClient

_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request, as far as an authenticator may see it: no body, nothing to change."""

    method: str  #: upper case
    path: str  #: without the query
    headers: Mapping[str, str] = field(repr=False)  #: lower-case names; credentials are in here
    address: str = ""  #: of the peer; behind a proxy that of the proxy

    def bearer_token(self) -> str | None:
        """Return what follows `Authorization: Bearer`; None where there is none."""
        value = self.headers.get("authorization", "")
        if value[: len(_BEARER)].lower() != _BEARER:
            return None
        return value[len(_BEARER) :].strip() or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who sent a request, and what the credentials say that they may do.

    A role or permission may be limited to one namespace: `operator@payments`, `run:read@reports`.
    A caller whose credentials name neither roles nor permissions nor namespaces is limited only
    where `auth.authorization_enabled` is true, and then may do nothing.
    """

    id: str  #: unique for its authenticator, 1 to 200 printable characters; never a secret
    roles: tuple[str, ...] = ()  #: viewer, operator, author, admin
    permissions: tuple[str, ...] = ()  #: such as `run:read`, `run:*`, `*:read`
    namespaces: tuple[str, ...] | None = None  #: limits all of the above; None: any namespace
    expires_at: datetime | None = None  #: when the credentials end; aware UTC
    authenticator: str = ""  #: filled in: name of the authenticator that answered

    @property
    def name(self) -> str:
        """The name that runs, idempotency keys and the audit log keep: `jwt:alice`."""
        return f"{self.authenticator}:{self.id}"


class KeyLookup(Protocol):
    """Finds API keys among those that are stored."""

    def is_key(self, text: str) -> bool:
        """Tell whether a text has the form of our API keys, valid or not."""
        ...

    def find(self, text: str) -> Principal | None:
        """Return whose key this is; None where it is unknown, revoked or has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorSettings:
    """What an authenticator is made with: the same in every process, and frozen."""

    #: its own settings: `plugins.settings.<name>` of the configuration
    own: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    jwt_secret: Secret | None = None  #: `server.auth.jwt_secret`
    issuer: str | None = None  #: `server.auth.issuer`
    audience: str | None = None  #: `server.auth.audience`
    token_expiration_s: int = 3600  #: `server.auth.token_expiration`, of tokens that we issue
    http: HttpClient  #: obeys the egress policy
    data_dir: Path  #: directory for its files; may not exist yet
    keys: KeyLookup  #: the stored API keys


class Authenticator(ABC):
    """Says who sent a request. One instance serves all threads: it keeps nothing of a request.

    Args:
        settings: what it needs; a constructor that raises refuses the start.
    """

    #: What `auth.authenticator_class` and `plugins.settings` call it, in lower case with dashes.
    name: ClassVar[str] = "authenticator"

    def __init__(self, settings: AuthenticatorSettings) -> None:
        self.settings = settings

    @abstractmethod
    def authenticate(self, request: RequestView) -> Principal | None:
        """Return who sent the request.

        Returns:
            The caller; None where the request carries no credentials of this kind, and the next
            authenticator is asked.

        Raises:
            Exception: the credentials are not valid; the request is answered with 401. What the
                error says is logged, never shown, and must hold no part of the credentials.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTokens:
    """Tokens that an authenticator has made; secrets, to be shown once."""

    access: str = field(repr=False)  #: for the `Authorization` header
    refresh: str | None = field(default=None, repr=False)  #: to be exchanged for a new one
    expires_in_s: int  #: life of the access token


class TokenIssuer(ABC):
    """What an authenticator is besides when it can issue the tokens that it reads."""

    @abstractmethod
    def issue(
        self, principal: Principal, lifetime_s: int | None = None, *, refreshable: bool = False
    ) -> IssuedTokens:
        """Make tokens for a caller.

        Args:
            principal: whose; its `authenticator` does not matter.
            lifetime_s: of the access token, in seconds; None takes the configured one.
            refreshable: make a refresh token besides.
        """

    @abstractmethod
    def refresh(self, token: str) -> IssuedTokens:
        """Exchange a refresh token for a new access token with the same rights.

        Raises:
            AuthenticationFailed: it is no valid refresh token.
        """


class AuthorizationCoordinator(ABC):
    """Decides what callers may do, in place of the roles that are built in.

    Named by `auth.authorization_coordinator_class`. One instance serves all threads.
    """

    #: What `auth.authorization_coordinator_class` calls it, where a plugin offers it.
    name: ClassVar[str] = ""

    @abstractmethod
    def allows(self, principal: Principal, permission: str, namespace: str) -> bool:
        """Tell whether a caller may do something in a namespace.

        Args:
            principal: who asks.
            permission: such as `run:cancel`.
            namespace: of the thing, or "" for what belongs to no namespace.

        Raises:
            Exception: counts as no, and is logged.
        """
