"""Tasker's YAML: one file defines one version of a workflow (decisions.md section 8).

Only `name` and `step_templates` are required. Steps are read by `tasker_step`; whether a
`handler_class` exists is checked by `loader`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import Document, Place
from ratchet_core.registry.fields import Fields, described, nearest
from ratchet_core.registry.folder import Folder
from ratchet_core.registry.found import DefinitionProblem
from ratchet_core.registry.option import read_destinations
from ratchet_core.registry.ratchet_directory import read_uuid
from ratchet_core.registry.schema import check_schema
from ratchet_core.registry.tasker_step import (
    STEP_KEYS,
    Template,
    check_parents,
    overlaid,
    read_scripts,
    read_step,
)
from ratchet_core.registry.variables import Variables, without_variables

#: Version of a workflow whose file names none.
FIRST_VERSION: Final = "0.1.0"

#: Keys of the file.
KEYS: Final = (
    "name",
    "namespace_name",
    "version",
    "module_namespace",
    "task_handler_class",
    "description",
    "concurrent",
    "default_dependent_system",
    "named_steps",
    "schema",
    "output_schema",
    "output_step",
    "output_destinations",
    "queue",
    "priority",
    "timeout_s",
    "uuid",
    "label",
    "tags",
    "configuration",
    "handler_config",
    "schedules",
    "step_templates",
    "environments",
)
_SCHEMAS: Final = ("schema", "output_schema")
#: Kept with the definition as they are.
_ATTRIBUTES: Final = (
    "label",
    "tags",
    "task_handler_class",
    "module_namespace",
    "configuration",
    "handler_config",
)


@dataclass(frozen=True, slots=True)
class ParsedWorkflow:
    """A definition as its file says; whether its handlers exist is not known yet."""

    definition: WorkflowDefinition  #: checked, handlers named as written
    module_namespace: str  #: put before a `handler_class` where that is known
    notes: tuple[DefinitionProblem, ...]  #: accepted without effect
    #: place of each step's `handler_class` and `handler_config`, which an overlay may have moved
    step_places: tuple[tuple[Place, Place], ...]


def read_workflow(
    document: Document, folder: Folder, environment_name: str, environ: Mapping[str, str]
) -> ParsedWorkflow:
    """Read a parsed YAML file.

    Args:
        document: the file.
        folder: where it lies; scripts are read from there.
        environment_name: which of `environments` counts.
        environ: values of `${VAR}`.

    Raises:
        DefinitionError: naming file, line and place.
    """
    raw = Fields(document, document.value)
    raw.refuse_unknown(KEYS)
    for key in ("name", "step_templates"):
        if key not in raw.value:
            raise document.error(f"the key '{key}' is missing")
    fields = Fields(document, _expanded(document, Variables(document, environ)))
    templates = _templates(document, fields)
    names = tuple(template.fields(document).needed_text("name") for template in templates)
    templates = _with_overlays(raw, templates, names, environment_name, environ)
    readers = [template.fields(document) for template in templates]
    system = fields.text("default_dependent_system") or "unknown"
    steps = [read_step(reader, system) for reader in readers]
    _check_steps(fields, readers, steps, names)
    files: dict[str, str] = {}
    for reader, step in zip(readers, steps, strict=True):
        files.update(read_scripts(reader, step, folder))
    return ParsedWorkflow(
        _checked(_definition(fields, steps, files), document),
        fields.text("module_namespace"),
        tuple(_notes(fields)),
        tuple((r.place_of("handler_class"), r.place_of("handler_config")) for r in readers),
    )


def read_namespace(document: Document) -> tuple[str, str]:
    """Read a `namespace.yaml`: the name and the description of a namespace.

    Raises:
        DefinitionError: naming file, line and place.
    """
    fields = Fields(document, document.value)
    fields.refuse_unknown(("name", "description"))
    return fields.needed_text("name"), fields.text("description")


def _expanded(document: Document, variables: Variables) -> dict[str, Any]:
    """Replace variables everywhere but in schemas, other environments and destinations.

    A destination's variables are often secrets: they are checked here and looked up when
    something is delivered, so that no secret is stored with the definition.
    """
    expanded: dict[str, Any] = {}
    for key, value in document.value.items():
        if key == "output_destinations":
            variables.check(value, (key,))
        if key in {*_SCHEMAS, "environments", "output_destinations", "schedules"}:
            expanded[key] = without_variables(value)
        else:
            expanded[key] = variables.expanded(value, (key,))
    return expanded


def _templates(document: Document, fields: Fields) -> list[Template]:
    found = []
    for index, item in enumerate(fields.items("step_templates")):
        if not isinstance(item, dict):
            reason = f"expected a step template, found {described(item)}"
            raise fields.error(reason, "step_templates", index)
        found.append(Template(item, ("step_templates", index), {}))
        found[-1].fields(document).refuse_unknown(STEP_KEYS)
    if not found:
        raise fields.error("a workflow needs at least one step", "step_templates")
    return found


def _with_overlays(
    raw: Fields,
    templates: list[Template],
    names: tuple[str, ...],
    environment_name: str,
    environ: Mapping[str, str],
) -> list[Template]:
    """Check the overlays of every environment and apply the chosen one."""
    document = raw.document
    result = dict(zip(names, templates, strict=True))
    for environment, value in raw.mapping("environments").items():
        place: Place = ("environments", environment)
        one = Fields(document, {} if value is None else value, place)
        one.refuse_unknown(("step_templates",))
        for index, item in enumerate(one.items("step_templates")):
            where = (*place, "step_templates", index)
            overlay = Fields(document, item, where)
            overlay.refuse_unknown(STEP_KEYS)
            name = overlay.needed_text("name")
            if name not in result:
                raise overlay.error(f"there is no step '{name}'{nearest(name, names)}", "name")
            if environment == environment_name:
                changes = Variables(document, environ).expanded(item, where)
                result[name] = overlaid(result[name], changes, where)
    # a step name that is there twice is reported by the check of the whole
    return [result[name] for name in names] if len(result) == len(names) else templates


def _check_steps(
    fields: Fields,
    readers: Sequence[Fields],
    steps: Sequence[StepDefinition],
    names: tuple[str, ...],
) -> None:
    named = fields.texts("named_steps")
    for reader, step in zip(readers, steps, strict=True):
        check_parents(reader, step, names)
        if named and step.name not in named:
            reason = f"'{step.name}' is not among the named_steps{nearest(step.name, named)}"
            raise reader.error(reason, "name")
    output_step = fields.text("output_step")
    if output_step and output_step not in names:
        reason = f"there is no step '{output_step}'{nearest(output_step, names)}"
        raise fields.error(reason, "output_step")


def _definition(
    fields: Fields, steps: Sequence[StepDefinition], files: Mapping[str, str]
) -> WorkflowDefinition:
    for key in _SCHEMAS:
        if fields.value.get(key) is not None:
            check_schema(fields.document, fields.value[key], (key,))
    return WorkflowDefinition(
        name=fields.needed_text("name"),
        namespace=fields.text("namespace_name") or "default",
        version=fields.version(FIRST_VERSION),
        description=fields.text("description"),
        steps=tuple(steps),
        input_schema=fields.value.get("schema"),
        output_schema=fields.value.get("output_schema"),
        output_step=fields.text("output_step") or None,
        timeout_s=fields.duration_s("timeout_s"),
        queue=fields.text("queue") or "default",
        priority=fields.integer("priority", 0, -1_000, 1_000),
        uuid=read_uuid(fields),
        files=files,
        output_destinations=read_destinations(fields),
        attributes=_attributes(fields),
    )


def _checked(definition: WorkflowDefinition, document: Document) -> WorkflowDefinition:
    """Check the definition as a whole, with places in this format's words."""
    try:
        return definition.checked()
    except DefinitionError as error:
        if error.place == "namespace":
            error.place = "namespace_name"
        raise document.located(error) from None


def _attributes(fields: Fields) -> dict[str, Any]:
    fields.texts("tags")
    for key in ("label", "task_handler_class", "module_namespace"):
        fields.text(key)
    return {key: fields.value[key] for key in _ATTRIBUTES if fields.value.get(key) is not None}


def _notes(fields: Fields) -> list[DefinitionProblem]:
    """Return what is accepted without an effect."""
    if fields.flag("concurrent", default=True):
        return []
    reason = "accepted, no effect: steps run side by side unless depends_on_step orders them"
    return [DefinitionProblem.of(fields.error(reason, "concurrent"), fields.document.file)]
