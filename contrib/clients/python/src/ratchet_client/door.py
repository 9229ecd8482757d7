"""One call: sent, repeated where that is safe and promising, and its problem raised."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

import httpx

from ratchet_client.backoff import PASSING, REFUSED_BEFORE, Backoff, retry_after_s
from ratchet_client.errors import (
    ApiError,
    CallTimedOut,
    ConnectionFailed,
    UnexpectedAnswer,
    api_error,
)

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0
_FIRST_PROBLEM: Final = 400
_NO_CONTENT: Final = 204

Params = Mapping[str, Any]


class Door:
    """Calls one dialect of one server. Base of `RatchetClient` and `TaskerClient`.

    Args:
        base_url: of the dialect, with its prefix: `http://localhost:8080/api/v1`.
        token: sent as `Authorization: Bearer`; a JWT or an API key.
        timeout_s: seconds for connecting, and between two parts of an answer.
        backoff: when calls are made again.
        transport: of httpx, for proxies, certificates or tests; None is httpx' own.
        pause: waits so many seconds between two calls.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        backoff: Backoff | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        #: The HTTP client, for calls that have no method here, and for headers of your own.
        self.client = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            headers=headers,
            timeout=timeout_s,
            transport=transport,
        )
        self.backoff = backoff or Backoff()
        self._pause = pause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
        repeatable: bool | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Make a call and return the JSON value of its answer; None where it has no body.

        Args:
            method: such as `GET`.
            path: below the base URL, without a slash at its start; its parts quoted.
            params: of the query; None values are left out.
            body: sent as JSON.
            key: sent as `Idempotency-Key`; it makes the call repeatable.
            repeatable: doing it twice does no harm; None: what only reads, or has a key.
            timeout_s: for this call; None is the client's own.

        Failures are logged too, without the query, the body and the token.

        Raises:
            ApiError: the server refused; its subclasses say why.
            ConnectionFailed: no answer.
            UnexpectedAnswer: an answer that is not Ratchet's.
        """
        request = self.client.build_request(
            method,
            path,
            params={name: value for name, value in (params or {}).items() if value is not None},
            json=body,
            headers={} if key is None else {"Idempotency-Key": key},
            timeout=self.client.timeout if timeout_s is None else timeout_s,
        )
        again = (method == "GET" or key is not None) if repeatable is None else repeatable
        where = f"{request.method} {request.url.copy_with(query=None)}"
        made = 0
        while True:
            made += 1
            try:
                return self._once(request, where)
            except (ApiError, ConnectionFailed) as error:
                asked = error.retry_after_s if isinstance(error, ApiError) else None
                luck = random.random()  # noqa: S311 - spreads calls, hides nothing
                pause_s = self.backoff.pause_s(made, asked, luck)
                if pause_s is None or not _is_worth_repeating(error, repeatable=again):
                    _log.warning("%s failed at call %d: %s", where, made, error)
                    raise
                _log.info("%s failed, the next call is in %.3g s: %s", where, pause_s, error)
            self._pause(pause_s)

    def _once(self, request: httpx.Request, where: str) -> Any:
        try:
            response = self.client.send(request)
        except httpx.TimeoutException as error:
            raise CallTimedOut(f"{where}: no answer in time") from error
        except httpx.TransportError as error:
            raise ConnectionFailed(f"{where}: {str(error) or type(error).__name__}") from error
        if response.status_code == _NO_CONTENT:
            return None
        try:
            value = response.json()
        except ValueError:
            value = None
        if response.status_code >= _FIRST_PROBLEM:
            problem = value.get("error") if isinstance(value, dict) else None
            if not isinstance(problem, dict):
                problem = {"message": response.reason_phrase}
            asked = retry_after_s(response.headers, datetime.now(UTC))
            raise api_error(response.status_code, problem, asked)
        if not isinstance(value, dict):
            message = f"{where} answered {response.status_code} without a JSON object"
            raise UnexpectedAnswer(f"{message}; is this the address of Ratchet?")
        return value


def new_key() -> str:
    """Return a fresh idempotency key."""
    return str(uuid.uuid4())


def _is_worth_repeating(error: ApiError | ConnectionFailed, *, repeatable: bool) -> bool:
    """Tell whether another call may do better and can do no harm."""
    if isinstance(error, ApiError):
        return error.status in (PASSING if repeatable else REFUSED_BEFORE)
    # A connection that was never made has done nothing.
    return repeatable or isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
