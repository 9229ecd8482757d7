"""Python modules in the directories of `RATCHET_PATH`, and the step handlers they declare.

Every `*_steps.py` is imported when the code is loaded; other modules when somebody imports them by
their plain name. A module is imported once, under that plain name, so siblings and dotted paths
see the same classes. Installed packages and the standard library come first: a file cannot hide
them. Two files of one module name are refused, both named. Byte code is neither read nor written.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.found import DefinitionProblem, OfferedDefinition
from ratchet_core.registry.walk import TooManyFiles, walk
from ratchet_core.sdk.handler import FunctionHandler, StepHandler
from ratchet_core.sdk.workflow import WorkflowBuilder

_STEPS: Final = "*_steps.py"
_PACKAGE: Final = "__init__.py"


@dataclass(frozen=True, slots=True)
class Declared:
    """A step handler that a module declares by name."""

    name: str  #: what definitions use
    target: type[StepHandler] | FunctionHandler  #: class, or ready instance
    file: str  #: where it is declared


class PythonCode:
    """The Python code of some directories; load it once per process.

    Args:
        paths: directories, looked into recursively; of a YAML file its own directory alone.
            Others, and missing ones, are passed over.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._finder = _Finder({})
        self._declared: dict[str, Declared] = {}
        self._offered: list[OfferedDefinition] = []
        self._problems: list[DefinitionProblem] = []

    @property
    def offered(self) -> Sequence[OfferedDefinition]:
        """Return the workflows that the modules build."""
        return tuple(self._offered)

    @property
    def declared(self) -> Mapping[str, Declared]:
        """Return the declared step handlers by name."""
        return self._declared

    @property
    def problems(self) -> Sequence[DefinitionProblem]:
        """Return what went wrong at the last `load`."""
        return tuple(self._problems)

    def load(self) -> None:
        """Import every steps module afresh; what fails becomes a problem and stops nothing."""
        self.release()
        self._declared, self._offered, self._problems = {}, [], []
        files = list(self._files())
        self._finder = _Finder(_plain_names(files))
        _forget(self._finder.files)
        _install(self._finder)
        for file in files:
            if file.match(_STEPS) and not file.name.startswith("test_"):
                self._load_module(file)

    def release(self) -> None:
        """Take the modules out of the interpreter's tables; loaded handlers keep working."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            _forget(self._finder.files)

    def _files(self) -> Iterator[Path]:
        seen: set[Path] = set()
        for path in self._paths:
            try:
                for file in _python_files(path):
                    if file.resolve() not in seen:
                        seen.add(file.resolve())
                        yield file
            except TooManyFiles as error:
                self._problems.append(DefinitionProblem(str(path), str(error)))

    def _load_module(self, file: Path) -> None:
        name = _module_name(file)
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # it is the author's code
            self._problems.append(import_problem(file, error))
            return
        if not _is_from(module, file):
            reason = (
                f"the module name '{name}' is taken by {_origin(module)}; rename one of the files"
            )
            self._problems.append(DefinitionProblem(str(file), reason))
            return
        for declared in _declared_in(module, file):
            self._add(declared)
        for value in list(vars(module).values()):
            if isinstance(value, WorkflowBuilder):
                self._offer(value, file)

    def _offer(self, builder: WorkflowBuilder, file: Path) -> None:
        try:
            definition = builder.definition()
        except (DefinitionError, TypeError) as error:
            reason = error.message if isinstance(error, DefinitionError) else str(error)
            self._problems.append(DefinitionProblem(str(file), reason))
            return
        self._offered.append(OfferedDefinition(definition=definition, origin=str(file)))

    def _add(self, declared: Declared) -> None:
        other = self._declared.setdefault(declared.name, declared)
        if other is not declared:
            reason = f"the step handler '{declared.name}' is declared in {other.file} already"
            self._problems.append(DefinitionProblem(declared.file, reason))


def _python_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for _, files in walk(path):
            yield from (file for file in files if file.suffix == ".py")
    elif path.suffix in {".yaml", ".yml"} and path.is_file():
        yield from sorted(file for file in path.parent.glob("*.py") if file.is_file())


def import_problem(file: Path, error: BaseException) -> DefinitionProblem:
    """Return a problem that tells why a module could not be imported, with the file's line."""
    line = None
    if isinstance(error, SyntaxError) and error.filename == str(file):
        line = error.lineno
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            line = frame.lineno if frame.filename == str(file) else line
    reason = f"the module cannot be imported: {type(error).__name__}: {error}"[:500]
    return DefinitionProblem(str(file), reason, line)


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from its source; stale byte code can thus never win over a changed file."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules and packages of the directories by plain name, after everything else."""

    def __init__(self, files: Mapping[str, Sequence[Path]]) -> None:
        self.files = files

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a top-level module; parts of packages are found as usual."""
        files = self.files.get(fullname, ()) if path is None else ()
        if not files:
            return None
        if len(files) > 1:
            both = " and ".join(str(file) for file in files[:2])
            raise ImportError(f"the module name '{fullname}' is used by {both}; rename one of them")
        file = files[0]
        return importlib.util.spec_from_file_location(
            fullname,
            file,
            loader=_Loader(fullname, str(file)),
            submodule_search_locations=[str(file.parent)] if file.name == _PACKAGE else None,
        )


def _install(finder: _Finder) -> None:
    """Put the finder behind the usual ones, but before older ones of ours: the newest counts."""
    at = next((i for i, other in enumerate(sys.meta_path) if isinstance(other, _Finder)), None)
    sys.meta_path.insert(len(sys.meta_path) if at is None else at, finder)


def _forget(names: Iterable[str]) -> None:
    """Drop modules of those names that came from definition directories, with their parts."""
    ours = {name for name in names if _is_ours(sys.modules.get(name))}
    for name in list(sys.modules):
        if name.split(".", 1)[0] in ours:
            del sys.modules[name]


def _is_ours(module: ModuleType | None) -> bool:
    return isinstance(getattr(getattr(module, "__spec__", None), "loader", None), _Loader)


def _plain_names(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the top-level modules and packages among the files."""
    names: dict[str, list[Path]] = {}
    for file in files:
        if file.name == _PACKAGE:
            if not (file.parent.parent / _PACKAGE).is_file():
                names.setdefault(file.parent.name, []).append(file)
        elif not (file.parent / _PACKAGE).is_file():
            names.setdefault(file.stem, []).append(file)
    return names


def _module_name(file: Path) -> str:
    parts = [file.stem]
    directory = file.parent
    while (directory / _PACKAGE).is_file():
        parts.append(directory.name)
        directory = directory.parent
    return ".".join(reversed(parts))


def _is_from(module: ModuleType, file: Path) -> bool:
    origin = getattr(module, "__file__", None)
    return origin is not None and Path(origin).resolve() == file.resolve()


def _origin(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "the standard library")


def _declared_in(module: ModuleType, file: Path) -> Iterator[Declared]:
    """Yield the handlers that the module itself defines and names, in their order."""
    for value in list(vars(module).values()):
        if isinstance(value, FunctionHandler):
            if value.function.__module__ == module.__name__:
                yield Declared(value.registered_name, value, str(file))
        elif isinstance(value, type) and issubclass(value, StepHandler):
            name = vars(value).get("name")
            if isinstance(name, str) and value.__module__ == module.__name__:
                yield Declared(name, value, str(file))
