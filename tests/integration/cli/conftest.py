"""The `ratchet` command as people call it: a process, in a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.processes import RATCHET, environment

Ended = subprocess.CompletedProcess[str]
Ratchet = Callable[..., Ended]


@pytest.fixture
def ratchet(tmp_path: Path) -> Ratchet:
    """Give a function that runs one command to its end; keywords are environment variables."""
    return caller(tmp_path)


def caller(folder: Path) -> Ratchet:
    """Return a function that runs one command in a folder to its end."""

    def call(*arguments: str | Path, given: str | None = None, **variables: str) -> Ended:
        return subprocess.run(
            [RATCHET, *map(str, arguments)],
            cwd=folder,
            env=environment(folder, **variables),
            input=given,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return call


def document(ended: Ended) -> Any:
    """The JSON document that a command with `--json` printed."""
    assert ended.stdout, ended.stderr
    return orjson.loads(ended.stdout)
