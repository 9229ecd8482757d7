"""Building wheels of this tree, from copies: the build leaves nothing in the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.tree import read_project

#: What tools leave inside a package's folder.
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*")


def sources_of(folder: Path) -> Path:
    """The folder in which the import packages of the distribution in `folder` lie."""
    find = read_project(folder)["tool"]["setuptools"]["packages"]["find"]
    return folder / str(find.get("where", ["."])[0])


def package_of(folder: Path) -> Path:
    """The folder of the import package of the distribution in `folder`."""
    name = str(read_project(folder)["project"]["name"]).replace("-", "_")
    return sources_of(folder) / name


def copy_distribution(folder: Path, copy: Path) -> None:
    """Copy what makes the distribution."""
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    package = package_of(folder)
    shutil.copytree(package, copy / package.relative_to(folder), ignore=_LEFT_OUT)


def build_wheel(folder: Path, work: Path) -> Path:
    """Build the wheel of `folder`, with the tools of this environment, and return its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(work), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (wheel,) = work.glob("*.whl")
    return wheel
