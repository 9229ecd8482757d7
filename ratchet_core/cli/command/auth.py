"""`ratchet auth`: API keys, tokens, and who may do what. Keys and tokens are shown once."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Final

import click

from ratchet_core.access.keys import KeyRequest
from ratchet_core.access.permission import PERMISSIONS, ROLES, is_permission, is_role
from ratchet_core.cli.duration import read_duration
from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.opening import opened, opened_stored
from ratchet_core.errors import ConfigurationError
from ratchet_core.runtime import Ratchet
from ratchet_core.sdk.authentication import Principal, RequestView, TokenIssuer

_role = click.option("--role", "roles", multiple=True, help="Such as viewer, operator@payments.")
_permission = click.option(
    "--permission", "permissions", multiple=True, help="Such as run:read, workflow:run@payments."
)
_namespace = click.option(
    "--namespace", "namespaces", multiple=True, help="Limit everything to this namespace."
)


@group("auth")
def auth() -> None:
    """Make and end API keys and tokens, and show who may do what."""


@auth.group("key")
def key() -> None:
    """Make, list and revoke API keys."""


@key.command("create")
@click.argument("name")
@_role
@_permission
@_namespace
@click.option("--expires-in", callback=read_duration, help="Such as 12h or 30d; without it, never.")
@pass_invocation
def create_key(
    invocation: Invocation,
    name: str,
    roles: tuple[str, ...],
    permissions: tuple[str, ...],
    namespaces: tuple[str, ...],
    expires_in: timedelta | None,
) -> None:
    """Make an API key and print it; it is stored only as a digest, so it is shown only now."""
    _refuse_rightless(roles, permissions)
    request = KeyRequest(
        name=name,
        roles=roles,
        permissions=permissions,
        namespaces=namespaces or None,
        lifetime=expires_in,
    )
    with opened_stored(invocation) as runtime:
        made = runtime.keys.create(request)
    if invocation.json:
        invocation.output.document({"key": made.key, "prefix": made.prefix})
        return
    invocation.output.line(made.key)
    invocation.output.note(f"note: keep it; it is not shown again. Its prefix is {made.prefix}")


@key.command("list")
@pass_invocation
def list_keys(invocation: Invocation) -> None:
    """List the API keys, newest first."""
    with opened_stored(invocation) as runtime:
        keys = runtime.keys.listed()
    if invocation.json:
        invocation.output.document({"keys": keys})
        return
    rows = [
        (
            item.prefix,
            item.name,
            ", ".join([*item.roles, *item.permissions]) or None,
            None if item.namespaces is None else ", ".join(item.namespaces),
            item.created_at,
            item.expires_at,
            item.last_used_at,
            item.revoked_at,
        )
        for item in keys
    ]
    columns = ("Prefix", "Name", "May", "Only in", "Made", "Ends", "Last used", "Revoked")
    invocation.output.table(columns, rows)


@key.command("revoke")
@click.argument("prefix")
@pass_invocation
def revoke_key(invocation: Invocation, prefix: str) -> None:
    """End an API key at once, named by its prefix or its id."""
    with opened_stored(invocation) as runtime:
        runtime.keys.revoke(prefix)
    if invocation.json:
        invocation.output.document({"revoked": prefix})
    else:
        invocation.output.line(f"revoked {prefix}")


@auth.group("token")
def token() -> None:
    """Issue and check tokens."""


@token.command("create")
@click.option("--subject", required=True, help="Whose it is.")
@_role
@_permission
@_namespace
@click.option("--expires-in", callback=read_duration, help="Such as 15m; else as configured.")
@click.option("--refresh", is_flag=True, help="Print a refresh token besides.")
@pass_invocation
def create_token(
    invocation: Invocation,
    subject: str,
    roles: tuple[str, ...],
    permissions: tuple[str, ...],
    namespaces: tuple[str, ...],
    expires_in: timedelta | None,
    *,
    refresh: bool,
) -> None:
    """Issue a token with the configured key and print it."""
    _refuse_unknown(roles, permissions)
    if not (subject.strip() and subject.isprintable() and len(subject) <= _MAX_SUBJECT):
        message = f"--subject has to be 1 to {_MAX_SUBJECT} printable characters"
        raise click.UsageError(message)
    principal = Principal(
        id=subject, roles=roles, permissions=permissions, namespaces=namespaces or None
    )
    with opened(invocation, invocation.load().settings) as runtime:
        lifetime_s = None if expires_in is None else max(1, int(expires_in.total_seconds()))
        issued = _issuer(runtime).issue(principal, lifetime_s, refreshable=refresh)
    if invocation.json:
        document = {
            "access_token": issued.access,
            "refresh_token": issued.refresh,
            "expires_in": issued.expires_in_s,
            "token_type": "Bearer",
        }
        invocation.output.document(document)
        return
    invocation.output.line(issued.access)
    if issued.refresh is not None:
        invocation.output.line(issued.refresh)


@token.command("verify")
@click.argument("text", default="-", metavar="[TOKEN]")
@pass_invocation
def verify_token(invocation: Invocation, text: str) -> None:
    """Say whose a token or API key is; without TOKEN it is read from standard input.

    What stands on a command line is seen by everybody on the machine: prefer standard input.
    """
    given = sys.stdin.readline().strip() if text == "-" else text
    headers = {"authorization": f"Bearer {given}"}
    view = RequestView(method="GET", path="/", headers=headers, address="cli")
    with opened_stored(invocation) as runtime:
        if not runtime.access.is_on:
            raise ConfigurationError(_OFF)
        principal = runtime.access.authenticate(view)
    if principal is None:
        raise ConfigurationError(_OFF)
    document = {
        "principal": principal.name,
        "roles": principal.roles,
        "permissions": principal.permissions,
        "namespaces": principal.namespaces,
        "expires_at": principal.expires_at,
    }
    if invocation.json:
        invocation.output.document(document)
        return
    for name, value in document.items():
        shown = ", ".join(value) if isinstance(value, tuple) else value
        invocation.output.line(f"{name}: {'-' if shown in (None, '') else shown}")


@auth.command("permissions")
@pass_invocation
def show_permissions(invocation: Invocation) -> None:
    """Show each permission and the roles that have it."""
    if invocation.json:
        invocation.output.document({role: sorted(held) for role, held in ROLES.items()})
        return
    rows = [
        (permission, *("yes" if permission in held else "-" for held in ROLES.values()))
        for permission in PERMISSIONS
    ]
    invocation.output.table(("Permission", *ROLES), rows)


#: Longest id of a caller that the doors let in.
_MAX_SUBJECT: Final = 200
_OFF: Final = "authentication is off: no authenticator is configured that could know a token"


def _issuer(runtime: Ratchet) -> TokenIssuer:
    chain = runtime.access.chain
    if chain is None:
        raise ConfigurationError("authentication is off: no key is configured to issue tokens with")
    for _, authenticator in chain.authenticators:
        if isinstance(authenticator, TokenIssuer):
            return authenticator
    raise ConfigurationError("no configured authenticator issues tokens; `jwt` does")


def _refuse_rightless(roles: tuple[str, ...], permissions: tuple[str, ...]) -> None:
    if not (roles or permissions):
        message = "say what the key may do: --role or --permission (`ratchet auth permissions`)"
        raise click.UsageError(message)


def _refuse_unknown(roles: tuple[str, ...], permissions: tuple[str, ...]) -> None:
    for role in roles:
        if not is_role(role):
            raise click.UsageError(f"'{role}' is no role; roles are {', '.join(ROLES)}")
    for permission in permissions:
        if not is_permission(permission):
            raise click.UsageError(f"'{permission}' is no permission (`ratchet auth permissions`)")
