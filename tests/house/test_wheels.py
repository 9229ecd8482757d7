"""What pip installs from a built wheel is the whole package, data files included."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.house.tree import distributions
from tests.wheels import build_wheel, copy_distribution, package_of, sources_of


@pytest.mark.parametrize("folder", distributions(), ids=lambda folder: folder.name)
def test_the_wheel_holds_every_file_of_the_package(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_distribution(folder, copy)
    base = sources_of(copy)
    wanted = {str(path.relative_to(base)) for path in package_of(copy).rglob("*") if path.is_file()}

    shipped = set(zipfile.ZipFile(build_wheel(copy, tmp_path)).namelist())

    assert sorted(wanted - shipped) == []
