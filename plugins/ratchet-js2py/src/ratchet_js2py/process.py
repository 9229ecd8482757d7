"""One process per script: js2py is loaded, everything is given up, the script runs, it ends.

A script may own that process, so nothing of it is kept for the next one, and what it says is taken
as bytes of JSON of a bounded length.
"""

from __future__ import annotations

import os
import select
import selectors
import subprocess
import sys
import time
from typing import Any, Final

import orjson

from ratchet_core.sdk import AttemptCancelled, AttemptTimedOut, RetryableError, StepContext

#: How often a cancelled run is noticed, in seconds.
_LOOK_S: Final = 0.05
_CHUNK_BYTES: Final = 1 << 16
_REPORT_BYTES: Final = 1 << 20
_CODE: Final = "from ratchet_js2py.child import main; main()"


class SandboxDied(RetryableError):
    """The process of the script ended without an answer, or said what no process of ours says."""

    code = "SANDBOX_DIED"


def run_child(request: bytes, context: StepContext, output_bytes: int) -> dict[str, Any]:
    """Run one script in a process of its own and return `{"result": …}` or `{"error": …}`.

    Args:
        request: JSON, as `child.main` reads it.
        context: the attempt: its deadline, and whether it was cancelled.
        output_bytes: longest result.

    Raises:
        SandboxDied: there is no answer.
        AttemptCancelled, AttemptTimedOut: the attempt is over; the process is killed.
    """
    # isolated: no variable and no folder of the worker's reaches it; -I still finds packages
    with subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-I", "-X", "utf8", "-c", _CODE],
        env={},
        cwd="/",
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            answer = _talk(process, request, context, output_bytes + _REPORT_BYTES)
        finally:
            process.kill()
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or len(found.keys() & {"result", "error"}) != 1:
        text = "the process of the script ended without an answer: out of memory, mostly"
        raise SandboxDied(text)
    return found


def _talk(
    process: subprocess.Popen[bytes], request: bytes, context: StepContext, limit_bytes: int
) -> bytes:
    """Send the request and return all that the process says."""
    given, said = process.stdin, process.stdout
    assert given is not None  # noqa: S101 - both are pipes, see above
    assert said is not None  # noqa: S101
    answer, left = bytearray(), memoryview(request)
    with selectors.DefaultSelector() as selector:
        selector.register(said, selectors.EVENT_READ)
        selector.register(given, selectors.EVENT_WRITE)
        while True:
            _watch(context)
            for key, _ in selector.select(_LOOK_S):
                if key.fileobj is given:
                    left = _written(given.fileno(), left)
                    if not left:
                        selector.unregister(given)
                        given.close()
                    continue
                chunk = os.read(said.fileno(), _CHUNK_BYTES)
                answer += chunk
                if not chunk:
                    return bytes(answer)
                if len(answer) > limit_bytes:
                    raise SandboxDied(f"the script has said more than {limit_bytes} bytes")


def _written(fd: int, left: memoryview) -> memoryview:
    """Write what the pipe takes without waiting; return what is left."""
    try:
        return left[os.write(fd, left[: select.PIPE_BUF]) :]
    except BrokenPipeError:
        return left[len(left) :]


def _watch(context: StepContext) -> None:
    if context.cancelled:
        raise AttemptCancelled("the run was cancelled while its script ran")
    if time.monotonic() >= context.deadline:
        text = f"the script ran longer than its {context.timeout_s:g} s and was stopped"
        raise AttemptTimedOut(text, error_type="TimeoutError")
