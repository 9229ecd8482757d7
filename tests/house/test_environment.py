"""What `make up` and `make test` say where they cannot work."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.house.tree import ROOT

SCRIPT = ROOT / "tools" / "environment.sh"


def _make_environment(venv: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, venv],
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_a_suitable_python_is_told_what_to_install(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)

    result = _make_environment(tmp_path / "venv", str(old))

    assert result.returncode == 1
    assert "no Python 3.11 or newer" in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "venv" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work", encoding="utf-8")

    result = _make_environment(kept.parent, "python3")

    assert result.returncode == 1
    assert "move it away" in result.stderr
    assert kept.read_text(encoding="utf-8") == "years of work"


def test_every_shell_script_parses() -> None:
    for script in (SCRIPT, ROOT / ".ci" / "run"):
        subprocess.run(["bash", "-n", script], check=True)
        assert os.access(script, os.X_OK), script
