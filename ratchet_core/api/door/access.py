"""Who calls, and what each route needs: routes are closed one by one, none by its path.

A route without a declaration is refused while authentication is on. What a caller may do is
decided in `ratchet_core.access`; here it is asked, once before a view runs and again by the view
for the namespace of what it touches.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, Flask, Request, Response
from flask.blueprints import BlueprintSetupState

from ratchet_core.access import ScopedReads
from ratchet_core.access.audit import OpenEntry
from ratchet_core.access.permission import PERMISSIONS
from ratchet_core.api.door import call
from ratchet_core.api.door.call import Requirement, ratchet
from ratchet_core.api.door.origin import SAFE_METHODS
from ratchet_core.api.door.problem import status_of
from ratchet_core.errors import AuthorizationFailed
from ratchet_core.runtime import Ratchet
from ratchet_core.sdk.authentication import Principal, RequestView
from ratchet_core.store.audit import NO_ANSWER, Entry

_log = logging.getLogger(__name__)

#: Headers that a client may tell in another way: browsers send none with a WebSocket.
CREDENTIALS: Final = frozenset({"authorization", "x-api-key"})
#: In place of a permission: nobody is asked who he is.
OPEN: Final = "open"
#: In place of a permission: open, unless `server.public_docs` is false.
PUBLIC_DOCS: Final = "public-docs"
#: In place of a permission: any caller who is known; the route decides about what it touches.
AUTHENTICATED: Final = "authenticated"
#: Everything that a route may declare.
DECLARABLE: Final = frozenset({OPEN, PUBLIC_DOCS, AUTHENTICATED, *PERMISSIONS})

_REGISTRY: Final = "ratchet.requirements"
_MAX_PATH: Final = 500
_MAX_ADDRESS: Final = 64
_OK: Final = 200


def declare(blueprint: Blueprint, endpoint: str, requirement: Requirement) -> None:
    """Declare what one route of a blueprint needs.

    Args:
        blueprint: that holds the route.
        endpoint: of the route, as the blueprint names it.
        requirement: what it needs.
    """
    if requirement.permission not in DECLARABLE:
        message = f"'{requirement.permission}' is no permission that a route can need"
        raise ValueError(message)

    def note(state: BlueprintSetupState) -> None:
        full = f"{state.name_prefix}.{state.name}.{endpoint}".lstrip(".")
        state.app.extensions.setdefault(_REGISTRY, {})[full] = requirement

    blueprint.record(note)


def declare_endpoint(app: Flask, endpoint: str, requirement: Requirement) -> None:
    """Declare what a route of an application needs, by its full endpoint."""
    app.extensions.setdefault(_REGISTRY, {})[endpoint] = requirement


def needs_credentials(app: Flask) -> bool:
    """Tell whether calls of an application need credentials."""
    return call.ratchet_of(app).access.is_on


def declared(app: Flask) -> Mapping[str, Requirement]:
    """Return what each route of an application needs, by its endpoint."""
    found: Mapping[str, Requirement] = app.extensions.get(_REGISTRY, {})
    return found


def require_access(runtime: Ratchet) -> None:
    """Make the authenticators now, so that a server that lacks one does not start.

    Raises:
        ConfigurationError, PluginError: one cannot be made.
    """
    chain = runtime.access.chain
    if chain is not None:
        names = ", ".join(name for name, _ in chain.authenticators)
        _log.info("authentication is on: %s", names)


def identify(request: Request) -> None:
    """Find out who calls, unless the route is open.

    Raises:
        AuthenticationFailed: the credentials are missing or not valid.
    """
    access = ratchet().access
    requirement = call.find_requirement(_REGISTRY, request.endpoint)
    call.note_requirement(requirement)
    if not access.is_on or _is_open(requirement):
        return
    call.note_caller(access.authenticate(_view_of(request, {})))


def identify_with(request: Request, given: Mapping[str, Any]) -> None:
    """Find out who calls over a WebSocket, which cannot carry headers in every client.

    Args:
        request: that opened it.
        given: what the client told first; of it only what `CREDENTIALS` names counts, so that
            nobody makes up a header that only a proxy may set.

    Raises:
        AuthenticationFailed: the credentials are missing or not valid.
    """
    access = ratchet().access
    if not access.is_on:
        return
    told = {
        name: value
        for name, value in given.items()
        if name.lower() in CREDENTIALS and isinstance(value, str)
    }
    call.note_caller(access.authenticate(_view_of(request, told)))


def bearer_token(request: Request) -> str:
    """Return the bearer token of a request; "" where there is none."""
    return _view_of(request, {}).bearer_token() or ""


def check_route() -> None:
    """Refuse a caller who may nowhere do what the route does.

    Raises:
        AuthorizationFailed: names the permission; a route that declares none is always refused.
    """
    requirement = call.requirement()
    if not ratchet().access.is_on or _is_open(requirement):
        return
    if requirement is None:
        message = "This route does not say who may use it, so nobody may"
        raise AuthorizationFailed(message)
    if requirement.permission in PERMISSIONS:
        authorize(requirement.permission, spelled=requirement.spelled)


def authorize(permission: str, namespace: str | None = None, *, spelled: str | None = None) -> None:
    """Refuse the caller of this call where a permission is missing.

    Args:
        permission: such as `run:cancel`.
        namespace: of what is touched, "" for what belongs to none; None: anywhere at all.
        spelled: how the dialect names the permission.

    Raises:
        AuthorizationFailed: names the permission.
    """
    ratchet().access.authorize(call.caller(), permission, namespace, spelled=spelled)


def permit(namespace: str) -> None:
    """Refuse the caller where what the route needs is missing in a namespace.

    Raises:
        AuthorizationFailed: names the permission.
    """
    requirement = call.requirement()
    if requirement is not None and requirement.permission in PERMISSIONS:
        authorize(requirement.permission, namespace, spelled=requirement.spelled)


def reads() -> ScopedReads:
    """Return what is stored, as far as the caller of this call may see it."""
    requirement = call.requirement()
    needs = None if requirement is None else requirement.permission
    return reads_for(call.caller(), needs if needs in PERMISSIONS else None)


def reads_for(principal: Principal | None, permission: str | None) -> ScopedReads:
    """Return what is stored, as far as a caller may see it.

    Args:
        principal: the caller; None while authentication is off.
        permission: that the call needs besides reading, such as `run:cancel`.
    """
    runtime = ratchet()
    return ScopedReads(runtime.reads, runtime.access, principal, permission)


def open_change(request: Request) -> None:
    """Have the change that this call is about to make written to the audit log with it."""
    call.note_entry(_entry_of(request, call.requirement()))


@contextmanager
def recorded_change(request: Request, change: Requirement) -> Iterator[None]:
    """Have a change written to the audit log under another name than its route's.

    For routes that serve many operations, such as `/graphql`: each one is noted with its outcome.
    """
    before = call.open_entry()
    entry = _entry(request, change)
    call.note_entry(entry)
    try:
        yield
    except Exception as error:
        _finish(entry, status_of(error))
        raise
    else:
        _finish(entry, _OK)
    finally:
        call.note_entry(before)


def record_change(request: Request, response: Response) -> None:
    """Note in the audit log how a call ended that changed something, or tried to."""
    _finish(
        call.open_entry() or _entry_of(request, call.requirement()),  # refused before it was opened
        response.status_code,
    )


def _entry_of(request: Request, requirement: Requirement | None) -> OpenEntry | None:
    if requirement is None or requirement.permission not in PERMISSIONS:
        return None
    return None if request.method in SAFE_METHODS else _entry(request, requirement)


def _entry(request: Request, change: Requirement) -> OpenEntry | None:
    caller = call.caller()
    if caller is None:
        return None
    entry = Entry(
        call_id=call.call_id(),
        principal=caller.name,
        address=(request.remote_addr or "")[:_MAX_ADDRESS],
        method=request.method[:16],
        path=request.path[:_MAX_PATH].encode("utf-8", "replace").decode(),
        operation=change.operation,
        permission=change.permission,
        status=NO_ANSWER,
    )
    return ratchet().audit.opened(entry)


def _finish(entry: OpenEntry | None, status: int) -> None:
    """Note how a call ended; a change is stored with its entry already, whatever comes here."""
    if entry is None:
        return
    try:
        entry.finish(status)
    except Exception:  # noqa: BLE001 - the answer is made; it cannot be taken back
        _log.exception("how call %s ended is not in the audit log", call.call_id())


def with_docs(requirement: Requirement, *, public: bool) -> Requirement:
    """Return what a route needs once it is known whether documentation is public."""
    if requirement.permission != PUBLIC_DOCS:
        return requirement
    return replace(requirement, permission=OPEN if public else AUTHENTICATED)


def _view_of(request: Request, told: Mapping[str, str]) -> RequestView:
    """Return what authenticators may see of a request.

    Args:
        request: as it came.
        told: headers that were told otherwise, and that count more.
    """
    headers = {name.lower(): value for name, value in (*request.headers.items(), *told.items())}
    return RequestView(
        method=request.method,
        path=request.path,
        headers=headers,
        address=request.remote_addr or "",
    )


def _is_open(requirement: Requirement | None) -> bool:
    if requirement is None:
        return False
    public = ratchet().settings.server.public_docs
    return with_docs(requirement, public=public).permission == OPEN
