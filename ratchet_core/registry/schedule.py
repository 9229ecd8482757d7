"""`schedules:` beside a workflow, in YAML and in `metadata.json`: when it runs by itself.

One format for both. The schedules of a file belong to its workflow and run its latest version;
whether they fire, and how they are stored, is the engine's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from ratchet_core.domain.schedule import (
    DEFAULT_CATCHUP,
    MAX_CATCHUP,
    MAX_RUNS,
    Catchup,
    DeclaredSchedule,
    Overlap,
    ScheduleSpec,
)
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import ValidationFailed
from ratchet_core.registry.document import Document
from ratchet_core.registry.fields import Fields, described, nearest
from ratchet_core.registry.schema import InputValidator
from ratchet_core.registry.variables import Variables, without_variables

#: The key that holds them, a list.
KEY: Final = "schedules"
#: Keys of one schedule.
KEYS: Final = (
    "name",
    "description",
    "cron_expression",
    "timezone",
    "input",
    "enabled",
    "priority",
    "catchup",
    "max_catchup",
    "overlap",
    "starts_at",
    "ends_at",
    "max_runs",
    "metadata",
)

Word = TypeVar("Word", bound=StrEnum)


def read_schedules(
    document: Document, environ: Mapping[str, str], definition: WorkflowDefinition
) -> tuple[DeclaredSchedule, ...]:
    """Read the schedules that a file declares for its workflow.

    Args:
        document: the file; a mapping.
        environ: values of `${VAR}`.
        definition: what the file defines.

    Raises:
        DefinitionError: naming file, line and place.
    """
    whole = Fields(document, document.value)
    found: dict[str, DeclaredSchedule] = {}
    items = whole.items(KEY)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise whole.error(f"expected a mapping of keys, found {described(item)}", KEY, index)
        value = Variables(document, environ).expanded(item, (KEY, index))
        fields = Fields(document, without_variables(value), (KEY, index))
        spec = _schedule(fields, definition, is_only=len(items) == 1)
        if str(spec.name) in found:
            raise fields.error(f"the name '{spec.name}' is there twice; give each its own", "name")
        found[str(spec.name)] = DeclaredSchedule(spec, document.file)
    return tuple(found.values())


def _schedule(fields: Fields, definition: WorkflowDefinition, *, is_only: bool) -> ScheduleSpec:
    fields.refuse_unknown(KEYS)
    own = definition.name
    if definition.namespace != "default":
        own = f"{definition.namespace}.{definition.name}"
    name = fields.text("name", own) if is_only else fields.needed_text("name")
    has_priority = fields.value.get("priority") is not None
    has_end = fields.value.get("max_runs") is not None
    spec = ScheduleSpec(
        namespace=definition.namespace,
        workflow=definition.name,
        cron_expression=fields.needed_text("cron_expression"),
        timezone=fields.text("timezone", "UTC"),
        input=fields.value.get("input", {}),
        enabled=fields.flag("enabled", default=True),
        name=name,
        description=fields.text("description"),
        priority=fields.integer("priority", 0, -1_000, 1_000) if has_priority else None,
        metadata=fields.mapping("metadata"),
        catchup=_word(fields, "catchup", Catchup.LATEST),
        max_catchup=fields.integer("max_catchup", DEFAULT_CATCHUP, 1, MAX_CATCHUP),
        overlap=_word(fields, "overlap", Overlap.ALLOW),
        starts_at=_moment(fields, "starts_at"),
        ends_at=_moment(fields, "ends_at"),
        max_runs=fields.integer("max_runs", 1, 1, MAX_RUNS) if has_end else None,
    )
    _check(fields, spec, definition)
    return spec


def _check(fields: Fields, spec: ScheduleSpec, definition: WorkflowDefinition) -> None:
    try:
        spec.checked()
    except ValidationFailed as error:
        key, reasons = next(iter(error.details.items()))
        raise fields.error(reasons[0], key) from None
    if definition.input_schema is None:
        return
    problems = InputValidator(definition.input_schema).check(spec.input, "input")
    if problems:
        place, reasons = next(iter(problems.items()))
        raise fields.error(f"{place}: {reasons[0]} (schema of the workflow)", "input")


def _word(fields: Fields, key: str, default: Word) -> Word:
    kind = type(default)
    text = fields.text(key, default.value)
    try:
        return kind(text)
    except ValueError:
        legal = ", ".join(kind)
        reason = f"{text[:60]!r} is not one of {legal}{nearest(text, kind)}"
        raise fields.error(reason, key) from None


def _moment(fields: Fields, key: str) -> datetime | None:
    text = fields.text(key)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        reason = f"{text[:60]!r} is not a time such as 2026-01-31T09:30:00Z"
        raise fields.error(reason, key) from None
