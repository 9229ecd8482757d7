"""Errors that only a door raises, because only HTTP knows of them."""

from __future__ import annotations

from collections.abc import Sequence

from ratchet_core.errors import (
    AuthorizationFailed,
    InvalidRequest,
    NotFound,
    RatchetError,
    ValidationFailed,
)


class RouteNotFound(NotFound):
    """No such route."""

    code = "ROUTE_NOT_FOUND"

    def __init__(self, path: str) -> None:
        super().__init__(f"There is nothing at '{path}'; the routes are listed in /openapi.json")
        self.path = path


class MethodNotAllowed(RatchetError):
    """The route exists, but not for this method."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        listed = ", ".join(sorted(allowed))
        super().__init__(f"Method {method} is not allowed here; allowed are {listed}")
        self.allowed = tuple(sorted(allowed))


class Malformed(ValidationFailed):
    """A parameter or field is unknown, repeated or of the wrong type; `details` names each."""

    code = "BAD_REQUEST"


class UnsupportedMediaType(InvalidRequest):
    """The body is not JSON, or not said to be."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class HostRefused(AuthorizationFailed):
    """The Host header names a host that we do not serve while authentication is off."""

    code = "HOST_NOT_ALLOWED"


class OriginRefused(AuthorizationFailed):
    """The page that sends this request may not change anything here."""

    code = "ORIGIN_NOT_ALLOWED"
