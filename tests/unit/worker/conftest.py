"""A drain over a real engine on SQLite; step handlers are functions of the tests."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uuid_utils

from ratchet_core.dispatch import Doorbell, RedisConnection
from ratchet_core.domain.log import LogLimits
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.engine.core import Core
from ratchet_core.engine.engine import Engine
from ratchet_core.engine.execute import Executor
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.engine.work import Assignment, Concluded, DrainInfo, Finished
from ratchet_core.errors import Unavailable
from ratchet_core.sdk import FunctionHandler, HttpRequest, HttpResponse, NetworkFailure, StepContext
from ratchet_core.store.database import Database
from ratchet_core.store.definitions import SnapshotCache
from ratchet_core.store.reads import Reads
from ratchet_core.store.upgrade import upgrade
from ratchet_core.worker.drain import Drain, DrainOptions, Ending
from ratchet_core.worker.mark import Mark
from tests.waiting import wait_for

Answer = TypeVar("Answer")

LOG_LIMITS = LogLimits(line_bytes=1000, lines=10_000, total_bytes=1_000_000, lines_per_s=10_000)


def new_id() -> str:
    return str(uuid_utils.uuid7())


class NoNetwork:
    def request(self, request: HttpRequest) -> HttpResponse:
        raise NetworkFailure(f"no route to {request.url}")


class Table:
    """Step handlers by name."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[StepContext], Any]] = {"quick": lambda _context: 1}

    def resolve(self, name: str) -> FunctionHandler:
        return FunctionHandler(self.functions[name])


class ObservedEngine(Engine):
    """The engine itself, which notes what it was asked and may be told to be away."""

    def __init__(self, core: Core, reads: Reads) -> None:
        super().__init__(core, reads)
        self.calls: list[tuple[str, int]] = []
        self.away: list[str] = []  #: verbs that fail once each
        self.lost: list[str] = []  #: verbs of which one answer each is lost on its way
        self.refused_step: str | None = None  #: ends of this step cannot be stored

    def _note(self, verb: str, count: int) -> None:
        self.calls.append((verb, count))
        self._fail_if_in(self.away, verb)

    def _answer(self, verb: str, answer: Answer) -> Answer:
        self._fail_if_in(self.lost, verb)
        return answer

    @staticmethod
    def _fail_if_in(verbs: list[str], verb: str) -> None:
        if verb in verbs:
            verbs.remove(verb)
            raise Unavailable("the database does not answer; try again")

    def counts(self, verb: str) -> list[int]:
        """Return how many items each call of a verb was about."""
        return [count for called, count in self.calls if called == verb]

    def claim(self, drain_id: str, queues: Sequence[str], limit: int) -> list[Assignment]:
        self._note("claim", limit)
        return self._answer("claim", super().claim(drain_id, queues, limit))

    def conclude(
        self, drain_id: str, finished: Sequence[Finished], *, claim_next: bool = True
    ) -> Concluded:
        self._note("conclude", len(finished))
        if any(
            item.assignment.step.name == self.refused_step and not hasattr(item.outcome, "code")
            for item in finished
        ):
            raise ValueError("this row cannot be stored")
        concluded = super().conclude(drain_id, finished, claim_next=claim_next)
        return self._answer("conclude", concluded)

    def give_back(self, drain_id: str, assignments: Sequence[Assignment]) -> None:
        self._note("give_back", len(assignments))
        super().give_back(drain_id, assignments)

    def note_start(
        self, drain_id: str, assignment: Assignment, attempt_id: str, age_us: int
    ) -> bool:
        self._note("note_start", 1)
        started = super().note_start(drain_id, assignment, attempt_id, age_us)
        return self._answer("note_start", started)

    def still_mine(self, drain_id: str, claims: Sequence[tuple[str, int]]) -> set[str]:
        self._note("still_mine", len(claims))
        return super().still_mine(drain_id, claims)

    def may_start(self, drain_id: str, claims: Sequence[tuple[str, int]]) -> set[str]:
        self._note("may_start", len(claims))
        return super().may_start(drain_id, claims)


@dataclass
class Bench:
    """Everything that one test of a drain needs."""

    engine: ObservedEngine
    reads: Reads
    executor: Executor
    handlers: Table
    mark: Mark = field(default_factory=Mark)

    def define(self, name: str, *steps: StepDefinition, **options: Any) -> None:
        workflow = WorkflowDefinition(name=name, steps=steps, **options)
        self.engine.sync_definitions([workflow], {}, on_change="replace")

    def define_one(self, name: str, **step: Any) -> None:
        self.define(name, StepDefinition(**{"name": name, "handler": name, **step}))

    def submit(self, name: str, count: int = 1, **options: Any) -> list[str]:
        request = SubmitRequest(namespace="default", name=name, **options)
        return self.engine.submit_ids([request] * count)

    def drain(self, **options: Any) -> Drain:
        info = DrainInfo(id=new_id(), host="here", pid=os.getpid(), worker="w", queues=("default",))
        ends_when = options.pop("ends_when", lambda _steps: None)
        return Drain(
            info,
            self.engine,
            self.executor,
            Doorbell(RedisConnection(None), poll_interval_s=0.02),
            mark=self.mark,
            new_id=new_id,
            options=DrainOptions(**{"burst": True, **options}),
            ends_when=ends_when,
        )

    def run(self, **options: Any) -> Ending:
        return self.drain(**options).run()

    def states(self, run_ids: Sequence[str]) -> set[str]:
        return {str(self.reads.run_state(run_id)) for run_id in run_ids}

    def await_states(self, run_ids: Sequence[str], wanted: set[str]) -> None:
        wait_for(lambda: self.states(run_ids) == wanted, f"the runs to be {wanted}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    database = Database(f"sqlite:///{tmp_path / 'ratchet.db'}")
    upgrade(database)
    core = Core(
        database=database,
        new_id=new_id,
        random=random.random,
        ring=lambda _ready: None,
        lease_s=5.0,
    )
    reads = Reads(database, SnapshotCache())
    handlers = Table()
    executor = Executor(handlers, lambda _: NoNetwork(), 300.0, log_limits=LOG_LIMITS)
    yield Bench(ObservedEngine(core, reads), reads, executor, handlers)
    assert [thread.name for thread in threading.enumerate() if thread.name == "flusher"] == []
    database.dispose()
