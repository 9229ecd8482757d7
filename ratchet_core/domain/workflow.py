"""The definition of a workflow: a DAG of step definitions, schemas and options.

A definition is a value. Its document form (`to_document`, `from_document`) is what the database
keeps as the snapshot of a version; files of every format are turned into it by `registry`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal

from ratchet_core.domain.graph import children_of, execution_order, find_cycle
from ratchet_core.domain.retry import Backoff
from ratchet_core.domain.version import is_version
from ratchet_core.errors import DefinitionError

JsonObject = Mapping[str, Any]

_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9_])?", re.ASCII)
#: Longest name of a namespace, workflow or step.
MAX_NAME: Final = 128
#: Most steps one workflow may have.
MAX_STEPS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomEvent:
    """An event that a step may publish itself."""

    name: str  #: `namespace.name`, such as `payment.gateway.charged`
    description: str = ""  #: what it tells


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDefinition:
    """One node of a workflow."""

    name: str  #: unique in its workflow
    handler: str  #: registered name or dotted path, as the author wrote it
    description: str = ""  #: for people
    config: JsonObject = field(
        default_factory=dict
    )  #: `handler_config`, read by the step handler alone
    depends_on: tuple[str, ...] = ()  #: parents, the first one first
    retryable: bool = True  #: a failed attempt may be tried again
    retry_limit: int = 3  #: highest number of attempts; 0 and 1 both mean one
    backoff: Backoff = field(default_factory=Backoff)  #: how long a retry waits
    timeout_s: float | None = None  #: per attempt; None leaves it to the configuration
    skippable: bool = False  #: may be bypassed, and its final failure does not fail the run
    custom_events: tuple[CustomEvent, ...] = ()  #: events it may publish
    commit: Literal["group", "immediate"] = "group"  #: `immediate`: unsafe to repeat
    dependent_system: str = "unknown"  #: label of the outside system it talks to

    @property
    def attempt_limit(self) -> int:
        """Highest number of attempts, never less than one (decisions.md section 8)."""
        return max(1, self.retry_limit) if self.retryable else 1


@dataclass(frozen=True, kw_only=True)
class WorkflowDefinition:
    """A workflow version as a value."""

    name: str  #: unique in its namespace
    namespace: str = "default"  #: `default` unless named
    version: str = "0.1.0"  #: semantic version
    description: str = ""  #: for people
    steps: tuple[StepDefinition, ...]  #: at least one, in definition order
    input_schema: JsonObject | None = None  #: JSON Schema of a run's input
    output_schema: JsonObject | None = None  #: JSON Schema of a run's result
    output_step: str | None = None  #: whose result is the run's result
    timeout_s: float | None = None  #: default for steps that name none
    queue: str = "default"  #: which drains may claim its steps
    priority: int = 0  #: default of its runs; higher is sooner
    uuid: str | None = None  #: identity chosen by the author, one per workflow
    files: Mapping[str, str] = field(
        default_factory=dict
    )  #: relative path to text of the scripts that steps need
    output_destinations: tuple[JsonObject, ...] = ()  #: where results go besides the global ones
    attributes: JsonObject = field(
        default_factory=dict
    )  #: label, tags and whatever else the author wrote

    @property
    def full_name(self) -> str:
        """`namespace.name@version` (decisions.md section 2)."""
        return f"{self.namespace}.{self.name}@{self.version}"

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """Each step to its parents, in definition order."""
        return {step.name: step.depends_on for step in self.steps}

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Each step to its children, in definition order."""
        return children_of(self.parents)

    @cached_property
    def order(self) -> list[str]:
        """The steps in an order that respects every edge."""
        return execution_order(self.parents)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Each step's index in `steps`."""
        return {step.name: index for index, step in enumerate(self.steps)}

    @cached_property
    def leaves(self) -> list[str]:
        """The steps without children, in definition order."""
        return [name for name, children in self.children.items() if not children]

    @cached_property
    def result_step(self) -> str | None:
        """The one step whose result is the run's; None where every leaf counts."""
        if self.output_step is not None:
            return self.output_step
        return self.leaves[0] if len(self.leaves) == 1 else None

    def step(self, name: str) -> StepDefinition:
        """Return the step of that name; KeyError when there is none."""
        return self.steps[self.positions[name]]

    def checked(self) -> WorkflowDefinition:
        """Return itself when it is sound.

        Raises:
            DefinitionError: naming the place and what is wrong there.
        """
        _check_names(self)
        _check_steps(self)
        cycle = find_cycle(self.parents)
        if cycle is not None:
            reason = f"the steps form a cycle: {' -> '.join(cycle)}; remove one of these edges"
            raise DefinitionError(reason, place="step_templates")
        return self

    def to_document(self) -> dict[str, Any]:
        """Return the definition as JSON values, for the database's snapshot."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "steps": [_step_document(step) for step in self.steps],
            "input_schema": self.input_schema,
            "output_schema": self.output_schema,
            "output_step": self.output_step,
            "timeout_s": self.timeout_s,
            "queue": self.queue,
            "priority": self.priority,
            "uuid": self.uuid,
            "files": dict(self.files),
            "output_destinations": [dict(item) for item in self.output_destinations],
            "attributes": dict(self.attributes),
        }


def from_document(document: Mapping[str, Any]) -> WorkflowDefinition:
    """Rebuild a definition from its document form."""
    fields = dict(document)
    fields["steps"] = tuple(_step_from_document(step) for step in document["steps"])
    fields["output_destinations"] = tuple(document["output_destinations"])
    return WorkflowDefinition(**fields)


def single_step(name: str, handler: str, **options: Any) -> WorkflowDefinition:
    """Return a workflow of one step that bears the workflow's name.

    Args:
        name: of the workflow and of its step.
        handler: of the step.
        options: fields of the workflow; `step` may hold a mapping of fields of the step.
    """
    step = StepDefinition(name=name, handler=handler, **options.pop("step", {}))
    return WorkflowDefinition(name=name, steps=(step,), **options)


def renamed(definition: WorkflowDefinition, **changes: Any) -> WorkflowDefinition:
    """Return a copy with some fields changed."""
    return replace(definition, **changes)


def _step_document(step: StepDefinition) -> dict[str, Any]:
    return {
        "name": step.name,
        "handler": step.handler,
        "description": step.description,
        "config": dict(step.config),
        "depends_on": list(step.depends_on),
        "retryable": step.retryable,
        "retry_limit": step.retry_limit,
        "backoff": step.backoff.to_document(),
        "timeout_s": step.timeout_s,
        "skippable": step.skippable,
        "custom_events": [
            {"name": event.name, "description": event.description} for event in step.custom_events
        ],
        "commit": step.commit,
        "dependent_system": step.dependent_system,
    }


def _step_from_document(document: Mapping[str, Any]) -> StepDefinition:
    fields = dict(document)
    fields["depends_on"] = tuple(document["depends_on"])
    fields["backoff"] = Backoff.from_document(document["backoff"])
    fields["custom_events"] = tuple(CustomEvent(**event) for event in document["custom_events"])
    return StepDefinition(**fields)


def is_name(text: str) -> bool:
    """Tell whether `text` may name a namespace, a workflow or a step."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def _check_names(workflow: WorkflowDefinition) -> None:
    rule = f"letters, digits, '_', '-', '.' and ':', at most {MAX_NAME} characters"
    for place, text in (("namespace", workflow.namespace), ("name", workflow.name)):
        if not is_name(text):
            raise DefinitionError(f"{text!r} is not a valid name: use {rule}", place=place)
    if "." in workflow.namespace:
        reason = f"{workflow.namespace!r} contains a '.', which separates namespace and name"
        raise DefinitionError(reason, place="namespace")
    if not is_version(workflow.version):
        reason = f"{workflow.version!r} is not a semantic version such as 1.0.0"
        raise DefinitionError(reason, place="version")
    for index, step in enumerate(workflow.steps):
        if not is_name(step.name):
            reason = f"{step.name!r} is not a valid step name: use {rule}"
            raise DefinitionError(reason, place=f"step_templates[{index}].name")


def _check_steps(workflow: WorkflowDefinition) -> None:
    if not workflow.steps:
        raise DefinitionError("a workflow needs at least one step", place="step_templates")
    if len(workflow.steps) > MAX_STEPS:
        reason = f"{len(workflow.steps)} steps are more than {MAX_STEPS}"
        raise DefinitionError(reason, place="step_templates")
    seen: set[str] = set()
    for index, step in enumerate(workflow.steps):
        place = f"step_templates[{index}]"
        if step.name in seen:
            reason = f"the step name '{step.name}' is used twice; each step needs its own"
            raise DefinitionError(reason, place=f"{place}.name")
        seen.add(step.name)
    for index, step in enumerate(workflow.steps):
        _check_step(workflow, step, f"step_templates[{index}]", seen)
    if workflow.output_step is not None and workflow.output_step not in seen:
        reason = f"there is no step '{workflow.output_step}'; known: {', '.join(sorted(seen))}"
        raise DefinitionError(reason, place="output_step")


def _check_step(
    workflow: WorkflowDefinition, step: StepDefinition, place: str, names: set[str]
) -> None:
    if not step.handler:
        raise DefinitionError("a step needs a handler_class", place=f"{place}.handler_class")
    for parent in step.depends_on:
        if parent not in names:
            reason = f"step '{step.name}' depends on '{parent}', which does not exist"
            raise DefinitionError(reason, place=f"{place}.depends_on_step")
    if len(set(step.depends_on)) != len(step.depends_on):
        reason = f"step '{step.name}' names the same parent twice"
        raise DefinitionError(reason, place=f"{place}.depends_on_steps")
    if step.retry_limit < 0:
        reason = f"{step.retry_limit} is negative; 0 and 1 mean one attempt"
        raise DefinitionError(reason, place=f"{place}.default_retry_limit")
    for timeout_s in (step.timeout_s, workflow.timeout_s):
        if timeout_s is not None and not 0 < timeout_s <= 30 * 86_400:
            reason = f"{timeout_s} is no timeout; use seconds above 0 and up to 30 days"
            raise DefinitionError(reason, place=f"{place}.timeout_s")
