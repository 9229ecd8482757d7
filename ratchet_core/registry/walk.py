"""Walking the directories of `RATCHET_PATH`: always in the same order, never into what is ignored.

Tells the kinds of files apart by their names alone; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from ratchet_core.registry.folder import is_unicode
from ratchet_core.registry.found import DefinitionProblem

#: Names of files and directories that are never looked at, besides hidden ones.
IGNORED: Final = ("*.tmp", "*.swp", "*~", "node_modules", "__pycache__", "venv")
#: Most files below one given path.
MAX_FILES: Final = 20_000
#: Deepest directory below one given path.
MAX_LEVELS: Final = 32

#: Files of Ratchet's own configuration, which may lie beside definitions.
_CONFIGURATION: Final = frozenset({"ratchet.yaml", "ratchet.yml"})
_NAMESPACE: Final = frozenset({"namespace.yaml", "namespace.yml"})
_YAML: Final = (".yaml", ".yml")


class Kind(StrEnum):
    """What a path holds."""

    WORKFLOW = "workflow"  #: a YAML file that defines a workflow
    NAMESPACE = "namespace"  #: a `namespace.yaml`
    FOLDER = "folder"  #: a directory with one script and its metadata
    SCRIPT = "script"  #: a single `.js` file
    ZIP = "zip"  #: a zip file of such directories


@dataclass(frozen=True, slots=True)
class Source:
    """One file or directory that defines something."""

    kind: Kind  #: how to read it
    path: Path  #: as the user knows it


class TooManyFiles(Exception):
    """A path holds more files, or deeper directories, than definitions ever need."""


def walk(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each directory below `root`, itself first, with its files, all sorted by name.

    A directory that is reached twice by links is yielded once; one that cannot be read is empty.

    Raises:
        TooManyFiles: over `MAX_FILES` or `MAX_LEVELS`.
    """
    seen: set[Path] = set()
    count = 0
    open_directories = [(root, 0)]
    while open_directories:
        directory, level = open_directories.pop()
        real = directory.resolve()
        if real in seen:
            continue
        seen.add(real)
        files, directories = _entries(directory)
        count += len(files)
        if count > MAX_FILES or level > MAX_LEVELS:
            limits = f"{MAX_FILES} files or {MAX_LEVELS} levels"
            raise TooManyFiles(f"more than {limits} below; name a smaller directory")
        yield directory, files
        open_directories.extend((path, level + 1) for path in reversed(directories))


def _entries(directory: Path) -> tuple[list[Path], list[Path]]:
    try:
        paths = sorted(path for path in directory.iterdir() if not is_ignored(path.name))
    except OSError:
        return [], []
    return [path for path in paths if path.is_file()], [path for path in paths if path.is_dir()]


def is_ignored(name: str) -> bool:
    """Tell whether a file or directory of that name is never looked at."""
    return name.startswith(".") or any(fnmatch(name, pattern) for pattern in IGNORED)


def find_sources(paths: Sequence[Path]) -> tuple[list[Source], list[DefinitionProblem]]:
    """Return what the paths hold, in their order and then by name, nothing twice.

    Args:
        paths: directories, or single files of any format.
    """
    sources: dict[Path, Source] = {}
    problems: list[DefinitionProblem] = []
    for path in paths:
        try:
            for source in _sources_of(path):
                if is_unicode(str(source.path)):
                    sources.setdefault(source.path.resolve(), source)
                else:
                    reason = "the file's name is not UTF-8; rename it"
                    problems.append(DefinitionProblem(str(source.path), reason))
        except (TooManyFiles, OSError) as error:
            problems.append(DefinitionProblem(str(path), str(error)))
    return list(sources.values()), problems


def _sources_of(path: Path) -> Iterator[Source]:
    if path.is_dir():
        yield from _sources_below(path)
        return
    if not path.exists():
        raise FileNotFoundError("there is no such file or directory")
    kind = _kind(path)
    if kind is None:
        raise OSError("not a definition: use a directory, or a .yaml, .js or .zip file")
    yield Source(kind, path)


def _sources_below(root: Path) -> Iterator[Source]:
    task_folders: list[Path] = []
    for directory, files in walk(root):
        if any(folder in directory.parents for folder in task_folders):
            continue
        if _is_task_folder(files):
            task_folders.append(directory)
            yield Source(Kind.FOLDER, directory)
            continue
        yield from _sources_in(files)


def _is_task_folder(files: Iterable[Path]) -> bool:
    """Tell whether a directory is one task: it has metadata, or a main script and no YAML."""
    names = {path.name for path in files}
    has_yaml = any(name.endswith(_YAML) for name in names)
    return "metadata.json" in names or ("main.js" in names and not has_yaml)


def _sources_in(files: Iterable[Path]) -> Iterator[Source]:
    for path in files:
        kind = _kind(path)
        is_library = kind is Kind.SCRIPT and path.parent.name == "lib"
        if kind is not None and not is_library and path.name not in _CONFIGURATION:
            yield Source(kind, path)


def _kind(path: Path) -> Kind | None:
    if path.name in _NAMESPACE:
        return Kind.NAMESPACE
    if path.name.endswith(_YAML):
        return Kind.WORKFLOW
    return {".js": Kind.SCRIPT, ".zip": Kind.ZIP}.get(path.suffix)
