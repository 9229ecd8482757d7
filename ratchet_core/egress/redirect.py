"""One hop of an exchange and what the next one is after a redirect. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ratchet_core.egress.headers import is_credential
from ratchet_core.egress.target import Target

#: Statuses that redirect when they come with a Location.
STATUSES: Final = frozenset({301, 302, 303, 307, 308})

_KEEPS_METHOD: Final = frozenset({307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One request on the wire."""

    method: str  #: upper case
    target: Target  #: checked by its URL
    headers: Mapping[str, str]  #: lower-case names
    body: bytes | None  #: sent as it is


def redirected(hop: Hop, status: int, target: Target) -> Hop:
    """Return the hop that follows a redirect to `target`.

    301 and 302 turn POST into GET and 303 everything but HEAD, all without the body; 307 and 308
    repeat the request (RFC 9110 section 15.4, Fetch standard). Credentials stay with their origin.
    """
    following = replace(hop, target=target)
    if _becomes_get(hop.method, status):
        kept = {k: v for k, v in hop.headers.items() if not k.startswith("content-")}
        following = replace(following, method="GET", headers=kept, body=None)
    if target.origin != hop.target.origin:
        kept = {k: v for k, v in following.headers.items() if not is_credential(k)}
        following = replace(following, headers=kept)
    return following


def _becomes_get(method: str, status: int) -> bool:
    """Say whether the redirect asks for a plain GET."""
    if status in _KEEPS_METHOD:
        return False
    return method == "POST" or (status not in {301, 302} and method not in {"GET", "HEAD"})
