"""What is known of the call that is being served: its id, its caller, what its route needs.

The only module that reads `current_app` and `g`; nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import uuid_utils
from flask import Flask, Request, copy_current_request_context, current_app, g, has_app_context

from ratchet_core.access.audit import OpenEntry
from ratchet_core.config import RateLimit
from ratchet_core.dispatch.buckets import Taken
from ratchet_core.runtime import Ratchet
from ratchet_core.sdk.authentication import Principal
from ratchet_core.telemetry.tracing import Span

#: Key of the runtime in `app.extensions`.
EXTENSION: Final = "ratchet"
#: Key of the functions in `app.extensions` that a server calls when it has to end.
AT_EXIT: Final = "ratchet.at_exit"
#: Headers that may carry the caller's own id, the preferred one first.
ID_HEADERS: Final = ("X-Request-ID", "X-Correlation-ID")

_ACCEPTED_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What a route needs of its caller."""

    permission: str  #: such as `run:read`, or one of the words of `door.access`
    operation: str  #: as the OpenAPI document names it
    spelled: str | None = None  #: how the dialect names the permission; None: as it is


def attach_ratchet(app: Flask, ratchet: Ratchet) -> None:
    """Make `ratchet` the runtime that serves the doors of `app`."""
    app.extensions[EXTENSION] = ratchet
    ratchet.database.companion = open_entry


def ratchet_of(app: Flask) -> Ratchet:
    """Return the runtime that serves the doors of `app`."""
    return cast("Ratchet", app.extensions[EXTENSION])


def ratchet() -> Ratchet:
    """Return the runtime that serves this call."""
    return cast("Ratchet", current_app.extensions[EXTENSION])


def choose_id(request: Request) -> str:
    """Return the caller's id for this call where it sent a sound one, else a new one."""
    for header in ID_HEADERS:
        sent = request.headers.get(header, "")
        if _ACCEPTED_ID.fullmatch(sent):
            return sent
    return str(uuid_utils.uuid7())


def note_id(call_id: str) -> None:
    """Keep the id of this call."""
    g.ratchet_call_id = call_id


def note_begin(at_s: float) -> None:
    """Keep when this call began, on the clock of `time.perf_counter`."""
    g.ratchet_began_at = at_s


def began_at() -> float | None:
    """Return when this call began; None outside of our prefixes."""
    return cast("float | None", g.get("ratchet_began_at"))


def call_id() -> str:
    """Return the id of this call: `trace_id` of its problem body, `X-Request-ID` of its answer."""
    return cast("str", g.get("ratchet_call_id", ""))


def note_span(span: Span, close: Callable[[], None]) -> None:
    """Keep the span of this call, and what ends it."""
    g.ratchet_span = (span, close)


def span() -> tuple[Span, Callable[[], None]] | None:
    """Return the span of this call and what ends it; None where none is made."""
    return cast("tuple[Span, Callable[[], None]] | None", g.get("ratchet_span"))


def find_requirement(registry: str, endpoint: str | None) -> Requirement | None:
    """Return what a route has declared; None where it has not, or where there is no route."""
    declared = current_app.extensions.get(registry, {})
    return cast("Requirement | None", declared.get(endpoint))


def note_requirement(found: Requirement | None) -> None:
    """Keep what the route of this call needs."""
    g.ratchet_requirement = found


def requirement() -> Requirement | None:
    """Return what the route of this call needs."""
    return cast("Requirement | None", g.get("ratchet_requirement"))


def note_caller(found: Principal | None) -> None:
    """Keep who makes this call."""
    g.ratchet_caller = found


def caller() -> Principal | None:
    """Return who makes this call; None while authentication is off, and on open routes."""
    return cast("Principal | None", g.get("ratchet_caller"))


def note_entry(entry: OpenEntry | None) -> None:
    """Keep the entry of the audit log that goes with the next change of this call."""
    g.ratchet_entry = entry


def open_entry() -> OpenEntry | None:
    """Return the entry of the audit log that goes with the next change; None outside of calls."""
    return cast("OpenEntry | None", g.get("ratchet_entry")) if has_app_context() else None


def note_allowance(limit: RateLimit, taken: Taken) -> None:
    """Keep what is left of the limit of this call."""
    g.ratchet_allowance = (limit, taken)


def allowance() -> tuple[RateLimit, Taken] | None:
    """Return the limit of this call and what is left of it; None where it is not limited."""
    return cast("tuple[RateLimit, Taken] | None", g.get("ratchet_allowance"))


def carry(work: Callable[..., None]) -> Callable[..., None]:
    """Return `work` as a part of this call that another thread does."""
    known = {name: g.get(name) for name in g}

    @copy_current_request_context
    def carried(*args: Any) -> None:
        for name, value in known.items():
            setattr(g, name, value)
        work(*args)

    return carried


def principal() -> str:
    """Return the name of the caller; idempotency keys are kept per principal."""
    known = caller()
    return "anonymous" if known is None else known.name
