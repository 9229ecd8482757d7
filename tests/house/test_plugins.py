"""Every plugin of this tree is a distribution of one and the same form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.tree import plugins, read_project

each_plugin = pytest.mark.parametrize("plugin", plugins(), ids=lambda folder: folder.name)


def package_of(plugin: Path) -> str:
    """The import package of the plugin in `plugin`: ratchet-http holds ratchet_http."""
    return plugin.name.replace("-", "_")


@each_plugin
def test_its_project_names_what_the_others_name(plugin: Path) -> None:
    project = read_project(plugin)["project"]

    assert project["name"] == plugin.name
    assert project["license"] == "MIT"
    assert project["readme"] == "README.md"
    assert project["requires-python"] == ">=3.11"
    assert project["description"]
    assert any(text.startswith("ratchet-core") for text in project["dependencies"])


@each_plugin
def test_it_is_built_by_setuptools_from_src(plugin: Path) -> None:
    pyproject = read_project(plugin)

    assert pyproject["build-system"]["build-backend"] == "setuptools.build_meta"
    assert pyproject["tool"]["setuptools"]["packages"]["find"]["where"] == ["src"]
    assert (plugin / "src" / package_of(plugin) / "__init__.py").is_file()


@each_plugin
def test_it_announces_itself_by_one_entry_point(plugin: Path) -> None:
    entry_points = read_project(plugin)["project"]["entry-points"]

    assert list(entry_points) == ["ratchet"]
    modules = list(entry_points["ratchet"].values())
    assert len(modules) == 1
    assert modules[0].partition(".")[0] == package_of(plugin)


@each_plugin
def test_it_ships_its_types(plugin: Path) -> None:
    package = package_of(plugin)
    package_data = read_project(plugin)["tool"]["setuptools"]["package-data"]

    assert (plugin / "src" / package / "py.typed").is_file()
    assert "py.typed" in package_data[package]


@each_plugin
def test_it_is_described_and_tested(plugin: Path) -> None:
    assert (plugin / "README.md").read_text(encoding="utf-8").startswith(f"# {plugin.name}\n")
    assert list((plugin / "tests").rglob("test_*.py"))
