"""Who could perform a step: drains that serve its queue, and that know its handler."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ratchet_core.domain.views import DrainView
from ratchet_core.domain.workflow import WorkflowDefinition


def serving(drains: Iterable[DrainView], queue: str) -> list[DrainView]:
    """Return the drains that are alive and claim from a queue."""
    return [drain for drain in drains if drain.is_alive and queue in drain.queues]


def is_provided(handler: str, drains: Sequence[DrainView]) -> bool:
    """Tell whether one of the drains knows a step handler, as far as that can be known.

    A dotted path is found out only by a try, and drains of an older version tell no handlers:
    both count as provided.
    """
    if "." in handler or not drains:
        return True
    return any(drain.handlers is None or handler in drain.handlers for drain in drains)


def lacks(workflow: WorkflowDefinition, drains: Iterable[DrainView]) -> list[str]:
    """Return, in sentences, what a new run would lack as things are."""
    workers = serving(drains, workflow.queue)
    if not workers:
        return [f"No worker serves the queue '{workflow.queue}'"]
    return [
        f"No worker of the queue '{workflow.queue}' provides the step handler '{step.handler}' "
        f"that the step '{step.name}' needs"
        for step in workflow.steps
        if not is_provided(step.handler, workers)
    ]
