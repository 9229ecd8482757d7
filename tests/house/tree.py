"""The project's own files, for the house tests: found on disk, so that new ones count at once."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

#: Folders that hold nothing of ours: what tools, builds and runs of Ratchet leave behind.
NOT_OURS = {
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "bench-results",
    "static",
}

#: Endings of the files that people read and write here.
TEXT_SUFFIXES = {
    "",
    ".cfg",
    ".graphql",
    ".html",
    ".ini",
    ".j2",
    ".js",
    ".json",
    ".mako",
    ".md",
    ".py",
    ".sh",
    ".sql",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not (hidden or path.name in NOT_OURS or path.name.endswith(".egg-info")):
                yield from _walk(path)
        else:
            yield path


@functools.cache
def text_files() -> tuple[Path, ...]:
    """Every text file of the project, dot files of the top folder included."""
    return tuple(path for path in _walk(ROOT) if path.suffix in TEXT_SUFFIXES)


@functools.cache
def python_files() -> tuple[Path, ...]:
    """Every Python file of the project: core, plugins, tests, examples and tools."""
    return tuple(path for path in text_files() if path.suffix == ".py")


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of one Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@functools.cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Every node of one Python file's syntax tree."""
    return tuple(ast.walk(tree_of(path)))


def plugins() -> list[Path]:
    """The folders of the plugins that this tree holds."""
    return sorted(path for path in (ROOT / "plugins").glob("*") if path.is_dir())


def distributions() -> list[Path]:
    """The folders of everything that is packaged: the core, the plugins and the clients."""
    clients = sorted(
        path.parent for path in (ROOT / "contrib" / "clients").glob("*/pyproject.toml")
    )
    return [ROOT, *plugins(), *clients]


def read_project(folder: Path) -> dict[str, Any]:
    """The pyproject.toml of `folder`."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def is_test(path: Path) -> bool:
    """Tell whether `path` is test code."""
    return "tests" in path.relative_to(ROOT).parts


def is_revision(path: Path) -> bool:
    """Tell whether `path` is a database migration, which is written once and never edited."""
    return "migrations" in path.parts


def place(path: Path, line: int) -> str:
    """`file:line`, as an editor opens it."""
    return f"{path.relative_to(ROOT)}:{line}"


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Every absolute module that the file imports, with the line."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno
