"""An HTTP client that answers from a task's test mocks and never touches the network.

A mock is an entry of `mock.http` in a task's `tests/*.json`: `{url, method, response}`. Tests of
our own do not use it; they talk to real servers.
"""

from __future__ import annotations

import http
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ratchet_core.errors import DefinitionError
from ratchet_core.sdk.http import HttpRequest, HttpResponse, NetworkFailure

_KEYS: Final = frozenset({"url", "method", "response"})
#: A `response` with a status and one of these is a whole response, otherwise it is a body.
_ENVELOPE: Final = frozenset({"body", "statusText", "headers"})
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Mock:
    """One mock, read."""

    url: str  #: the whole URL or a part of it
    method: str | None  #: upper case; None answers any
    status: int  #: 100 to 599
    reason: str  #: such as `Not Found`
    headers: Mapping[str, str]  #: lower-case names
    body: bytes  #: what is answered

    def matches(self, request: HttpRequest) -> bool:
        """Say whether the mock answers this request."""
        return self.method in {None, request.method.upper()} and self.url in request.url

    def rank(self, request: HttpRequest) -> tuple[bool, int, bool]:
        """Say how specific the match is: the whole URL, then the longest part, then a method."""
        return (self.url == request.url, len(self.url), self.method is not None)


class MockClient:
    """Answers requests from mocks; keeps nothing, so it is safe with threads.

    Args:
        mocks: one mock or a list of them, as JSON values.

    Raises:
        DefinitionError: a mock is malformed; names its place.
    """

    def __init__(self, mocks: Any) -> None:
        entries = mocks if isinstance(mocks, list) else [] if mocks is None else [mocks]
        alone = not isinstance(mocks, list)
        self.mocks = tuple(
            _read_mock(entry, "mock.http" if alone else f"mock.http[{index}]")
            for index, entry in enumerate(entries)
        )

    def request(self, request: HttpRequest) -> HttpResponse:
        """Answer from the most specific mock; of equals the first in the list.

        Raises:
            NetworkFailure: no mock matches.
        """
        matching = [mock for mock in self.mocks if mock.matches(request)]
        if not matching:
            raise NetworkFailure(
                f"no mock for {request.method.upper()} {request.url}", error_type="NetworkError"
            )
        mock = max(matching, key=lambda candidate: candidate.rank(request))
        return HttpResponse(
            status=mock.status,
            reason=mock.reason,
            headers=mock.headers,
            body=mock.body,
            url=request.url,
        )


def _read_mock(entry: Any, place: str) -> Mock:
    """Read one mock."""
    if not isinstance(entry, dict):
        raise DefinitionError("a mock is an object of url, method and response", place=place)
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise DefinitionError(
            f"unknown key {unknown[0]!r}; a mock has url, method and response", place=place
        )
    url, method = entry.get("url"), entry.get("method")
    if not isinstance(url, str) or not url:
        raise DefinitionError("must be a URL or a part of one", place=f"{place}.url")
    if method is not None and not (isinstance(method, str) and re.fullmatch("[A-Za-z]+", method)):
        raise DefinitionError("must be a method such as GET", place=f"{place}.method")
    if "response" not in entry:
        raise DefinitionError("is missing", place=f"{place}.response")
    return _with_response(url, method, entry["response"], f"{place}.response")


def _with_response(url: str, method: str | None, response: Any, place: str) -> Mock:
    """Tell a whole response from a mere body."""
    whole = response if _is_whole(response) else {"status": 200, "body": response}
    status = _status_of(whole)
    if not 100 <= status <= 599:  # noqa: PLR2004
        raise DefinitionError("must be 100 to 599", place=f"{place}.status")
    headers = whole.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise DefinitionError("must be an object of texts", place=f"{place}.headers")
    body, content_type = _encode(whole.get("body", ""))
    return Mock(
        url=url,
        method=method.upper() if method else None,
        status=status,
        reason=str(whole.get("statusText") or _reason(status)),
        headers={
            "content-type": content_type,
            **{name.lower(): value for name, value in headers.items()},
        },
        body=body,
    )


def _is_whole(response: Any) -> bool:
    """Say whether the value has a status (or `ok`) and at least one other part of a response."""
    if not isinstance(response, dict) or not _ENVELOPE & response.keys():
        return False
    status = response.get("status")
    has_status = isinstance(status, int) and not isinstance(status, bool)
    return has_status or ("status" not in response and isinstance(response.get("ok"), bool))


def _status_of(whole: Mapping[str, Any]) -> int:
    """Return the status, or what `ok` alone implies."""
    status = whole.get("status")
    if isinstance(status, int):
        return status
    return http.HTTPStatus.OK if whole.get("ok") else _SERVER_ERROR


def _reason(status: int) -> str:
    """Return the usual reason phrase."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _encode(body: Any) -> tuple[bytes, str]:
    """Return the body's bytes and their content type: texts as they are, the rest as JSON."""
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass"), "text/plain; charset=utf-8"
    return orjson.dumps(body), "application/json"
