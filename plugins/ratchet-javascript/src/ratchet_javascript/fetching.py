"""Performs a script's `fetch` in the worker, under the egress policy, without getting stuck.

The request runs in a thread, so that a cancelled run does not wait for somebody else's server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypedDict

import orjson

from ratchet_core.sdk import (
    EgressRefused,
    HttpRequest,
    HttpResponse,
    HttpTimeout,
    NetworkFailure,
    StepContext,
)


class FetchCall(TypedDict, total=False):
    """What `fetch` in a script asks for."""

    url: str
    method: str
    headers: dict[str, str]
    text: str  #: body as text
    binary: str  #: body as one character per byte
    timeoutMs: float | None
    redirect: str


def fetch(call: FetchCall, context: StepContext, watch: Callable[[], None]) -> bytes:
    """Make the request and return the answer, or the error, as JSON for the script.

    Args:
        call: what the script asks for.
        context: the attempt, for its client and its time left.
        watch: called every few hundredths of a second; raises to give up waiting.
    """
    done = threading.Event()
    answers: list[dict[str, Any]] = []

    def make() -> None:
        try:
            answers.append(_answer(call, context))
        finally:
            done.set()

    threading.Thread(target=make, name="ratchet-javascript-fetch", daemon=True).start()
    while not done.wait(0.04):
        watch()
    watch()
    return orjson.dumps(answers[0] if answers else _error("NetworkError", "the request failed"))


def _answer(call: FetchCall, context: StepContext) -> dict[str, Any]:
    url = call["url"]
    try:
        return _described(context.http.request(_request(call, context)))
    except EgressRefused as error:
        return {**_error("NetworkError", error.message), "permanent": True}
    except HttpTimeout as error:
        return {**_error("TimeoutError", error.message), "retryAfter": error.retry_after_s}
    except NetworkFailure as error:
        return {**_error("NetworkError", error.message), "retryAfter": error.retry_after_s}
    except Exception:  # the client's fault or a URL it cannot read; the script can go on
        context.log.exception("fetch of %s failed in an unforeseen way", url.partition("?")[0])
        return _error("NetworkError", f"{url.partition('?')[0]}: the request could not be made")


def _request(call: FetchCall, context: StepContext) -> HttpRequest:
    binary, text = call.get("binary"), call.get("text")
    body = binary.encode("latin-1") if binary is not None else None
    if text is not None:
        body = text.encode("utf-8", "replace")
    timeout_ms = call.get("timeoutMs")
    timeout_s = None if timeout_ms is None else min(timeout_ms / 1000, context.remaining_s)
    return HttpRequest(
        method=call["method"],
        url=call["url"],
        headers=call["headers"],
        body=body,
        timeout_s=timeout_s,
        max_redirects=None if call["redirect"] == "follow" else 0,
    )


def _described(response: HttpResponse) -> dict[str, Any]:
    return {
        "status": response.status,
        "reason": response.reason,
        "headers": dict(response.headers),
        "text": _text_of(response),
        "url": response.url,
    }


def _text_of(response: HttpResponse) -> str:
    _, _, named = response.headers.get("content-type", "").lower().partition("charset=")
    charset = named.partition(";")[0].strip(" \"'") or "utf-8"
    try:
        return response.body.decode(charset, "replace").removeprefix("\ufeff")
    except LookupError:
        return response.body.decode("utf-8", "replace").removeprefix("\ufeff")


def _error(name: str, message: str) -> dict[str, Any]:
    return {"error": name, "message": message}
