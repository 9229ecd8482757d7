"""An engine over a real database, and a drain that a test moves by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ratchet_core.domain.outcome import Completed, Failed, Outcome
from ratchet_core.domain.views import RunView
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.engine.core import Core
from ratchet_core.engine.destinations import DestinationRules
from ratchet_core.engine.engine import Engine
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.work import Assignment, Concluded, DrainInfo, Finished
from ratchet_core.hooks import Calls
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.store.database import Database
from ratchet_core.store.reads import Reads

QUEUE = "default"


class House:
    """The engine with what a test needs to move it."""

    def __init__(
        self,
        database: Database,
        *,
        lease_s: float = 30.0,
        calls: Calls | None = None,
        destinations: DestinationRules | None = None,
    ) -> None:
        self.rings: list[dict[str, int]] = []
        self.database = database
        self.core = Core(
            database=database,
            new_id=new_id,
            random=random.Random(7).random,
            ring=lambda ready: self.rings.append(dict(ready)),
            lease_s=lease_s,
            calls=calls or Calls(),
            destinations=destinations or DestinationRules(),
        )
        self.reads = Reads(database, self.core.snapshots)
        self.engine = Engine(self.core, self.reads)

    def define(self, *definitions: WorkflowDefinition) -> None:
        """Store definitions."""
        self.engine.sync_definitions(
            [definition.checked() for definition in definitions], {}, on_change="replace"
        )

    def submit(self, name: str, **options: Any) -> RunView:
        """Submit a run of a workflow in the default namespace."""
        return self.engine.submit(SubmitRequest(namespace="default", name=name, **options)).run

    def drain(self) -> Drain:
        """Open a drain."""
        return Drain(self)

    def states(self, run_id: str) -> dict[str, str]:
        """Return the state of each step."""
        return {step.name: step.state.value for step in self.reads.steps(run_id)}

    def events(self, run_id: str) -> list[str]:
        """Return the names in a run's journal, with the step's name where there is one."""
        return [
            f"{event.name} {event.step}" if event.step else event.name
            for event in self.reads.events(run_id, limit=10_000)
        ]


class Drain:
    """A drain in the hands of a test."""

    def __init__(self, house: House) -> None:
        self.house, self.engine = house, house.engine
        self.id = new_id()
        self.engine.open_drain(
            DrainInfo(id=self.id, host="here", pid=1, worker="test", queues=(QUEUE,))
        )

    def claim(self, limit: int = 100) -> list[Assignment]:
        """Claim ready steps."""
        return self.engine.claim(self.id, (QUEUE,), limit)

    def conclude(
        self, assignments: Sequence[Assignment], outcome: Outcome | None = None, **options: Any
    ) -> Concluded:
        """End all of them in the same way; by default with a result that names the step."""
        return self.engine.conclude(
            self.id, [finished(item, outcome) for item in assignments], **options
        )

    def work_off(
        self, outcomes: Mapping[str, Outcome] | None = None, limit: int = 100
    ) -> list[str]:
        """Claim and conclude until nothing is ready; return the steps as they ended."""
        done: list[str] = []
        following: tuple[Assignment, ...] = ()
        while todo := (following or tuple(self.claim(limit))):
            ends = [finished(item, (outcomes or {}).get(item.step.name)) for item in todo]
            done += [item.step.name for item in todo]
            following = self.engine.conclude(self.id, ends).next
        return done


def finished(assignment: Assignment, outcome: Outcome | None = None) -> Finished:
    """Return the end of an attempt that took 50 µs."""
    result = orjson.dumps({"step": assignment.step.name}).decode()
    return Finished(
        assignment=assignment,
        attempt_id=new_id(),
        outcome=outcome or Completed(result),
        age_us=60,
        duration_us=50,
    )


def failure(message: str = "no", **options: Any) -> Failed:
    """Return a failed outcome."""
    return Failed(error_type=options.pop("error_type", "Error"), message=message, **options)


def workflow(name: str, /, **steps: Any) -> WorkflowDefinition:
    """Make a workflow; each step is given as its parents, or as a mapping of its fields."""
    made = []
    for step, given in steps.items():
        fields = given if isinstance(given, Mapping) else {"depends_on": given}
        parents = tuple(fields.get("depends_on", ()))
        made.append(StepDefinition(name=step, handler="test", **{**fields, "depends_on": parents}))
    return WorkflowDefinition(name=name, steps=tuple(made))
