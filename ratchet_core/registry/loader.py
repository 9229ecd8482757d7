"""Loading everything that the given paths define; a broken file takes nothing else down.

Formats are read by the modules named after them; here their results are checked as a whole:
names, edges, handlers, duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ratchet_core.domain.schedule import DeclaredSchedule
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import DefinitionError
from ratchet_core.registry.case import read_case
from ratchet_core.registry.document import Document, Place
from ratchet_core.registry.folder import DiskFolder, Folder, open_zip, read_text
from ratchet_core.registry.found import (
    DefinitionProblem,
    FoundDefinition,
    Loaded,
    OfferedDefinition,
    TestCase,
    content_hash,
)
from ratchet_core.registry.handlers import HandlerLookup
from ratchet_core.registry.ratchet_directory import MAIN_SCRIPT, read_folder, read_script
from ratchet_core.registry.schedule import read_schedules
from ratchet_core.registry.schema import check_schema
from ratchet_core.registry.tasker_yaml import read_namespace, read_workflow
from ratchet_core.registry.walk import Kind, Source, find_sources
from ratchet_core.registry.yaml_document import parse_yaml

__all__ = ["OfferedDefinition", "load_definitions"]

# Which of a step's two places a problem is about.
_HANDLER: Final = 0
_CONFIG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A definition whose own file is sound, before it is checked as a whole."""

    definition: WorkflowDefinition
    document: Document  #: for errors about places
    file: str  #: shown as the definition's origin
    test_cases: tuple[TestCase, ...] = ()
    schedules: tuple[DeclaredSchedule, ...] = ()
    module_namespace: str = ""
    #: of each step, the places of its handler's name and configuration
    step_places: Sequence[tuple[Place, Place]] = ()

    def problem(self, reason: str, step: int, part: int) -> DefinitionProblem:
        """Return a problem with a step's `_HANDLER` or `_CONFIG`."""
        if not self.step_places:
            return DefinitionProblem(self.file, reason)
        error = self.document.error(reason, self.step_places[step][part])
        return DefinitionProblem.of(error, self.file)


def load_definitions(
    paths: Sequence[Path],
    environment_name: str,
    environ: Mapping[str, str],
    handlers: HandlerLookup,
    offered: Iterable[OfferedDefinition] = (),
) -> Loaded:
    """Load every definition below the paths.

    Args:
        paths: directories or single files, in order of precedence.
        environment_name: which of a YAML file's `environments` counts, such as `production`.
        environ: values of `${VAR}`.
        handlers: finds the step handlers that definitions name.
        offered: definitions of plugins; files come first, then those of Python modules.

    Returns:
        The sound definitions, and one problem for each thing that is wrong; never raises for
        anything that a file holds.
    """
    loading = _Loading(environment_name, environ, handlers)
    loading.load(paths)
    for item in (*handlers.offered, *offered):
        document = Document(item.origin, {})
        loading.take(_Candidate(definition=item.definition, document=document, file=item.origin))
    return loading.loaded()


class _Loading:
    """What one call of `load_definitions` has found so far."""

    def __init__(
        self, environment_name: str, environ: Mapping[str, str], handlers: HandlerLookup
    ) -> None:
        self._environment_name = environment_name
        self._environ = environ
        self._handlers = handlers
        self._found: dict[str, FoundDefinition] = {}
        self._uuids: dict[str, FoundDefinition] = {}
        self._schedules: dict[str, FoundDefinition] = {}
        self._namespaces: dict[str, str] = {}
        self._problems: list[DefinitionProblem] = []
        self._notes: list[DefinitionProblem] = []

    def load(self, paths: Sequence[Path]) -> None:
        """Load what the paths hold."""
        sources, problems = find_sources(paths)
        self._problems += [*self._handlers.problems, *problems]
        documents = {
            source.path: document
            for source in sources
            if source.kind in {Kind.WORKFLOW, Kind.NAMESPACE}
            and (document := self._parse(source.path)) is not None
        }
        used = {
            script for path, document in documents.items() for script in _scripts(path, document)
        }
        for source in sources:
            if source.kind is Kind.SCRIPT and source.path.resolve() in used:
                continue  # a part of a workflow, not one of its own
            try:
                for candidate in self._read(source, documents):
                    self.take(candidate)
            except DefinitionError as error:
                self._problems.append(DefinitionProblem.of(error, str(source.path)))
            except OSError as error:
                reason = f"cannot be read: {error.strerror or error}"
                self._problems.append(DefinitionProblem(str(source.path), reason))

    def loaded(self) -> Loaded:
        """Return everything found."""
        return Loaded(
            definitions=tuple(self._found.values()),
            namespaces=self._namespaces,
            problems=tuple(self._problems),
            notes=tuple(self._notes),
        )

    def take(self, candidate: _Candidate) -> None:
        """Keep a definition that is sound as a whole; note what is wrong with it otherwise."""
        try:
            candidate.definition.checked()
        except DefinitionError as error:
            located = candidate.document.located(error)
            self._problems.append(DefinitionProblem.of(located, candidate.file))
            return
        handlers, problems = self._handlers_of(candidate)
        problems += _schema_problems(candidate)
        definition = _with_handlers(candidate.definition, handlers)
        if not problems:
            problems += self._configuration_problems(candidate, definition)
        if problems:
            self._problems += problems
            return
        self._keep(
            FoundDefinition(
                definition=definition,
                file=candidate.file,
                test_cases=candidate.test_cases,
                schedules=candidate.schedules,
                content_hash=content_hash(definition),
            )
        )

    def _parse(self, path: Path) -> Document | None:
        try:
            return parse_yaml(read_text(path), str(path))
        except DefinitionError as error:
            self._problems.append(DefinitionProblem.of(error, str(path)))
            return None

    def _read(self, source: Source, documents: Mapping[Path, Document]) -> Iterator[_Candidate]:
        match source.kind:
            case Kind.WORKFLOW if source.path in documents:
                yield self._workflow(source.path, documents[source.path])
            case Kind.NAMESPACE if source.path in documents:
                self._add_namespace(documents[source.path])
            case Kind.FOLDER:
                yield self._folder(DiskFolder(source.path))
            case Kind.SCRIPT:
                definition, document = read_script(source.path)
                yield _Candidate(definition=definition, document=document, file=str(source.path))
            case Kind.ZIP:
                for folder in open_zip(source.path):
                    yield from self._guarded(folder)
            case _:
                return

    def _guarded(self, folder: Folder) -> Iterator[_Candidate]:
        """Read one of several folders of a zip file, so that a broken one stops no other."""
        try:
            yield self._folder(folder)
        except DefinitionError as error:
            self._problems.append(DefinitionProblem.of(error, folder.label))

    def _workflow(self, path: Path, document: Document) -> _Candidate:
        folder = DiskFolder(path.parent)
        parsed = read_workflow(document, folder, self._environment_name, self._environ)
        self._notes += parsed.notes
        return _Candidate(
            definition=parsed.definition,
            document=document,
            file=str(path),
            schedules=read_schedules(document, self._environ, parsed.definition),
            module_namespace=parsed.module_namespace,
            step_places=parsed.step_places,
        )

    def _folder(self, folder: Folder) -> _Candidate:
        definition, document, notes = read_folder(folder, self._environ)
        self._notes += notes
        return _Candidate(
            definition=definition,
            document=document,
            file=f"{folder.label}/{MAIN_SCRIPT}",
            test_cases=tuple(self._cases(folder)),
            schedules=read_schedules(document, self._environ, definition),
        )

    def _cases(self, folder: Folder) -> Iterator[TestCase]:
        """Read the test cases; a broken one is a problem of its own and stops nothing."""
        for path in folder.names("tests", ".json"):
            try:
                yield read_case(folder, path)
            except DefinitionError as error:
                self._problems.append(DefinitionProblem.of(error, f"{folder.label}/{path}"))

    def _add_namespace(self, document: Document) -> None:
        name, description = read_namespace(document)
        if name in self._namespaces and self._namespaces[name] != description:
            raise document.error(
                f"the namespace '{name}' is described elsewhere already", ("name",)
            )
        self._namespaces[name] = description

    def _handlers_of(self, candidate: _Candidate) -> tuple[list[str], list[DefinitionProblem]]:
        """Return the name under which each step's handler is found, and those that are not."""
        names: list[str] = []
        problems: list[DefinitionProblem] = []
        for index, step in enumerate(candidate.definition.steps):
            try:
                names.append(self._handler_name(step.handler, candidate.module_namespace))
            except DefinitionError as error:
                problems.append(candidate.problem(error.reason, index, _HANDLER))
        return names, problems

    def _handler_name(self, name: str, module_namespace: str) -> str:
        """Return the name with `module_namespace` before it where that is known, else as it is."""
        qualified = (
            [f"{module_namespace}::{name}", f"{module_namespace}.{name}"]
            if module_namespace
            else []
        )
        for candidate in qualified:
            if candidate in self._handlers.names():
                return candidate
        try:
            self._handlers.resolve(name)
        except DefinitionError:
            if not qualified:
                raise
            self._handlers.resolve(qualified[-1])
            return qualified[-1]
        return name

    def _configuration_problems(
        self, candidate: _Candidate, definition: WorkflowDefinition
    ) -> Iterator[DefinitionProblem]:
        """Yield what the handlers themselves say about their steps' configuration."""
        for index, step in enumerate(definition.steps):
            handler = self._handlers.resolve(step.handler)
            try:
                said = handler.check(step.config, definition.files)
                messages = [said] if isinstance(said, str) else [str(message) for message in said]
            except Exception as error:  # noqa: BLE001  # it is a plugin's code
                messages = [f"'{step.handler}' cannot check it: {type(error).__name__}: {error}"]
            for message in messages:
                yield candidate.problem(message, index, _CONFIG)

    def _keep(self, found: FoundDefinition) -> None:
        definition = found.definition
        other = self._found.setdefault(definition.full_name, found)
        if other is not found:
            reason = f"{definition.full_name} is defined in {other.file} already, which counts"
            self._problems.append(DefinitionProblem(found.file, reason))
            return
        self._keep_schedules(found)
        if definition.uuid is None:
            return
        other = self._uuids.setdefault(definition.uuid, found)
        if _qualified(other.definition) != _qualified(definition):
            del self._found[definition.full_name]
            reason = f"the uuid {definition.uuid} belongs to the workflow in {other.file} already"
            self._problems.append(DefinitionProblem(found.file, reason, place="uuid"))

    def _keep_schedules(self, found: FoundDefinition) -> None:
        """Report names that a schedule of another workflow has; those are left out later."""
        for schedule in found.schedules:
            other = self._schedules.setdefault(str(schedule.spec.name), found)
            if _qualified(other.definition) != _qualified(found.definition):
                reason = (
                    f"the schedule name '{schedule.spec.name}' belongs to one in {other.file} "
                    "already, which counts"
                )
                self._problems.append(DefinitionProblem(found.file, reason, place="schedules"))


def _with_handlers(definition: WorkflowDefinition, names: Sequence[str]) -> WorkflowDefinition:
    if tuple(names) == tuple(step.handler for step in definition.steps):
        return definition
    steps = (replace(s, handler=name) for s, name in zip(definition.steps, names, strict=False))
    return replace(definition, steps=tuple(steps))


def _qualified(definition: WorkflowDefinition) -> str:
    return f"{definition.namespace}.{definition.name}"


def _schema_problems(candidate: _Candidate) -> Iterator[DefinitionProblem]:
    """Yield what is wrong with the schemas of an offered definition; files had theirs checked."""
    schemas = {
        "input_schema": candidate.definition.input_schema,
        "output_schema": candidate.definition.output_schema,
    }
    for name, schema in schemas.items():
        if schema is not None:
            try:
                check_schema(Document(candidate.file, {}), dict(schema), (name,))
            except DefinitionError as error:
                yield DefinitionProblem.of(error, candidate.file)


def _scripts(path: Path, document: Document) -> Iterator[Path]:
    """Yield the scripts that a YAML file names anywhere, so that they are no tasks of their own."""
    open_values: list[Any] = [document.value]
    while open_values:
        value = open_values.pop()
        if isinstance(value, dict):
            script = value.get("script")
            if isinstance(script, str):
                yield (path.parent / script).resolve()
            open_values.extend(value.values())
        elif isinstance(value, list):
            open_values.extend(value)
