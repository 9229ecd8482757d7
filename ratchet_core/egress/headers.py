"""Request headers: what authors may set, what is filled in, and which of them are credentials.

Pure. What the answer's headers mean does not live here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ratchet_core.redaction import is_secret_name
from ratchet_core.sdk.http import EgressRefused

#: Headers that the client sets itself; those of authors are dropped, as browsers do.
RESERVED: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
#: Sent to every host though its name speaks of a key: it marks a request, it opens nothing.
_NO_CREDENTIAL: Final = frozenset({"idempotency-key"})

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CREDENTIAL: Final = re.compile(r"auth|key|session|signature|csrf|xsrf")


def prepare_headers(given: Mapping[str, str], user_agent: str) -> dict[str, str]:
    """Return the headers that go out: lower-case names, reserved ones dropped, defaults filled in.

    Raises:
        EgressRefused: a name or value cannot be sent.
    """
    headers = {"accept": "*/*", "user-agent": user_agent}
    for name, value in given.items():
        if not _TOKEN.fullmatch(name):
            raise _refused(f"{name[:80]!r} is no header name")
        if _NO_VALUE.search(value):
            raise _refused(f"the value of header {name!r} holds a control character")
        encode_value(name, value)  # refuses what is no text before anything is connected
        if name.lower() not in RESERVED:
            headers[name.lower()] = value.strip(" \t")
    headers["accept-encoding"] = "gzip, deflate"  # what is decoded under the size limit
    return headers


def encode_value(name: str, value: str) -> bytes:
    """Return a header's value as bytes: latin-1 where it fits, else UTF-8.

    Raises:
        EgressRefused: it is no text.
    """
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        pass
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise _refused(f"the value of header {name!r} holds a lone surrogate") from None


def is_credential(name: str) -> bool:
    """Say whether a header must not follow a redirect to another origin."""
    lower = name.lower()
    if lower in _NO_CREDENTIAL:
        return False
    return is_secret_name(lower) or _CREDENTIAL.search(lower) is not None


def check_method(method: str) -> str:
    """Return the method in upper case.

    Raises:
        EgressRefused: it is none, or one that speaks to proxies.
    """
    upper = method.upper()
    if not _TOKEN.fullmatch(upper) or upper in {"CONNECT", "TRACE", "TRACK"}:
        raise _refused(f"the method {method[:80]!r} is refused")
    return upper


def _refused(message: str) -> EgressRefused:
    """Return the error for a request that cannot be written."""
    return EgressRefused(message, code="INVALID_REQUEST")
