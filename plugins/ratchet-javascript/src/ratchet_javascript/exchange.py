"""The conversation with a sandbox process while it runs one script.

The process is not trusted: sizes, counts and shapes of what it says are checked here again, and
it is the worker that watches the clock.
"""

from __future__ import annotations

import json
import math
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from ratchet_core.sdk import (
    AttemptCancelled,
    AttemptTimedOut,
    PermanentError,
    RetryableError,
    StepContext,
)
from ratchet_javascript.failure import ErrorDescription, step_error
from ratchet_javascript.fetching import FetchCall, fetch
from ratchet_javascript.pool import Sandbox, SandboxUnavailable
from ratchet_javascript.redaction import Redaction
from ratchet_javascript.sandbox import wire
from ratchet_javascript.script import Limits, Script

#: How often a cancelled run is noticed while the script computes.
_LOOK_S: Final = 0.04
_CHUNK_BYTES: Final = 1 << 18
_LEVELS: Final = frozenset({"debug", "info", "warning", "error"})
_MAX_LINE: Final = 10_000
_MAX_REQUEST_BYTES: Final = 64 << 20
_MAX_REPORT_BYTES: Final = 1 << 20
_CPU_GRACE_S: Final = 2


class SandboxDied(RetryableError):
    """The sandbox process ended while it ran a script."""

    code = "SANDBOX_DIED"


@dataclass(slots=True)
class Exchange:
    """One script on one sandbox process."""

    sandbox: Sandbox  #: acquired for this alone
    context: StepContext  #: the attempt
    limits: Limits  #: of output and log
    redaction: Redaction  #: of the attempt's secrets
    log_lines: int = 0  #: that the script has written
    ended: bool = False  #: True once the script has ended and the process waits for another

    def run(self, script: Script) -> Any:
        """Send the script and serve it until it ends; returns its result.

        Raises:
            StepError: what the script threw, the kind by its class.
            AttemptCancelled: the run was cancelled.
            AttemptTimedOut: the attempt's deadline passed.
            SandboxUnavailable: the process never came up.
            SandboxDied: the process ended without an answer.
        """
        self._send(wire.RUN, wire.pack_run(self._header(script), encode(self._data())))
        while True:
            kind, payload = receive(self.sandbox, self.watch, self._limit_of)
            if kind == wire.RESULT:
                self.ended = True
                return decode(self.redaction.clean(payload))
            if kind == wire.ERROR:
                described = cast("ErrorDescription", orjson.loads(self.redaction.clean(payload)))
                # A process that has been full does not shrink again: it makes way for a new one.
                self.ended = "MemoryLimitError" not in described["names"]
                raise step_error(described)
            self._serve(kind, payload)

    def watch(self) -> None:
        """Raise if the attempt is over."""
        if self.context.cancelled:
            raise AttemptCancelled("the run was cancelled while its script ran")
        if time.monotonic() >= self.context.deadline:
            raise AttemptTimedOut(
                f"the script ran longer than its {self.context.timeout_s:g} s and was stopped",
                error_type="TimeoutError",
            )

    def _serve(self, kind: bytes, payload: bytes) -> None:
        if kind == wire.LOG:
            self._log(*orjson.loads(self.redaction.clean(payload)))
        elif kind == wire.PROGRESS:
            fraction, message, data = orjson.loads(self.redaction.clean(payload))
            self.context.progress(fraction, message, data)
        elif kind == wire.FETCH:
            call = cast("FetchCall", orjson.loads(payload))
            self._send(wire.ANSWER, fetch(call, self.context, self.watch))
        elif kind != wire.HELLO:
            raise SandboxDied(f"the sandbox process sent a frame of unknown kind {kind!r}")

    def _log(self, level: str, line: str) -> None:
        self.log_lines += 1
        if self.log_lines <= self.limits.log_lines:
            known = level if level in _LEVELS else "info"
            self.context.reporter.log(known, line[:_MAX_LINE])
        elif self.log_lines == self.limits.log_lines + 1:
            self.context.reporter.log(
                "warning",
                f"further lines of the console are dropped: {self.limits.log_lines} are kept",
            )

    def _send(self, kind: bytes, payload: bytes) -> None:
        send(self.sandbox, kind, payload, self.context.remaining_s)

    def _limit_of(self, kind: bytes) -> int:
        if kind in (wire.RESULT, wire.ERROR):
            return self.limits.output_bytes + _MAX_REPORT_BYTES
        return _MAX_REQUEST_BYTES if kind == wire.FETCH else _MAX_REPORT_BYTES

    def _header(self, script: Script) -> bytes:
        remaining_s = self.context.remaining_s
        header = {
            "files": script.files,
            "memory_bytes": script.memory_bytes,
            "output_bytes": self.limits.output_bytes,
            "log_lines": self.limits.log_lines,
            "cpu_s": math.ceil(min(remaining_s, 86400.0)) + _CPU_GRACE_S,
        }
        return encode(header)

    def _data(self) -> dict[str, Any]:
        context = self.context
        given = context.input
        if context.secrets and isinstance(given, dict):
            given = {**given, **context.secrets}
        return {
            "input": given,
            "context": {
                "runId": context.run.id,
                "jobId": context.run.id,
                "taskId": context.run.task_id,
                "taskVersion": context.run.version,
                "executionId": context.step.attempt_id,
                "stepName": context.step.name,
                "attempt": context.attempt,
                "idempotencyKey": context.idempotency_key,
                "results": dict(context.results),
            },
        }


def encode(value: Any) -> bytes:
    """Return a JSON value as text; what JSON has no number for becomes null.

    Raises:
        PermanentError: the value is no JSON, or nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # lone surrogates, or nested deeper than 254
        pass
    try:
        return _escaped(value)
    except (TypeError, RecursionError) as error:
        raise PermanentError(
            f"the input or a parent's result cannot be given to a script as JSON: {error}",
            error_type="DataError",
        ) from None


def _escaped(value: Any) -> bytes:
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), separators=(",", ":"))
    return text.encode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def decode(document: bytes) -> Any:
    """Return the JSON value of a result.

    Raises:
        PermanentError: it is nested deeper than 1024.
    """
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise PermanentError(
            f"the script's result cannot be read: {error}", error_type="DataError"
        ) from None


def send(sandbox: Sandbox, kind: bytes, payload: bytes, timeout_s: float) -> None:
    """Send one frame.

    Raises:
        SandboxDied: the process is gone.
    """
    sandbox.line.settimeout(max(0.001, min(timeout_s, 60.0)))
    try:
        sandbox.line.sendall(wire.pack(kind, payload))
    except OSError as error:
        raise _gone(sandbox) from error


def receive(
    sandbox: Sandbox, watch: Callable[[], None], limit_of: Callable[[bytes], int]
) -> tuple[bytes, bytes]:
    """Wait for the next frame and return its kind and payload.

    Args:
        sandbox: where from.
        watch: called every few hundredths of a second; raises to give up waiting.
        limit_of: longest frame of a kind, in bytes.

    Raises:
        SandboxDied: the process ended, or sent what no sandbox of ours sends.
        SandboxUnavailable: the process ended before it was ready.
    """
    poll = select.poll()
    poll.register(sandbox.line, select.POLLIN)
    watch()
    while True:
        frame = _frame(sandbox.buffer, limit_of)
        if frame is None:
            if not poll.poll(_LOOK_S * 1000):
                watch()
            elif not _read(sandbox):
                raise _gone(sandbox)
        elif frame[0] == wire.HELLO and sandbox.pid is None:
            sandbox.greet(**orjson.loads(frame[1]))
        else:
            return frame


def _read(sandbox: Sandbox) -> bool:
    try:
        chunk = sandbox.line.recv(_CHUNK_BYTES)
    except OSError:
        return False
    sandbox.buffer += chunk
    return bool(chunk)


def _frame(buffer: bytearray, limit_of: Callable[[bytes], int]) -> tuple[bytes, bytes] | None:
    """Take the first frame off the buffer, if it is there as a whole."""
    if len(buffer) <= wire.PREFIX_BYTES:
        return None
    length = wire.length_of(buffer[: wire.PREFIX_BYTES])
    kind = bytes(buffer[wire.PREFIX_BYTES : wire.PREFIX_BYTES + 1])
    if not 0 < length <= limit_of(kind):
        raise SandboxDied(f"the sandbox process sent a frame of {length} bytes and was stopped")
    end = wire.PREFIX_BYTES + length
    if len(buffer) < end:
        return None
    payload = bytes(buffer[wire.PREFIX_BYTES + 1 : end])
    del buffer[:end]
    return kind, payload


def _gone(sandbox: Sandbox) -> RetryableError:
    if sandbox.pid is None:
        return SandboxUnavailable("the sandbox process for scripts ended before it was ready")
    return SandboxDied(
        "the sandbox process ended while it ran the script: the engine crashed, or the system"
        " took its memory back; the next attempt gets a new one"
    )
