"""Real Ratchet processes for tests: started with the command that people use, over HTTP.

What is asked of them, and what they must answer, stands in the tests.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

from ratchet_core.worker.process import die_with
from tests.servers import free_port
from tests.waiting import wait_for

#: The command as installed beside the Python that runs the tests.
RATCHET = str(Path(sys.executable).with_name("ratchet"))

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Build the environment of a Ratchet that keeps everything in `folder`.

    Variables of Ratchet in the caller's environment are left out, so that a developer's settings
    change no test.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RATCHET_")}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # each start would compile everything again
    path = os.pathsep.join([str(Path(RATCHET).parent), inherited.get("PATH", "")])
    return {**inherited, "PATH": path, "RATCHET_DATA_DIR": str(folder / "data"), **variables}


@dataclass
class Running:
    """A `ratchet` command that was started, and everything it has started."""

    process: subprocess.Popen[bytes]
    log: Path
    base: str = field(default="")  #: `http://host:port` of its server

    def children(self) -> list[psutil.Process]:
        """All living descendants, such as servers, workers and work-horses."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does, and return its exit code; kill what stays."""
        left = self.children()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT_S)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self.process.poll() is None:
            self.process.kill()
        return self.process.wait()

    def text(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def running(
    arguments: list[str],
    folder: Path,
    env: dict[str, str],
    *,
    log: str = "ratchet.log",
    tied: bool = True,
) -> Iterator[Running]:
    """Start `ratchet ARGUMENTS` in `folder`, and stop it and its children at the end.

    Args:
        arguments: after `ratchet`.
        folder: where it runs, and where its log goes.
        env: its whole environment.
        log: name of the file that gets what it prints.
        tied: it ends when the thread that started it does, even when the test run is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / log
    with path.open("wb") as output:
        process = subprocess.Popen(
            [RATCHET, *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with, os.getpid()) if tied else None,  # noqa: PLW1509 - no lock
        )
    started = Running(process, path)
    try:
        yield started
    finally:
        started.stop()


def _ready(started: Running) -> bool:
    if started.process.poll() is not None:
        pytest.fail(f"ratchet ended with {started.process.returncode}:\n{started.text()[-4000:]}")
    with contextlib.suppress(requests.ConnectionError, requests.Timeout):
        return requests.get(f"{started.base}/health/ready", timeout=2).ok
    return False


@contextlib.contextmanager
def ratchet_up(folder: Path, *arguments: str, **variables: str) -> Iterator[Running]:
    """Start `ratchet up` on a free port with everything in `folder`; give it once it is ready."""
    port = free_port()
    env = environment(folder, RATCHET_SERVER_PORT=str(port), **variables)
    with running(["up", *arguments], folder, env) as started:
        started.base = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: _ready(started), "`ratchet up` to be ready", timeout_s=START_TIMEOUT_S)
        except pytest.fail.Exception:
            sys.stderr.write(started.text()[-8000:])
            raise
        yield started
