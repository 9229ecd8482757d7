"""What changed between two versions of a workflow, and which version number that asks for.

Weights are those of semantic versions: who calls the workflow or reads its runs must change
something (major), can do more than before (minor), or notices nothing (patch).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ratchet_core.domain.schema_change import refusals, without_annotations
from ratchet_core.domain.version import Version
from ratchet_core.domain.workflow import JsonObject, StepDefinition, WorkflowDefinition


class Weight(IntEnum):
    """How much a change asks of those who use the workflow."""

    NONE = 0  #: nothing has changed
    PATCH = 1  #: they notice nothing but, at best, that it works better
    MINOR = 2  #: what they did goes on; there is more
    MAJOR = 3  #: what they did may be refused or mean something else


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions."""

    weight: Weight
    place: str  #: such as `input.city` or `steps.charge_card`
    message: str  #: what is different there


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of a workflow side by side."""

    old: str  #: full name
    new: str  #: full name
    changes: tuple[Change, ...]  #: heaviest first
    asked: Weight  #: how much the version has to be raised for these changes
    raised: Weight  #: how much it was; NONE where it is not higher at all

    @property
    def is_compatible(self) -> bool:
        """Whether the new version number says what has changed."""
        return self.raised is not Weight.NONE and self.raised >= self.asked


def compare(old: WorkflowDefinition, new: WorkflowDefinition) -> Comparison:
    """Compare two versions of one workflow, the older one first."""
    changes = sorted(_changes(old, new), key=lambda change: -change.weight)
    heaviest = changes[0].weight if changes else Weight.NONE
    return Comparison(
        old=old.full_name,
        new=new.full_name,
        changes=tuple(changes),
        asked=_asked(heaviest, Version(old.version)),
        raised=_raised(Version(old.version), Version(new.version)),
    )


def _asked(heaviest: Weight, old: Version) -> Weight:
    """Before 1.0.0 the second number stands for the first (semver.org, item 4, as it is used)."""
    if old.release[0] == 0 and heaviest > Weight.PATCH:
        return Weight(heaviest - 1)
    return heaviest


def _raised(old: Version, new: Version) -> Weight:
    if not old < new:
        return Weight.NONE
    pairs = zip(old.release, new.release, (Weight.MAJOR, Weight.MINOR, Weight.PATCH), strict=True)
    # From a pre-release to its release everything may change.
    return next((weight for before, after, weight in pairs if before != after), Weight.MAJOR)


def _changes(old: WorkflowDefinition, new: WorkflowDefinition) -> Iterator[Change]:
    yield from _input(old.input_schema, new.input_schema)
    yield from _output(old.output_schema, new.output_schema)
    yield from _result(old, new)
    yield from _steps(old, new)
    if old.uuid and old.uuid != new.uuid:
        message = f"the workflow's identity is {new.uuid} now, was {old.uuid}"
        yield Change(Weight.MAJOR, "uuid", message)
    for name in ("description", "timeout_s", "queue", "priority", "output_destinations", "files"):
        if getattr(old, name) != getattr(new, name):
            yield Change(Weight.PATCH, name, "is different")
    if old.attributes != new.attributes:
        yield Change(Weight.PATCH, "attributes", "label, tags or other words are different")


def _input(old: JsonObject | None, new: JsonObject | None) -> Iterator[Change]:
    found = [Change(Weight.MAJOR, *item) for item in refusals(old, new, "input", undeclared=False)]
    yield from found
    if not found:
        yield from _loosened("input", old, new, "more is accepted, or described")


def _output(old: JsonObject | None, new: JsonObject | None) -> Iterator[Change]:
    # Who reads a result is the one that must accept what the new version gives.
    found = [
        Change(Weight.MAJOR, place, f"results may not be what they were: {what}, as it was before")
        for place, what in refusals(new, old, "output", undeclared=True)
    ]
    yield from found
    if not found:
        yield from _loosened("output", old, new, "more is promised, or described")


def _loosened(
    place: str, old: JsonObject | None, new: JsonObject | None, message: str
) -> Iterator[Change]:
    if without_annotations(old) != without_annotations(new):
        yield Change(Weight.MINOR, place, message)
    elif old != new:
        yield Change(Weight.PATCH, place, "the schema has other words")


def _result(old: WorkflowDefinition, new: WorkflowDefinition) -> Iterator[Change]:
    if old.result_step == new.result_step:
        return
    # Only a step or a schema that is named promises a result.
    is_promised = old.output_step is not None or old.output_schema is not None
    before, after = (step or "all last steps" for step in (old.result_step, new.result_step))
    yield Change(
        Weight.MAJOR if is_promised else Weight.MINOR,
        "output_step",
        f"a run's result is that of {after} now, was that of {before}",
    )


def _steps(old: WorkflowDefinition, new: WorkflowDefinition) -> Iterator[Change]:
    for step in old.steps:
        if step.name not in new.positions:
            message = "the step is gone; who reads its result or settles it by name finds nothing"
            yield Change(Weight.MAJOR, f"steps.{step.name}", message)
        else:
            yield from _step(step, new.step(step.name))
    for step in new.steps:
        if step.name not in old.positions:
            yield Change(Weight.MINOR, f"steps.{step.name}", "the step is new")


def _step(old: StepDefinition, new: StepDefinition) -> Iterator[Change]:
    place = f"steps.{old.name}"
    if old.skippable and not new.skippable:
        yield Change(Weight.MAJOR, place, "may no longer be bypassed, and its failure fails a run")
    if new.skippable and not old.skippable:
        yield Change(Weight.MINOR, place, "may be bypassed")
    if set(old.depends_on) != set(new.depends_on):
        after = ", ".join(new.depends_on) or "no step"
        yield Change(Weight.MINOR, place, f"runs after {after} now")
    events = {event.name for event in old.custom_events}
    later = {event.name for event in new.custom_events}
    for name in sorted(events - later):
        yield Change(Weight.MAJOR, place, f"no longer publishes {name}")
    for name in sorted(later - events):
        yield Change(Weight.MINOR, place, f"publishes {name}")
    for name in (
        "handler",
        "config",
        "description",
        "retryable",
        "retry_limit",
        "backoff",
        "timeout_s",
        "commit",
        "dependent_system",
    ):
        if getattr(old, name) != getattr(new, name):
            yield Change(Weight.PATCH, f"{place}.{name}", "is different")
