"""A drain whose database has done what it was asked, and whose answer was lost on its way.

What was claimed without the drain's knowledge goes back and runs; what was stored is not stored
again; nothing waits for the drain to end.
"""

from __future__ import annotations

import threading

import pytest

from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.sdk import StepContext
from ratchet_core.worker.drain import Ending
from tests.unit.worker.conftest import Bench


@pytest.fixture
def calls(bench: Bench) -> list[str]:
    """Return the runs and steps that were called; the handler `noted` writes them down."""
    noted: list[str] = []

    def note(context: StepContext) -> None:
        noted.append(f"{context.run.id} {context.step.name}")

    bench.handlers.functions["noted"] = note
    return noted


def events(bench: Bench, run_id: str) -> list[str]:
    return [event.name for event in bench.reads.events(run_id)]


@pytest.mark.parametrize("count", [1, 5])
def test_steps_that_were_claimed_unknown_to_the_drain_go_back_and_run(
    bench: Bench, calls: list[str], count: int
) -> None:
    bench.define_one("noted")
    run_ids = bench.submit("noted", count)
    bench.engine.lost = ["claim"]

    assert bench.run() is Ending.DRAINED

    assert bench.states(run_ids) == {"completed"}
    assert len(calls) == len(set(calls)) == count


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_chain_goes_on_after_an_end_whose_answer_was_lost(
    bench: Bench, calls: list[str], lost: int
) -> None:
    names = ["a", "b", "c"]
    bench.define(
        "chain",
        *(
            StepDefinition(name=name, handler="noted", depends_on=tuple(names[:place][-1:]))
            for place, name in enumerate(names)
        ),
    )
    [run_id] = bench.submit("chain")
    bench.engine.lost = ["conclude"] * lost

    assert bench.run() is Ending.DRAINED

    assert bench.states([run_id]) == {"completed"}
    assert calls == [f"{run_id} {name}" for name in names]
    told = events(bench, run_id)
    assert told.count("step.completed") == 3
    assert "attempt.stale" not in told


def test_a_failure_whose_answer_was_lost_counts_once(bench: Bench) -> None:
    def fail(_context: StepContext) -> None:
        raise ValueError("no")

    bench.handlers.functions["fail"] = fail
    bench.define("fails", StepDefinition(name="only", handler="fail", retryable=False))
    [run_id] = bench.submit("fails")
    bench.engine.lost = ["conclude"]

    bench.run()

    assert bench.states([run_id]) == {"failed"}
    assert events(bench, run_id).count("step.failed") == 1
    assert "attempt.stale" not in events(bench, run_id)


def test_a_step_unsafe_to_repeat_runs_once_where_the_answer_to_its_start_was_lost(
    bench: Bench, calls: list[str]
) -> None:
    bench.define_one("noted", commit="immediate")
    [run_id] = bench.submit("noted")
    bench.engine.lost = ["note_start"]

    bench.run()

    assert bench.states([run_id]) == {"completed"}
    assert calls == [f"{run_id} noted"]
    assert events(bench, run_id).count("step.started") == 1


def test_a_slow_step_is_not_stopped_because_the_answer_to_its_start_was_lost(bench: Bench) -> None:
    stopped: list[bool] = []

    def wait(context: StepContext) -> None:
        stopped.append(context.stop.wait(0.3))

    bench.handlers.functions["slow"] = wait
    bench.define_one("slow")
    run_ids = bench.submit("slow")
    bench.engine.lost = ["note_start"]

    bench.run()

    assert stopped == [False]
    assert bench.states(run_ids) == {"completed"}


def test_a_drain_that_lingers_finds_what_it_claimed_without_knowing(
    bench: Bench, calls: list[str]
) -> None:
    """Nobody rings for it, and nobody else may claim it."""
    bench.define_one("noted")
    drain = bench.drain(burst=False)
    working = threading.Thread(target=drain.run)
    bench.engine.lost = ["claim"]
    run_ids = bench.submit("noted")
    working.start()
    try:
        bench.await_states(run_ids, {"completed"})
    finally:
        drain.ask_to_end()
        working.join(20)

    assert len(calls) == 1
