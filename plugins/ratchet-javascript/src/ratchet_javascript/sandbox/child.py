"""The life of one sandbox process: answers requests over its socket until the worker hangs up."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import signal
import sys
from typing import Any, Final, NoReturn

from . import wire
from .confinement import address_space_bytes, confine, limit_cpu, limit_memory, peak_memory_bytes
from .engine import Engine, Prelude

#: Room for the process itself, for JSON text on its way, and for the error's description.
_SPACE_BESIDE_BYTES: Final = 256 << 20
#: Address space per byte of script memory: the engine's, and copies of a result as text.
_SPACE_FACTOR: Final = 3
_OUT_OF_MEMORY: Final = {
    "names": ["MemoryLimitError"],
    "message": "the sandbox process of the script ran out of memory",
    "stack": [],
}


class Disconnected(Exception):
    """The worker is gone."""


class Line:
    """The socket to the worker."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send one frame."""
        left = memoryview(wire.pack(kind, payload))
        while left:
            left = left[os.write(self._fd, left) :]

    def receive(self) -> tuple[bytes, bytes]:
        """Wait for a frame and return its kind and payload."""
        length = wire.length_of(self._exactly(wire.PREFIX_BYTES))
        frame = self._exactly(length)
        return frame[:1], frame[1:]

    def _exactly(self, count: int) -> bytes:
        chunks: list[bytes] = []
        while count:
            chunk = os.read(self._fd, min(count, 1 << 20))
            if not chunk:
                raise Disconnected
            chunks.append(chunk)
            count -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class LineHost:
    """What scripts reach: everything but arithmetic is asked of the worker."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.log_lines_left = 0

    def log(self, line: str) -> None:
        """Send a line of the console, while the script may still write some."""
        if self.log_lines_left >= 0:
            self.log_lines_left -= 1
            self._line.send(wire.LOG, line.encode("utf-8", "replace"))

    def progress(self, update: str) -> None:
        """Send how far the script is."""
        self._line.send(wire.PROGRESS, update.encode("utf-8", "replace"))

    def fetch(self, request: str) -> str:
        """Have the worker make a request, and wait for it."""
        self._line.send(wire.FETCH, request.encode("utf-8", "replace"))
        _, answer = self._line.receive()
        return answer.decode("utf-8")

    def hash(self, arguments: str) -> str:
        """Return a digest in lower-case hex, or whether two texts are equal as 1 or 0."""
        kind, *texts = (text.encode("utf-8", "replace") for text in json.loads(arguments))
        if kind == b"hmac":
            return hmac.new(texts[0], texts[1], hashlib.sha256).hexdigest()
        if kind == b"equal":
            return str(int(hmac.compare_digest(texts[0], texts[1])))
        return hashlib.sha256(texts[0]).hexdigest()

    def random(self, count: int) -> str:
        """Return random bytes in hex."""
        return os.urandom(int(count)).hex()


def serve(socket_fd: int, lifeline_fd: int, module: Any, prelude: Prelude) -> NoReturn:
    """Answer requests until the worker hangs up; never returns.

    Args:
        socket_fd: the socket to the worker.
        lifeline_fd: end of a pipe that the worker never writes to but to have this process
            killed, and that closes when the worker dies.
        module: the engine's extension module.
        prelude: what every script finds.
    """
    _die_with(lifeline_fd)
    line = Line(socket_fd)
    host = LineHost(line)
    space_bytes, memory_bytes = address_space_bytes(), peak_memory_bytes()
    holds = confine()
    line.send(wire.HELLO, json.dumps({"pid": os.getpid(), "holds": holds}).encode())
    try:
        while True:
            engine = Engine(module, prelude, host, memory_bytes)  # made before it is asked for
            kind, payload = line.receive()
            _answer(line, host, engine, kind, payload, space_bytes)
            engine.close()
    except (Disconnected, OSError):
        os._exit(0)
    except BaseException:  # noqa: BLE001  # memory, or a fault of ours: the worker makes a new one
        os._exit(70)


def _answer(
    line: Line, host: LineHost, engine: Engine, kind: bytes, payload: bytes, space_bytes: int
) -> None:
    header_text, data = wire.unpack_run(payload)
    header = json.loads(header_text)
    files = [(str(name), str(text)) for name, text in header["files"]]
    if kind == wire.CHECK:
        line.send(wire.RESULT, json.dumps(engine.check(files)).encode())
        return
    memory_bytes = header["memory_bytes"]
    host.log_lines_left = header["log_lines"]
    limit_memory(space_bytes + _SPACE_BESIDE_BYTES + _SPACE_FACTOR * memory_bytes)
    limit_cpu(header["cpu_s"])
    try:
        outcome = engine.run(files, data.decode("utf-8"), memory_bytes)
        result = outcome.text.encode("utf-8", "replace")
    except MemoryError:
        line.send(wire.ERROR, json.dumps(_OUT_OF_MEMORY).encode())
        os._exit(71)
    if outcome.failed:
        line.send(wire.ERROR, result)
    elif len(result) > header["output_bytes"]:
        line.send(wire.ERROR, json.dumps(_too_large(len(result), header["output_bytes"])).encode())
    else:
        line.send(wire.RESULT, result)


def _too_large(size: int, limit: int) -> dict[str, Any]:
    return {
        "names": ["OutputLimitError"],
        "message": f"the script's result has {size} bytes as JSON, more than the {limit} allowed",
        "stack": [],
    }


def _die_with(lifeline_fd: int) -> None:
    """Have the kernel kill this process when the lifeline is written to or closed.

    Works while the engine is in a loop of its own, and by no process id, so it hits nobody else.
    """
    flags = fcntl.fcntl(lifeline_fd, fcntl.F_GETFL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
    if sys.platform == "linux":
        f_setsig = 10
        fcntl.fcntl(lifeline_fd, f_setsig, signal.SIGKILL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, flags | os.O_ASYNC)
