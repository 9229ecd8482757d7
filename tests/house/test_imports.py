"""Who may import what: the rooms, what each distribution declares, and what nobody imports."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.house.tree import (
    ROOT,
    imported_modules,
    is_test,
    place,
    plugins,
    python_files,
    read_project,
    tree_of,
)

#: Serializers that run code on loading.
UNSAFE = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}

#: What plugins may know of the core.
SDK = "ratchet_core.sdk"


def test_the_contracts_between_rooms_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run(
        [lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr


def _function_imports(path: Path) -> Iterator[int]:
    """Lines of the imports inside functions, each once: outer functions cover inner ones."""
    waiting: list[tuple[ast.AST, bool]] = [(tree_of(path), False)]
    while waiting:
        node, inside = waiting.pop()
        if inside and isinstance(node, ast.Import | ast.ImportFrom):
            yield node.lineno
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]


def test_imports_stand_at_the_top_of_their_file() -> None:
    inside = [place(path, line) for path in python_files() for line in _function_imports(path)]

    assert inside == []


def test_nothing_imports_a_serializer_that_runs_code() -> None:
    unsafe = [
        f"{place(path, line)} {module}"
        for path in python_files()
        for module, line in imported_modules(path)
        if module.partition(".")[0] in UNSAFE
    ]

    assert unsafe == []


def _name(requirement: str) -> str:
    """The normal form of the distribution that a requirement asks for."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def _declared(folder: Path) -> set[str]:
    project = read_project(folder)["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project.get("dependencies", ()), *(name for group in extras for name in group)]
    return {_name(text) for text in requirements}


def _undeclared(files: Iterable[Path], own: set[str], declared: set[str]) -> Iterator[str]:
    distributions = importlib.metadata.packages_distributions()
    for path in files:
        for module, line in imported_modules(path):
            top = module.partition(".")[0]
            if top in own | {"_typeshed"} or top in sys.stdlib_module_names:
                continue
            if not declared & {_name(name) for name in distributions.get(top, [top])}:
                yield f"{place(path, line)} {module}"


def test_the_core_declares_what_it_imports() -> None:
    files = [path for path in python_files() if path.is_relative_to(ROOT / "ratchet_core")]

    assert list(_undeclared(files, {"ratchet_core"}, _declared(ROOT))) == []


def test_the_tests_declare_what_they_import() -> None:
    files = [path for path in python_files() if is_test(path)]
    groups = read_project(ROOT)["dependency-groups"]
    declared = {_name(text) for text in groups["dev"]}.union(*map(_declared, [ROOT, *plugins()]))
    ours = {"ratchet_core", "tests"} | {plugin.name.replace("-", "_") for plugin in plugins()}
    beside = {path.stem for path in files} | {"ratchet_client"}  # installed with the plugins
    beside |= {path.name for path in (ROOT / "contrib" / "plugin-template" / "src").iterdir()}

    undeclared = _undeclared(files, ours | beside, declared)

    assert list(undeclared) == []


@pytest.mark.parametrize("plugin", plugins(), ids=lambda folder: folder.name)
def test_a_plugin_declares_what_it_imports(plugin: Path) -> None:
    files = [path for path in python_files() if path.is_relative_to(plugin) and not is_test(path)]
    own = plugin.name.replace("-", "_")

    assert list(_undeclared(files, {own}, _declared(plugin))) == []


@pytest.mark.parametrize("plugin", plugins(), ids=lambda folder: folder.name)
def test_a_plugin_knows_nothing_of_the_core_but_the_sdk(plugin: Path) -> None:
    beyond = [
        f"{place(path, line)} {module}"
        for path in python_files()
        if path.is_relative_to(plugin) and not is_test(path)
        for module, line in imported_modules(path)
        if module.partition(".")[0] == "ratchet_core" and module != SDK
    ]

    assert beyond == []
