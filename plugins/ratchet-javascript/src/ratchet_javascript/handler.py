"""The step handler `javascript`: configuration in, a sandbox process at work, the result out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import orjson

from ratchet_core.sdk import PermanentError, StepContext, StepError, StepHandler
from ratchet_javascript.exchange import Exchange, encode, receive, send
from ratchet_javascript.pool import Pool, SandboxUnavailable
from ratchet_javascript.redaction import Redaction
from ratchet_javascript.sandbox import wire
from ratchet_javascript.script import Limits, Script, problems_of

_CHECK_S: Final = 20.0
_CHECK_MEMORY_BYTES: Final = 64 << 20


class JavaScriptHandler(StepHandler):
    """Runs the script that `handler_config.script` names; its JSON value is the step's result.

    Args:
        limits: what scripts may use at most.
    """

    name: ClassVar[str | None] = "javascript"

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._pool = Pool()

    def process(self, context: StepContext) -> Any:
        """Run the script.

        Raises:
            StepError: what the script threw: RetryableError, PermanentError, or neither, by the
                class of the error.
            AttemptCancelled: the run was cancelled.
            AttemptTimedOut: the attempt's deadline passed.
        """
        script = Script.of(context.config, context.files, self._limits)
        redaction = Redaction(context.secrets)
        try:
            return self._attempt(script, context, redaction)
        except SandboxUnavailable:
            self._pool.renew()
            return self._attempt(script, context, redaction)

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with a script step: its keys, a missing file, wrong syntax.

        The scripts are parsed in a sandbox process and not run.
        """
        problems = problems_of(config, files)
        if problems:
            return problems
        script = Script.of(config, files, self._limits)
        try:
            return self._parse(script)
        except StepError as error:
            return [f"{config['script']}: {error.message}"]

    def warm(self) -> None:
        """Start the zygote, which all processes forked from here share."""
        self._pool.warm()

    def close(self) -> None:
        """End the sandbox processes of this process."""
        self._pool.close()

    def _attempt(self, script: Script, context: StepContext, redaction: Redaction) -> Any:
        exchange = Exchange(self._pool.acquire(), context, self._limits, redaction)
        exchange.sandbox.scripts += 1
        try:
            return exchange.run(script)
        finally:
            if exchange.ended:
                self._pool.release(exchange.sandbox)
            else:
                self._pool.discard(exchange.sandbox)

    def _parse(self, script: Script) -> list[str]:
        sandbox = self._pool.acquire()
        header = encode({"files": script.files})
        deadline = time.monotonic() + _CHECK_S
        healthy = False

        def watch() -> None:
            if time.monotonic() > deadline:
                raise PermanentError(f"parsing took longer than {_CHECK_S:g} s")

        try:
            send(sandbox, wire.CHECK, wire.pack_run(header, b""), _CHECK_S)
            _, payload = receive(sandbox, watch, lambda _: _CHECK_MEMORY_BYTES)
            healthy = True
        finally:
            if healthy:
                self._pool.release(sandbox)
            else:
                self._pool.discard(sandbox)
        problems: list[str] = orjson.loads(payload)
        return problems
