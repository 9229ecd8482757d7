"""The locked packages fit what the distributions declare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT, distributions, plugins, read_project

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {canonicalize_name(package): version for package, version in PIN.findall(text)}


def _misfits(requirements: list[str], pins: dict[str, str], own: set[str]) -> list[str]:
    wanted = [Requirement(text) for text in requirements]
    return [
        f"{need} (locked: {pins.get(canonicalize_name(need.name), 'not at all')})"
        for need in wanted
        if need.name not in own
        and not need.specifier.contains(pins.get(canonicalize_name(need.name), "0"), None)
    ]


@pytest.mark.parametrize("folder", distributions(), ids=lambda folder: folder.name)
def test_every_dependency_of_a_distribution_is_locked(folder: Path) -> None:
    pyproject = read_project(folder)
    groups = pyproject.get("dependency-groups", {})
    requirements = [
        *pyproject["project"]["dependencies"],
        *pyproject["build-system"]["requires"],
        *groups.get("dev", ()),
        *groups.get("build", ()),
    ]
    own = {"ratchet-core", *(plugin.name for plugin in plugins())}

    assert _misfits(requirements, _pins("constraints.txt"), own) == []


def test_every_peer_of_the_bench_is_locked_apart() -> None:
    requirements = read_project(ROOT)["dependency-groups"]["bench"]

    assert _misfits(requirements, _pins("constraints-bench.txt"), set()) == []


def test_what_runs_js2py_is_locked_apart_and_for_no_newer_python() -> None:
    requirements = read_project(ROOT)["dependency-groups"]["js2py"]
    text = (ROOT / "constraints-js2py.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if PIN.match(line)]

    assert _misfits(requirements, _pins("constraints-js2py.txt"), set()) == []
    assert "js2py" not in _pins("constraints.txt")
    assert [line for line in lines if "python_full_version < '3.12'" not in line] == []


def test_every_locked_package_carries_its_hashes() -> None:
    for path in ROOT.glob("constraints*.txt"):
        text = path.read_text(encoding="utf-8")
        entries = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]

        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
