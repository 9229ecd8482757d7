"""`Access`: the one place where the doors ask who calls and whether that caller may.

While authentication is off there is no principal, and everything is allowed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ratchet_core.access.chain import NO_ISSUER, AuthenticatorChain
from ratchet_core.access.permission import PERMISSIONS, RoleCoordinator, is_within
from ratchet_core.access.self_access import PERMISSIONS as SELF_PERMISSIONS
from ratchet_core.access.self_access import SELF
from ratchet_core.errors import AuthorizationFailed, NotFound
from ratchet_core.sdk.authentication import (
    AuthorizationCoordinator,
    IssuedTokens,
    Principal,
    RequestView,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How permissions are decided."""

    #: Everybody needs permissions; else only callers whose credentials name limits.
    checks_everybody: bool = False
    coordinator: AuthorizationCoordinator | None = None  #: None: the roles that are built in


class Access:
    """Who calls, and what that caller may do.

    Args:
        chain: the authenticators; None while authentication is off.
        rules: how permissions are decided.
        known_namespaces: returns every namespace that was ever defined.
    """

    def __init__(
        self,
        chain: AuthenticatorChain | None,
        rules: Rules,
        known_namespaces: Callable[[], Sequence[str]],
    ) -> None:
        self.chain = chain
        self._checks_everybody = rules.checks_everybody
        self._coordinator = rules.coordinator or RoleCoordinator()
        self._known_namespaces = known_namespaces

    @property
    def is_on(self) -> bool:
        """Whether requests need credentials."""
        return self.chain is not None

    def authenticate(self, request: RequestView) -> Principal | None:
        """Return who sent the request; None while authentication is off.

        Raises:
            AuthenticationFailed: the credentials are missing or not valid.
        """
        return None if self.chain is None else self.chain.authenticate(request)

    def refresh(self, token: str) -> IssuedTokens:
        """Exchange a refresh token for a new access token.

        Raises:
            NotFound: this server issues no tokens.
            AuthenticationFailed: it is no valid refresh token.
        """
        if self.chain is None:
            raise NotFound(NO_ISSUER)
        return self.chain.refresh(token)

    def allows(self, principal: Principal | None, permission: str, namespace: str) -> bool:
        """Tell whether a caller may do something in a namespace.

        Args:
            principal: None stands for anybody, while authentication is off.
            permission: such as `run:cancel`.
            namespace: "" for what belongs to no namespace.
        """
        if not self.is_on:
            return True
        if principal is None or permission not in PERMISSIONS:
            return False
        if principal.authenticator == SELF:
            return permission in SELF_PERMISSIONS and is_within(principal, namespace)
        if not self._checks_everybody and not (principal.roles or principal.permissions):
            return is_within(principal, namespace)
        try:
            return self._coordinator.allows(principal, permission, namespace)
        except Exception:  # noqa: BLE001 - what cannot be decided is refused
            _log.exception("the authorization coordinator failed on %s: refused", permission)
            return False

    def visible(self, principal: Principal | None, *permissions: str) -> tuple[str, ...] | None:
        """Return the namespaces in which a caller has one of the permissions.

        Returns:
            None for all namespaces, those that are still to come included.
        """
        builtin = isinstance(self._coordinator, RoleCoordinator)
        if not self.is_on or (
            builtin and any(self.allows(principal, permission, "") for permission in permissions)
        ):
            return None
        return tuple(
            namespace
            for namespace in self._known_namespaces()
            if any(self.allows(principal, permission, namespace) for permission in permissions)
        )

    def authorize(
        self,
        principal: Principal | None,
        permission: str,
        namespace: str | None = None,
        *,
        spelled: str | None = None,
    ) -> None:
        """Raise unless a caller may do something.

        Args:
            principal: who asks.
            permission: such as `run:cancel`.
            namespace: where; None asks whether it is allowed anywhere at all.
            spelled: how the caller's dialect names the permission.

        Raises:
            AuthorizationFailed: names the permission.
        """
        if namespace is None:
            allowed = self.allows(principal, permission, "") or bool(
                self.visible(principal, permission)
            )
        else:
            allowed = self.allows(principal, permission, namespace)
        if not allowed:
            message = f"Insufficient permissions for {spelled or permission}"
            raise AuthorizationFailed(message)
