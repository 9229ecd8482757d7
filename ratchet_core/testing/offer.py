"""What a test hands in, turned into plugins and definitions as Ratchet loads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Final

from ratchet_core.errors import PluginError
from ratchet_core.hooks import GivenPlugin
from ratchet_core.sdk import (
    InputSource,
    OutputDestination,
    PluginServices,
    StepHandler,
    WebhookSource,
    WorkflowDefinition,
    hookimpl,
)
from ratchet_core.sdk.marker import PROJECT

#: A plugin: a module or object with hooks, the name of an installed one, or its entry point.
AnyPlugin = str | EntryPoint | GivenPlugin | object
#: A definition: a value, the text of a YAML workflow, or a file or directory.
AnyDefinition = WorkflowDefinition | str | Path

#: Name of the plugin that offers what a test hands in without a plugin around it.
HANDED_IN: Final = "handed-in"


class HandedIn:
    """A plugin that offers objects which a test made.

    Args:
        handlers: step handlers.
        destinations: kinds of output destinations.
        sources: kinds of input sources.
        definitions: workflows.
    """

    def __init__(
        self,
        handlers: Iterable[StepHandler] = (),
        destinations: Iterable[OutputDestination] = (),
        sources: Iterable[type[InputSource | WebhookSource]] = (),
        definitions: Iterable[WorkflowDefinition] = (),
    ) -> None:
        self._handlers = tuple(handlers)
        self._destinations = tuple(destinations)
        self._sources = tuple(sources)
        self._definitions = tuple(definitions)

    @hookimpl
    def ratchet_register_step_handlers(self, services: PluginServices) -> Sequence[StepHandler]:
        """Offer the step handlers."""
        return self._handlers

    @hookimpl
    def ratchet_register_output_destinations(
        self, services: PluginServices
    ) -> Sequence[OutputDestination]:
        """Offer the kinds of output destinations."""
        return self._destinations

    @hookimpl
    def ratchet_register_input_sources(self) -> Sequence[type[InputSource | WebhookSource]]:
        """Offer the kinds of input sources."""
        return self._sources

    @hookimpl
    def ratchet_register_workflows(self, services: PluginServices) -> Sequence[WorkflowDefinition]:
        """Offer the workflows."""
        return self._definitions


def plugins_of(
    given: Iterable[AnyPlugin] | Mapping[str, object],
) -> Iterator[EntryPoint | GivenPlugin]:
    """Yield plugins as they are loaded.

    Args:
        given: plugins, or objects with hooks by the name that each is to bear.

    Raises:
        PluginError: no plugin of a name is installed.
    """
    if isinstance(given, Mapping):
        yield from (GivenPlugin(name, plugin) for name, plugin in given.items())
        return
    for item in given:
        if isinstance(item, str):
            yield _installed(item)
        elif isinstance(item, EntryPoint | GivenPlugin):
            yield item
        else:
            yield GivenPlugin(_name_of(item), item)


def _installed(name: str) -> EntryPoint:
    installed = entry_points(group=PROJECT)
    for entry in installed:
        if entry.name == name:
            return entry
    known = ", ".join(sorted({entry.name for entry in installed})) or "none"
    raise PluginError(f"no plugin '{name}' is installed; there are: {known}")


def _name_of(plugin: object) -> str:
    """Return the name that the plugin's own entry point bears, or one made of the module's."""
    if not isinstance(plugin, ModuleType):
        return type(plugin).__name__.lower()
    for entry in entry_points(group=PROJECT):
        if entry.value == plugin.__name__:
            return entry.name
    last = plugin.__name__.rpartition(".")[2]
    return last.removeprefix("ratchet_").replace("_", "-")


def split_definitions(
    given: AnyDefinition | Iterable[AnyDefinition], folder: Path
) -> tuple[list[WorkflowDefinition], list[Path]]:
    """Return the definitions that are values, and the places of the others.

    Args:
        given: one definition, or several.
        folder: where texts are written to.
    """
    several = [given] if isinstance(given, WorkflowDefinition | str | Path) else list(given)
    values = [item for item in several if isinstance(item, WorkflowDefinition)]
    places = [item for item in several if isinstance(item, Path)]
    texts = [item for item in several if isinstance(item, str)]
    if texts:
        folder.mkdir(parents=True)
        places.append(folder)
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return values, places
