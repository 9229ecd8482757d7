"""One step template of a Tasker YAML file, with what an environment's overlay changes in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import Document, Place
from ratchet_core.registry.fields import Fields, nearest
from ratchet_core.registry.folder import Folder
from ratchet_core.registry.option import (
    TIMEOUT_KEYS,
    read_backoff,
    read_commit,
    read_custom_events,
    read_timeout_s,
)
from ratchet_core.registry.ratchet_directory import SCRIPT_HANDLER, read_library

#: Keys of a step template (Tasker's; the last three are ours).
STEP_KEYS: Final = (
    "name",
    "description",
    "dependent_system",
    "handler_class",
    "handler_config",
    "depends_on_step",
    "depends_on_steps",
    "default_retryable",
    "default_retry_limit",
    "skippable",
    "custom_events",
    "commit",
    "timeout_s",
    "backoff",
)


@dataclass(frozen=True, slots=True)
class Template:
    """A step template before it is read: its mapping, and where each key stands."""

    value: dict[str, Any]  #: variables replaced
    place: Place  #: of the mapping
    moved: Mapping[str, Place]  #: keys that an overlay set, to the place of the overlay's mapping

    def fields(self, document: Document) -> Fields:
        """Return a reader of the template."""
        return Fields(document, self.value, self.place, self.moved)


def overlaid(base: Template, overlay: Mapping[str, Any], place: Place) -> Template:
    """Return the template with an overlay's keys; mappings are merged key by key, all the way."""
    moved = {key: place for key in overlay if key != "name"}
    return Template(_merged(base.value, overlay), base.place, moved)


def _merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both and isinstance(old, dict) else value
    return merged


def read_step(fields: Fields, default_system: str) -> StepDefinition:
    """Read one step template.

    Args:
        fields: of the template.
        default_system: the workflow's `default_dependent_system`.

    Raises:
        DefinitionError: an unknown key, a wrong type, a value out of range.
    """
    fields.refuse_unknown(STEP_KEYS)
    name = fields.needed_text("name")
    config = Fields(
        fields.document, fields.mapping("handler_config"), fields.place_of("handler_config")
    )
    return StepDefinition(
        name=name,
        handler=fields.needed_text("handler_class"),
        description=fields.text("description") or name,
        # a limit that the step takes over is not the handler's to see, let alone to refuse
        config={key: item for key, item in config.value.items() if key not in TIMEOUT_KEYS},
        depends_on=_parents(fields),
        retryable=fields.flag("default_retryable", default=True),
        retry_limit=fields.integer("default_retry_limit", 3, 0, 1_000),
        backoff=read_backoff(fields),
        timeout_s=read_timeout_s(fields, config),
        skippable=fields.flag("skippable", default=False),
        custom_events=read_custom_events(fields),
        commit=read_commit(fields),
        dependent_system=fields.text("dependent_system") or default_system,
    )


def _parents(fields: Fields) -> tuple[str, ...]:
    """Return the union of `depends_on_step` and `depends_on_steps`, the single one first."""
    single = fields.value.get("depends_on_step")
    if isinstance(single, list):
        raise fields.error("one name stands here; use depends_on_steps", "depends_on_step")
    several = fields.texts("depends_on_steps")
    if len(set(several)) != len(several):
        raise fields.error("a parent is there twice", "depends_on_steps")
    first = fields.text("depends_on_step")
    return tuple(dict.fromkeys((*((first,) if first else ()), *several)))


def check_parents(fields: Fields, step: StepDefinition, names: tuple[str, ...]) -> None:
    """Refuse a parent that is no step, at the key that names it."""
    for parent in step.depends_on:
        if parent not in names:
            is_single = fields.value.get("depends_on_step") == parent
            key = "depends_on_step" if is_single else "depends_on_steps"
            rest = (
                ()
                if is_single
                else (step.depends_on.index(parent) - bool(fields.text("depends_on_step")),)
            )
            reason = f"step '{step.name}' depends on '{parent}', which does not exist"
            raise fields.error(reason + nearest(parent, names), key, *rest)


def read_scripts(fields: Fields, step: StepDefinition, folder: Folder) -> dict[str, str]:
    """Return the script of a script step and its library, by path relative to the YAML file.

    Raises:
        DefinitionError: the script is missing, or outside of the folder of the YAML file.
    """
    if step.handler != SCRIPT_HANDLER or "script" not in step.config:
        return {}
    config = Fields(fields.document, dict(step.config), fields.place_of("handler_config"))
    script = config.needed_text("script")
    path = PurePosixPath(script)
    if path.is_absolute() or ".." in path.parts or "\\" in script or str(path) != script:
        reason = f"{script!r} must be a plain relative path below the folder of this file"
        raise config.error(reason, "script")
    if not folder.has(script):
        raise config.error(f"there is no file {script!r} beside this file", "script")
    try:
        below = "" if str(path.parent) == "." else str(path.parent)
        return {script: folder.read(script), **read_library(folder, below)}
    except DefinitionError as error:
        raise config.error(f"{error.file}: {error.reason}", "script") from None
