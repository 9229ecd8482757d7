"""What pip installs from a built wheel is the whole package, data files included."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import distributions, read_project

#: What tools leave inside a package's folder.
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*")


def _sources(folder: Path) -> Path:
    """The folder in which the import packages of the distribution in `folder` lie."""
    find = read_project(folder)["tool"]["setuptools"]["packages"]["find"]
    return folder / str(find.get("where", ["."])[0])


def _package(folder: Path) -> Path:
    name = str(read_project(folder)["project"]["name"]).replace("-", "_")
    return _sources(folder) / name


def _copy(folder: Path, copy: Path) -> None:
    """Copy what makes the distribution, so that the build leaves nothing in the tree."""
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    package = _package(folder)
    shutil.copytree(package, copy / package.relative_to(folder), ignore=LEFT_OUT)


def _wheel(folder: Path, work: Path) -> set[str]:
    """Build the wheel of `folder` in `work`, and list what is in it."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(work), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (wheel,) = work.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("folder", distributions(), ids=lambda folder: folder.name)
def test_the_wheel_holds_every_file_of_the_package(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    _copy(folder, copy)
    base = _sources(copy)
    wanted = {str(path.relative_to(base)) for path in _package(copy).rglob("*") if path.is_file()}

    shipped = _wheel(copy, tmp_path)

    assert sorted(wanted - shipped) == []
