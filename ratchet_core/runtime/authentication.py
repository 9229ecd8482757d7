"""Making what stands at the doors, as the settings say: authenticators and rules.

Whatever cannot be made refuses the start: a server must not open without its guard.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ratchet_core.access.chain import AuthenticatorChain
from ratchet_core.access.gate import Access, Rules
from ratchet_core.access.keys import ApiKeys
from ratchet_core.access.self_access import SELF, SelfAuthenticator, SelfTokens
from ratchet_core.config import Settings
from ratchet_core.egress import PinnedClient
from ratchet_core.errors import ConfigurationError, RatchetError
from ratchet_core.hooks import Hooks
from ratchet_core.sdk.authentication import (
    Authenticator,
    AuthenticatorSettings,
    AuthorizationCoordinator,
)
from ratchet_core.sdk.http import HttpClient
from ratchet_core.store.database import Database
from ratchet_core.store.reads import Reads

Kind = TypeVar("Kind")


class AccessBuilder:
    """Builds `Access` of the parts of a runtime.

    Args:
        settings: checked settings.
        hooks: ask plugins for what they offer.
        http: for authenticators; obeys the egress policy.
        database: that knows the tokens of scripts.
    """

    def __init__(
        self, settings: Settings, hooks: Hooks, http: HttpClient, database: Database
    ) -> None:
        self._settings = settings
        self._database = database
        self._hooks = hooks
        self._http = http

    def build(self, reads: Reads, keys: ApiKeys) -> Access:
        """Build it; with authentication off nothing of a plugin is touched.

        Raises:
            ConfigurationError, PluginError: an authenticator or coordinator cannot be made.
        """
        auth = self._settings.auth
        if not auth.is_on:
            return Access(None, Rules(), reads.namespace_names)
        rules = Rules(checks_everybody=auth.authorization_enabled, coordinator=self._coordinator())
        chain = AuthenticatorChain([*self._own(), *self._authenticators(keys)])
        return Access(chain, rules, reads.namespace_names)

    def _own(self) -> list[tuple[str, Authenticator]]:
        """Return what knows the scripts of our own runs."""
        if self._settings.server.self_access == "none":
            return []
        return [(SELF, SelfAuthenticator(self._database))]

    def _authenticators(self, keys: ApiKeys) -> list[tuple[str, Authenticator]]:
        offered = self._hooks.register_authenticators()
        made = []
        for wanted in self._wanted():
            if "." in wanted:
                kind = _imported(wanted, "auth.authenticator_class")
                plugin = name = str(getattr(kind, "name", Authenticator.name))
            elif wanted in offered:
                (plugin, kind), name = offered[wanted], wanted
            else:
                raise ConfigurationError(self._unknown(wanted, sorted(offered)))
            made.append((name, self._make(wanted, kind, plugin, keys)))
        return made

    def _wanted(self) -> tuple[str, ...]:
        auth = self._settings.auth
        if auth.jwt_secret is not None:
            return ("jwt",)
        single = (auth.authenticator_class,) if auth.authenticator_class else ()
        return auth.authenticators or single

    def _make(
        self, wanted: str, kind: Callable[..., Any], plugin: str, keys: ApiKeys
    ) -> Authenticator:
        settings = self._authenticator_settings(plugin, keys)
        try:
            made = kind(settings)
        except RatchetError as error:
            raise ConfigurationError(f"the authenticator '{wanted}': {error.message}") from None
        except Exception as error:
            message = f"the authenticator '{wanted}' cannot be made: {type(error).__name__}"
            raise ConfigurationError(message) from error
        if not isinstance(made, Authenticator):
            message = f"'{wanted}' is no authenticator: derive it from ratchet_core.sdk"
            raise ConfigurationError(f"auth.authenticator_class: {message}.Authenticator")
        return made

    def _authenticator_settings(self, plugin: str, keys: ApiKeys) -> AuthenticatorSettings:
        auth = self._settings.auth
        return AuthenticatorSettings(
            own=self._hooks.settings_of(plugin) or self._settings.plugins.of(plugin),
            jwt_secret=auth.jwt_secret,
            issuer=auth.issuer,
            audience=auth.audience,
            token_expiration_s=auth.token_expiration_s,
            http=self._http,
            data_dir=Path(self._settings.data_dir) / "plugins" / plugin,
            keys=keys,
        )

    def _coordinator(self) -> AuthorizationCoordinator | None:
        wanted = self._settings.auth.authorization_coordinator_class
        if wanted is None:
            return None
        place = "auth.authorization_coordinator_class"
        offered = self._hooks.register_authorization_coordinators()
        kind = offered[wanted][1] if wanted in offered else _imported(wanted, place)
        try:
            made = kind()
        except Exception as error:
            message = f"{place}: '{wanted}' cannot be made: {type(error).__name__}"
            raise ConfigurationError(message) from error
        if not isinstance(made, AuthorizationCoordinator):
            message = f"{place}: '{wanted}' is no AuthorizationCoordinator of ratchet_core.sdk"
            raise ConfigurationError(message)
        return made

    def _unknown(self, wanted: str, offered: list[str]) -> str:
        broken = [
            f"; plugin '{state.name}' is {state.state}: {state.reason}"
            for state in self._hooks.plugins
            if state.state != "active"
        ]
        known = ", ".join(offered) or "none: install ratchet-jwt or ratchet-apikey"
        return f"auth: there is no authenticator '{wanted}'; there are {known}{''.join(broken)}"


def stored_keys(database: Database, new_id: Callable[[], str]) -> ApiKeys:
    """Return the API keys of a database, with randomness that is good enough for them."""
    return ApiKeys(database, new_id, secrets.randbelow)


class SelfAccess:
    """The clients of steps: those that may read their own server say so there, and only there.

    Args:
        settings: checked settings.
        http: the client of all steps.
        database: of the own server.
    """

    def __init__(self, settings: Settings, http: HttpClient, database: Database) -> None:
        self._http = http
        self._is_given = settings.auth.is_on and settings.server.self_access == "read"
        self._tokens = SelfTokens(database, lambda: secrets.token_urlsafe(32))
        self._clients: dict[str, HttpClient] = {}

    def client(self, namespace: str) -> HttpClient:
        """Return the client for the steps of a namespace; safe to call from several threads."""
        if not (self._is_given and isinstance(self._http, PinnedClient)):
            return self._http
        if namespace not in self._clients:
            self._clients[namespace] = self._http.with_self_headers(
                lambda _url: {"authorization": f"Bearer {self._tokens.token(namespace)}"}
            )
        return self._clients[namespace]


def _imported(path: str, place: str) -> Callable[..., Any]:
    """Return what a dotted path names.

    Raises:
        ConfigurationError: says what could not be found.
    """
    module, _, attribute = path.rpartition(".")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        message = f"{place}: '{path}' cannot be imported: {type(error).__name__}: {error}"
        raise ConfigurationError(message) from error
    return found
