"""The span of a call: begins where the guard lets it in, ends with its answer."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Final

from flask import Request, Response

from ratchet_core.api.door import call
from ratchet_core.telemetry.tracing import SpanKind

_VARIABLE: Final = re.compile(r"<(?:[^<>]*:)?([^<>:]+)>")
#: Statuses from here on are our fault; the others are answers.
_FAULT: Final = 500


def open_span(request: Request) -> dict[str, str]:
    """Begin the span of a call, if spans are made; return ids for its log lines."""
    tracing = call.ratchet().tracing
    if not tracing.is_on:
        return {}
    route = route_of(request)
    attributes = {
        "http.request.method": request.method,
        "url.path": request.path,
        "ratchet.request_id": call.call_id(),
    }
    if route:
        attributes["http.route"] = route
    name = f"{request.method} {route}".strip()
    scope = ExitStack()
    parent = request.headers.get("traceparent")
    span = scope.enter_context(tracing.span(name, SpanKind.REQUEST, attributes, parent))
    call.note_span(span, scope.close)
    return dict(span.ids)


def tell_answer(response: Response) -> None:
    """Say on the span of this call how it was answered."""
    noted = call.span()
    if noted is None:
        return
    needs = call.requirement()
    span = noted[0]
    span.tell({"http.response.status_code": response.status_code})
    if needs is not None:
        span.tell({"ratchet.operation": needs.operation})
    if response.status_code >= _FAULT:
        span.fail(str(response.status_code))


def close_span() -> None:
    """End the span of this call, if there is one."""
    noted = call.span()
    if noted is not None:
        noted[1]()


def route_of(request: Request) -> str:
    """Return the route of a call as the OpenAPI document writes it; empty for none."""
    rule = request.url_rule
    return "" if rule is None else _VARIABLE.sub(r"{\1}", rule.rule)
