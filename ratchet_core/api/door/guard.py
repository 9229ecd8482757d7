"""What surrounds every call: its id, who may call, unknown routes, headers of the answer.

A guard watches the paths under its prefixes and leaves all others alone, so that it can stand in
somebody else's application as well as in our own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as RoutedMethodNotAllowed

from ratchet_core import telemetry
from ratchet_core.api.door import access, answer, body, call, origin, trace
from ratchet_core.api.door.address import check_query, replace_nul
from ratchet_core.api.door.limit import ClientLimit, limit_headers
from ratchet_core.api.door.metrics import count_call
from ratchet_core.api.door.origin import OriginRules
from ratchet_core.api.door.problem import Dialect, answer_problem
from ratchet_core.api.door.refusal import MethodNotAllowed, RouteNotFound
from ratchet_core.api.door.stream import CONTENT_TYPE
from ratchet_core.errors import AuthenticationFailed, RatchetError

#: Set on every answer that does not set them itself.
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: Over TLS: browsers come back over TLS for half a year.
TLS_HEADERS: Final = {"Strict-Transport-Security": "max-age=15552000"}


@dataclass(frozen=True, slots=True)
class Mount:
    """A part of the URL space and the dialect that is spoken there."""

    prefix: str  #: such as `/tasker`; the empty text is everything
    dialect: Dialect  #: of its problems
    limit: ClientLimit | None = None  #: how often one client may call; None: without a limit
    is_outside: bool = False  #: no rules about Host, Origin and content type hold


def stand_guard(app: Flask, mounts: Sequence[Mount], rules: OriginRules | None) -> None:
    """Guard the paths under `mounts` in `app`.

    Args:
        app: ours or somebody else's.
        mounts: the longest prefix that fits a path decides its dialect.
        rules: who may call; None leaves Host, Origin and CORS to the application, as it owns them.
    """
    ordered = sorted(mounts, key=lambda mount: len(mount.prefix), reverse=True)

    def before() -> Response | None:
        mount = _mount_of(request.path, ordered)
        if mount is None:
            return None
        call.note_begin(time.perf_counter())
        call.note_id(call.choose_id(request))
        telemetry.begin(request_id=call.call_id(), **trace.open_span(request))
        try:
            return _admit(mount, rules)
        except RatchetError as error:
            return answer_problem(error, mount.dialect)

    def after(response: Response) -> Response:
        if _mount_of(request.path, ordered) is not None:
            access.record_change(request, response)
            _name_own_methods(response)
            _dress(response, rules)
            count_call(response.status_code)
            trace.tell_answer(response)
        return response

    def gone(_error: BaseException | None) -> None:
        if call.call_id():
            trace.close_span()
            telemetry.end()

    app.before_request(before)
    app.after_request(after)
    app.teardown_request(gone)


def _name_own_methods(response: Response) -> None:
    """Name in `Allow` what the route can do; Flask adds what other routes could with the path."""
    matched = request.url_rule
    if request.method != "OPTIONS" or matched is None:
        return
    rules = current_app.url_map.iter_rules()
    methods = {name for rule in rules if rule.rule == matched.rule for name in rule.methods or ()}
    response.headers["Allow"] = ", ".join(sorted(methods))


def _mount_of(path: str, ordered: Sequence[Mount]) -> Mount | None:
    for mount in ordered:
        if path == mount.prefix or path.startswith(f"{mount.prefix}/"):
            return mount
    return None


def _admit(mount: Mount, rules: OriginRules | None) -> Response | None:
    if rules is not None and not mount.is_outside:
        host = request.headers.get("Host")
        origin.check_host(host, rules)
        preflight = _answer_preflight(rules)
        if preflight is not None:
            return preflight
        # a stream of events counts as a change, though it comes as a GET
        is_stream = CONTENT_TYPE in request.headers.get("Accept", "")
        method = "POST" if is_stream else request.method
        origin.check_origin(request.headers.get("Origin"), host, method, rules)
    _identify(mount)
    if not mount.is_outside:
        check_query(request)
        replace_nul(request)
    _check_route(request.routing_exception)
    access.check_route()
    is_change = request.method not in origin.SAFE_METHODS and not mount.is_outside
    if is_change and body.has_body(request):
        body.check_content_type(request)
    access.open_change(request)
    return None


def _identify(mount: Mount) -> None:
    """Find out who calls, and count the call; one whose credentials fail counts by its address."""
    try:
        access.identify(request)
    except AuthenticationFailed:
        _count(mount)
        raise
    _count(mount)


def _count(mount: Mount) -> None:
    if mount.limit is not None:
        mount.limit.check()


def _answer_preflight(rules: OriginRules) -> Response | None:
    asked = request.headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or asked is None:
        return None
    response = answer.empty()
    headers = origin.cors_headers(request.headers.get("Origin"), rules, preflight=True)
    response.headers.update(headers)
    return response


def _check_route(failure: HTTPException | None) -> None:
    if isinstance(failure, RoutedMethodNotAllowed):
        raise MethodNotAllowed(request.method, tuple(failure.valid_methods or ()))
    if failure is not None:
        raise RouteNotFound(request.path)


def _dress(response: Response, rules: OriginRules | None) -> None:
    response.headers[call.ID_HEADERS[0]] = call.call_id()
    response.headers.update(limit_headers())
    # HSTS holds for the whole host, which in somebody else's application is not ours
    over_tls = TLS_HEADERS if rules is not None and request.is_secure else {}
    for name, value in {**HEADERS, **over_tls}.items():
        response.headers.setdefault(name, value)
    if rules is not None and "Access-Control-Allow-Origin" not in response.headers:
        response.headers.update(origin.cors_headers(request.headers.get("Origin"), rules))
