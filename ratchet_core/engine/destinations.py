"""Where outputs go: the configured destinations, and finding the one that a delivery is for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ratchet_core.domain.delivery import (
    DeliveryPolicy,
    Destination,
    Origin,
    read_destinations,
    shown_options,
)
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.errors import RatchetError, ValidationFailed
from ratchet_core.redaction import redact

#: Returns what is wrong with a destination's options, one sentence each.
CheckDestination = Callable[[Destination], Sequence[str]]


def accept_any(_destination: Destination) -> Sequence[str]:
    """Find nothing wrong, where no plugin can be asked."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRules:
    """What the configuration says about outputs."""

    everywhere: tuple[Destination, ...] = ()  #: global destinations, in their order
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)  #: where none is named
    timeout_s: float = 30.0  #: for one attempt, where a destination names none
    check: CheckDestination = accept_any  #: by the plugin of its kind
    #: puts the environment's values in place of `${VAR}`, in what a workflow's author wrote
    expand: Callable[[Any], Any] = lambda value: value
    #: the options of a kind that hold secrets, as its plugin says
    secret_options: Callable[[str], Collection[str]] = lambda _kind: ()

    def must_deliver(self, workflow: WorkflowDefinition, asked: Sequence[Any]) -> bool:
        """Tell whether the end of a run may have to be delivered anywhere."""
        return bool(self.everywhere or workflow.output_destinations or asked)

    def shown(self, items: Sequence[Any]) -> list[Any]:
        """Return destinations that a run or schedule names as anybody may see them."""
        return [self._shown(item) for item in items]

    def _shown(self, item: Any) -> Any:
        if not isinstance(item, Mapping):
            return redact(item)
        if "destination" in item:
            rest = shown_options(item, ())
            inner = item["destination"]
            is_readable = isinstance(inner, Mapping) and "destination" not in inner
            return {**rest, "destination": self._shown(inner) if is_readable else redact(inner)}
        return shown_options(item, self.secret_options(str(item.get("type"))))

    def checked(self, items: Sequence[Mapping[str, Any]]) -> tuple[Destination, ...]:
        """Read and check the destinations that a run names.

        Raises:
            ValidationFailed: names each place that is wrong.
        """
        found = read_destinations(items, Origin.RUN)
        problems = {f"output_destinations[{one.place}]": list(self.check(one)) for one in found}
        problems = {place: wrong for place, wrong in problems.items() if wrong}
        if problems:
            raise ValidationFailed("The output destinations are not valid", problems)
        return found

    def of_run(self, workflow: WorkflowDefinition, named: str | None) -> tuple[Destination, ...]:
        """Return every destination of a run: global, its workflow's, its own.

        Args:
            workflow: of the run.
            named: JSON of what the run itself names.
        """
        own = orjson.loads(named) if named else ()
        return (
            *self.everywhere,
            *_readable(workflow.output_destinations, Origin.WORKFLOW),
            *_readable(own, Origin.RUN),
        )

    def find(
        self, workflow: WorkflowDefinition, named: str | None, origin: str, name: str
    ) -> Destination | None:
        """Return a destination as it is today, ready to use; None where it is gone.

        A global one that was renamed is gone; `${VAR}` in a workflow's is looked up now, and a
        run's is taken as it stands, since whoever may run may not read the environment.
        """
        for one in self.of_run(workflow, named):
            if (one.origin, one.name) == (origin, name):
                if one.origin is Origin.WORKFLOW:
                    return replace(one, options=self.expand(one.options))
                return one
        return None


def _readable(items: Sequence[Mapping[str, Any]], origin: Origin) -> tuple[Destination, ...]:
    """Read destinations that were stored; one bad list must not keep the others from delivery."""
    try:
        return read_destinations(items, origin)
    except RatchetError:
        return ()
