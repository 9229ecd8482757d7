"""Builds the StepContext of an attempt, as the worker would, and the HTTP client it comes with."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ratchet_core.sdk import (
    EgressRefused,
    HttpRequest,
    HttpResponse,
    HttpTimeout,
    NetworkFailure,
    RunInfo,
    StepContext,
    StepInfo,
)


@dataclass
class Recorder:
    """A Reporter that keeps what it is told."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    updates: list[tuple[float, str | None, Any]] = field(default_factory=list)

    def progress(self, fraction: float, message: str | None, data: Any) -> None:
        self.updates.append((fraction, message, data))

    def log(self, level: str, message: str) -> None:
        self.lines.append((level, message))

    def publish(self, name: str, payload: Mapping[str, Any]) -> None:
        raise NotImplementedError


class PlainClient:
    """An HttpClient over http.client that reaches loopback only."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def request(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        target = urlsplit(request.url)
        if target.hostname != "127.0.0.1":
            raise EgressRefused(f"{target.hostname} is not allowed; egress.allow would allow it")
        connection = http.client.HTTPConnection(
            target.hostname, target.port, timeout=request.timeout_s or 30
        )
        path = target.path + (f"?{target.query}" if target.query else "")
        try:
            connection.request(request.method, path, request.body, dict(request.headers))
            answer = connection.getresponse()
            headers = {key.lower(): value for key, value in answer.getheaders()}
            return HttpResponse(
                status=answer.status,
                reason=answer.reason,
                headers=headers,
                body=answer.read(),
                url=request.url,
            )
        except TimeoutError:
            raise HttpTimeout(f"no answer from {target.netloc} in time") from None
        except OSError as error:
            raise NetworkFailure(f"{target.netloc}: {error.strerror}") from None
        finally:
            connection.close()


def attempt(script: str | Mapping[str, str], value: Any = None, **changes: Any) -> StepContext:
    """Return the context of an attempt at a script.

    Args:
        script: source of main.js, or all files.
        value: the run's input.
        changes: other fields of the context; `timeout_s` also sets the deadline.
    """
    files = {"main.js": script} if isinstance(script, str) else dict(script)
    given: dict[str, Any] = {
        "run": RunInfo(id="0199-run", namespace="default", workflow="sum", version="1.2.0"),
        "step": StepInfo(id="0199-step", name="only", attempt_id="0199-attempt"),
        "attempt": 1,
        "input": value,
        "config": {"script": "main.js"},
        "files": files,
        "idempotency_key": "0199-key",
        "http": PlainClient(),
        "log": logging.getLogger("ratchet.test"),
        "reporter": Recorder(),
        "stop": threading.Event(),
        **changes,
    }
    given.setdefault("deadline", time.monotonic() + given.setdefault("timeout_s", 20.0))
    return StepContext(**given)
