"""`docs/how-to/first-plugin.md` as a stranger does it: a new environment, our wheel, real HTTP."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.house.tree import ROOT
from tests.servers import free_port, missing
from tests.wheels import build_wheel, copy_distribution

pytestmark = [pytest.mark.docs, pytest.mark.timeout(480), pytest.mark.xdist_group("docs")]

PAGE = ROOT / "docs" / "how-to" / "first-plugin.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What pip prints where it reaches no index.
NO_INDEX = "Failed to establish a new connection"
PIN = re.compile(r"^([A-Za-z0-9._-]+(?:\[[a-z,]+\])?==[^\\\n]+?)\s*\\?$", re.MULTILINE)


def _constraints(file: Path) -> Path:
    """Write the versions that everything here is tested with, for pip.

    Hashes are left out: pip would ask for one of the wheels that are built here.
    """
    locked = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = [re.sub(r"\[[a-z,]+\]", "", pin) for pin in PIN.findall(locked)]
    file.write_text("\n".join([*pins, ""]), encoding="utf-8")
    return file


def _environment(folder: Path, wheel: Path, port: int) -> dict[str, str]:
    """Return the environment of somebody who has none of this tree, only pip's own settings."""
    own = Path(sys.executable).parent
    path = [part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != own]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RATCHET_", "VIRTUAL_ENV", "PYTHON", "PYTEST_"))
    }
    return {
        **kept,
        "PATH": os.pathsep.join([str(_interpreter(folder)), *path]),
        "HOME": str(folder),
        "PIP_CACHE_DIR": _pip_cache(),
        "PIP_CONSTRAINT": str(_constraints(folder / "constraints.txt")),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COMPILE": "1",  # what is used is compiled when it is used
        "RATCHET": str(wheel),
        "RATCHET_SERVER_PORT": str(port),
    }


def _pip_cache() -> str:
    """Return where pip keeps what it has fetched, so that it is fetched once."""
    command = [sys.executable, "-m", "pip", "cache", "dir"]
    return subprocess.check_output(command, text=True).strip()


def _interpreter(folder: Path) -> Path:
    """Return a folder whose `python3` is the interpreter of these tests, without packages."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").symlink_to(Path(sys.base_prefix) / "bin" / _base_name())
    return bin_folder


def _base_name() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def test_a_stranger_writes_tests_installs_uses_and_removes_a_plugin(tmp_path: Path) -> None:
    copy = tmp_path / "ratchet-core"
    copy_distribution(ROOT, copy)
    wheel = build_wheel(copy, tmp_path)
    port = free_port()
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    script = "\n".join(["set -euo pipefail -m", *(f"echo\n{block}" for block in blocks)])
    script = script.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}")
    work = tmp_path / "work"
    work.mkdir()
    env = _environment(tmp_path, wheel, port)

    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=work,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        printed, _ = process.communicate(timeout=420)
    finally:
        _end(process.pid)

    if NO_INDEX in printed:
        missing("package index", "pip must reach the one that it is set to")
    assert process.returncode == 0, printed[-6000:]
    assert re.search(r"\d+ passed", printed)
    assert "in order: words" in printed
    assert '"result":{"words":3}' in printed.replace(" ", "")
    assert "NO_TEXT" in printed
    assert "step handler words" in printed
    assert "there is no step handler 'words'" in printed
    assert printed.rstrip().endswith("the workflow says what it lacks")


def _end(pid: int) -> None:
    """End what the page has started, where it was cut short."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate()
