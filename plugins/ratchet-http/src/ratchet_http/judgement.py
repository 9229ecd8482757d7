"""What an answer means to the step: its result, or a failure with a meaning. Pure.

The rules are those of Tasker's API steps: 200 to 226 is success; 429 and 503 ask to come back; 400,
401, 403, 404 and 422 will not change by themselves; anything else may.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from ratchet_core.sdk import (
    HttpResponse,
    PermanentError,
    RetryableError,
    StepError,
    is_secret_name,
    parse_retry_after,
    redact,
)

#: Longest body kept with a failure, in characters.
MAX_KEPT_BODY: Final = 2_000

_SUCCESS: Final = range(200, 227)
_COME_BACK: Final = frozenset({429, 503})
_PERMANENT: Final = frozenset({400, 401, 403, 404, 422})
_JSON: Final = re.compile(r"\s*(?:application|text)/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def failure_of(
    response: HttpResponse, expected_statuses: Collection[int], now: datetime
) -> StepError | None:
    """Return the failure that the answer means, or None for success.

    Args:
        response: of any status.
        expected_statuses: when not empty these alone are success.
        now: to read a `Retry-After` that is a date.
    """
    status = response.status
    if status in (expected_statuses or _SUCCESS):
        return None
    message = f"{_origin(response.url)} answered {status} {response.reason}".rstrip()
    code, details = f"HTTP_{status}", _details(response)
    if status in _PERMANENT:
        return PermanentError(message, code=code, details=details)
    wait_s = None
    if status in _COME_BACK:
        wait_s = parse_retry_after(response.headers.get("retry-after"), now)
    return RetryableError(message, code=code, details=details, retry_after_s=wait_s)


def result_of(response: HttpResponse) -> dict[str, Any]:
    """Return the step's result: status, body (parsed JSON or text), headers and URL.

    Headers and query parameters that are credentials are left out or masked.
    """
    return {
        "status": response.status,
        "body": body_of(response),
        "headers": _plain_headers(response),
        "url": _masked_url(response.url),
    }


def body_of(response: HttpResponse) -> Any:
    """Return the body: parsed where it is JSON, else text; null when there is none."""
    if not response.body:
        return None
    content_type = response.headers.get("content-type", "")
    if _JSON.match(content_type):
        try:
            return orjson.loads(response.body)
        except orjson.JSONDecodeError:
            pass
    charset = _CHARSET.search(content_type)
    try:
        return response.body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:  # a character set that nobody knows
        return response.body.decode("utf-8", "replace")


def _details(response: HttpResponse) -> dict[str, Any]:
    """Return what is kept with a failure: cut, and without secrets."""
    body = redact(body_of(response))
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    return {
        "status": response.status,
        "body": text if len(text) <= MAX_KEPT_BODY else text[: MAX_KEPT_BODY - 1] + "…",
        "headers": _plain_headers(response),
    }


def _plain_headers(response: HttpResponse) -> dict[str, str]:
    """Return the headers that are no credentials."""
    return {
        name: value
        for name, value in response.headers.items()
        if not (is_secret_name(name) or "auth" in name)
    }


def _origin(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _masked_url(url: str) -> str:
    """Return the URL with the values of secret parameters masked; others stay as they were."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if not any(is_secret_name(name) for name, _ in pairs):
        return url
    shown = [(name, "********" if is_secret_name(name) else value) for name, value in pairs]
    return urlunsplit(parts._replace(query=urlencode(shown, safe="*")))
