"""What every verb needs, made once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ratchet_core.engine.admission import Admission
from ratchet_core.engine.destinations import DestinationRules
from ratchet_core.hooks import Calls
from ratchet_core.store.database import Database
from ratchet_core.store.definitions import SnapshotCache
from ratchet_core.telemetry.tracing import NO_TRACING, Tracing

#: Tells that steps became ready: queue to how many.
Ring = Callable[[Mapping[str, int]], None]


class Notify(Protocol):
    """Tells that the journal has grown."""

    def __call__(self, *, ended: bool = True) -> None:
        """Tell it; `ended` is False where no run has ended and nothing is to be delivered."""


def tell_nobody(*, ended: bool = True) -> None:
    """Stand in for a `Notify` where nobody follows the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that verbs share."""

    database: Database  #: the truth
    new_id: Callable[[], str]  #: makes UUIDv7 texts
    random: Callable[[], float]  #: uniform in 0 to 1
    ring: Ring  #: the doorbell; a hint, never raises
    notify: Notify = tell_nobody  #: for followers of the journal; a hint, quick, never raises
    lease_s: float = 30.0  #: how long a drain may be silent
    destinations: DestinationRules = field(default_factory=DestinationRules)  #: of outputs
    admission: Admission = field(default_factory=Admission)  #: may refuse new runs
    validate_schemas: bool = True  #: check inputs and results against their schemas
    snapshots: SnapshotCache = field(default_factory=SnapshotCache)  #: parsed definitions
    calls: Calls = field(default_factory=Calls)  #: hooks of plugins; called outside transactions
    tracing: Tracing = NO_TRACING  #: spans of what is submitted; runs keep which one made them
