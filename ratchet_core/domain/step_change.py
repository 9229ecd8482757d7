"""What an operator changes in the definition of one step of one run.

The definition itself stays as it is: the changes are kept with the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from ratchet_core.domain.workflow import StepDefinition

#: Fields of a step's definition that may be changed for one run.
CHANGEABLE: Final = frozenset({"retryable", "retry_limit", "config"})
#: Highest number of attempts that an operator can ask for.
MAX_RETRY_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChange:
    """What an operator asks for; what is absent stays."""

    fields: Mapping[str, Any]  #: of CHANGEABLE, to their new values
    sets_input: bool = False  #: `input` is meant
    input: Mapping[str, Any] | None = None  #: the step's own; None: that of the run again


def merged(changes: str | None, fields: Mapping[str, Any]) -> str | None:
    """Return earlier changes and new ones as JSON text; None where there are none."""
    whole = {**(orjson.loads(changes) if changes else {}), **fields}
    return orjson.dumps(whole).decode() if whole else None


def changed(step: StepDefinition, changes: str | None) -> StepDefinition:
    """Return a step's definition with the stored changes applied."""
    return step if changes is None else replace(step, **orjson.loads(changes))
