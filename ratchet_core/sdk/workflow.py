"""A workflow written in Python: functions as steps, edges by name.

    report = workflow("daily_report", namespace="reports", version="1.0.0")

    @report.step()
    def collect(context):
        return {"rows": 3}

    @report.step(depends_on="collect", retry_limit=5)
    def summarise(context):
        return {"total": context.results["collect"]["rows"]}

In a `*_steps.py` of `RATCHET_PATH` that is all; a plugin returns `report.definition()` from
`ratchet_register_workflows`. The functions must stand at the top level of an importable module:
a worker finds them by their dotted path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.sdk.handler import FunctionHandler, StepFunction


class WorkflowBuilder:
    """Collects the steps of one workflow; made by `workflow`."""

    def __init__(self, name: str, **options: Any) -> None:
        self._name = name
        self._options = options
        self._steps: list[StepDefinition] = []

    def step(
        self,
        name: str | None = None,
        *,
        depends_on: str | Sequence[str] = (),
        **options: Any,
    ) -> Callable[[StepFunction], FunctionHandler]:
        """Make a step of the function below; the function can still be called.

        Args:
            name: of the step; that of the function by default.
            depends_on: names of the steps whose results it needs, one or several.
            options: fields of `StepDefinition`, such as `retry_limit`, `timeout_s`, `skippable`.
        """
        parents = (depends_on,) if isinstance(depends_on, str) else tuple(depends_on)

        def add(function: StepFunction) -> FunctionHandler:
            handler = FunctionHandler(function)
            own_name = name or function.__name__
            description = (function.__doc__ or own_name).strip().split("\n", maxsplit=1)[0]
            self._steps.append(
                StepDefinition(
                    **{"description": description, **options},
                    name=own_name,
                    handler=handler.registered_name,
                    depends_on=parents,
                )
            )
            return handler

        return add

    def definition(self) -> WorkflowDefinition:
        """Return the workflow with the steps added so far.

        Raises:
            DefinitionError: a cycle, a missing parent, a name used twice.
        """
        definition = WorkflowDefinition(**self._options, name=self._name, steps=tuple(self._steps))
        return definition.checked()


def workflow(name: str, **options: Any) -> WorkflowBuilder:
    """Begin a workflow.

    Args:
        name: unique in its namespace.
        options: fields of `WorkflowDefinition` besides `steps`, such as `namespace`, `version`,
            `description`, `input_schema`, `output_step`.
    """
    return WorkflowBuilder(name, **options)
