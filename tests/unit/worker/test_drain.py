"""The drain's loop over a real engine: order, batches, fairness, and what others never lose."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from typing import Any

import pytest

from ratchet_core.domain.workflow import StepDefinition
from ratchet_core.sdk import StepContext
from ratchet_core.worker.drain import Drain, Ending
from ratchet_core.worker.pace import OWN_STEPS
from tests.unit.worker.conftest import Bench
from tests.waiting import wait_for


def quick_steps(length: int) -> list[StepDefinition]:
    return [
        StepDefinition(
            name=f"s{number}",
            handler="quick",
            depends_on=(f"s{number - 1}",) if number else (),
        )
        for number in range(length)
    ]


def takes(seconds: float) -> Any:
    """Return a step function that lets other threads run for a time."""
    return lambda context: threading.Event().wait(seconds)


def test_everything_that_is_ready_is_run_and_stored(bench: Bench) -> None:
    bench.define_one("quick")
    run_ids = bench.submit("quick", 200)

    assert bench.run() is Ending.DRAINED
    assert bench.states(run_ids) == {"completed"}


def test_results_of_short_steps_share_transactions(bench: Bench) -> None:
    bench.define_one("quick")
    bench.submit("quick", 300)
    bench.run()

    assert sum(bench.engine.counts("conclude")) == 300
    assert len(bench.engine.counts("conclude")) < 100


def test_a_chain_costs_one_transaction_a_step(bench: Bench) -> None:
    bench.define("chain", *quick_steps(20))
    run_ids = bench.submit("chain")
    bench.run()

    assert bench.states(run_ids) == {"completed"}
    assert bench.engine.counts("conclude") == [1] * 20


def test_a_long_chain_goes_back_to_the_queue_for_others(bench: Bench) -> None:
    order: list[str] = []
    bench.handlers.functions["noted"] = lambda context: order.append(context.run.workflow)
    steps = [
        StepDefinition(
            name=f"s{number}",
            handler="noted",
            depends_on=(f"s{number - 1}",) if number else (),
        )
        for number in range(3 * OWN_STEPS)
    ]
    bench.define("long", *steps)
    bench.define("short", StepDefinition(name="only", handler="noted"))
    bench.submit("long")
    bench.define_one("submits", handler="submits")
    bench.handlers.functions["submits"] = takes(0)

    def submit_short(context: StepContext) -> None:
        order.append(context.run.workflow)
        if context.step.name == "s0":
            bench.submit("short")

    bench.handlers.functions["noted"] = submit_short
    bench.run()

    assert len(order) == 3 * OWN_STEPS + 1
    assert order.index("short") <= OWN_STEPS + 1


def test_unknown_kinds_are_tried_in_small_batches_that_grow(bench: Bench) -> None:
    bench.define_one("quick")
    bench.submit("quick", 300)
    bench.run()

    limits = bench.engine.counts("claim")
    assert limits[0] == 10
    assert max(limits) > 10


def test_a_slow_step_holds_up_neither_results_nor_claims(bench: Bench) -> None:
    seen: dict[str, Any] = {}
    bench.define_one("quick")
    bench.define_one("slow")
    before = bench.submit("quick", 3)
    [slow] = bench.submit("slow")
    after = bench.submit("quick", 3)

    def look(context: StepContext) -> None:
        wait_for(lambda: bench.states(before) == {"completed"}, "the results behind it")
        wait_for(lambda: bench.engine.counts("give_back") == [3], "the claims before it")
        wait_for(lambda: bench.states([slow]) == {"running"}, "its own start")
        seen["after"] = bench.states(after)

    bench.handlers.functions["slow"] = look
    bench.run()

    assert seen == {"after": {"pending"}}
    assert bench.states([*before, slow, *after]) == {"completed"}


def test_steps_of_a_cancelled_run_are_not_started(bench: Bench) -> None:
    bench.define_one("quick")
    bench.define_one("cancels", handler="cancels")
    started: list[str] = []
    bench.submit("cancels")
    [victim] = bench.submit("quick")

    def cancel(context: StepContext) -> None:
        bench.engine.cancel(victim, "tester")
        takes(0.004)(context)

    bench.handlers.functions["cancels"] = cancel
    bench.handlers.functions["quick"] = lambda context: started.append(context.run.id)
    bench.run()

    assert started == []
    assert bench.states([victim]) == {"cancelled"}


def test_steps_of_a_paused_run_are_not_started_and_go_back_into_the_pause(bench: Bench) -> None:
    bench.define_one("quick")
    bench.define_one("pauses", handler="pauses")
    started: list[str] = []
    bench.submit("pauses")
    [held] = bench.submit("quick")

    def pause(context: StepContext) -> None:
        bench.engine.pause(held, "tester")
        takes(0.004)(context)

    bench.handlers.functions["pauses"] = pause
    bench.handlers.functions["quick"] = lambda context: started.append(context.run.id)
    bench.run()
    before = list(started)
    bench.engine.resume(held, "tester")
    bench.run()

    assert before == []
    assert bench.engine.counts("give_back") == [1]
    assert started == [held]
    assert bench.states([held]) == {"completed"}


def test_one_look_serves_many_starts(bench: Bench) -> None:
    bench.define_one("quick")
    bench.submit("quick", 300)
    bench.run()

    assert len(bench.engine.counts("may_start")) < 150


def test_a_cancelled_slow_step_hears_of_it(bench: Bench) -> None:
    bench.define_one("slow")
    [run_id] = bench.submit("slow")
    heard: list[bool] = []

    def cancel_itself(context: StepContext) -> None:
        bench.engine.cancel(context.run.id, "tester")
        heard.append(context.stop.wait(5.0))

    bench.handlers.functions["slow"] = cancel_itself
    bench.run()

    assert heard == [True]
    assert bench.states([run_id]) == {"cancelled"}


def test_an_immediate_step_is_stored_before_and_right_after_it_ran(bench: Bench) -> None:
    bench.define_one("pay", commit="immediate")
    bench.define_one("quick")
    bench.submit("quick", 2)
    [paid] = bench.submit("pay")
    bench.submit("quick", 2)
    states: list[set[str]] = []
    bench.handlers.functions["pay"] = lambda context: states.append(bench.states([paid]))
    bench.run()
    calls = [call for call in bench.engine.calls if call[0] in {"note_start", "conclude"}]

    assert states == [{"running"}]
    assert calls[calls.index(("note_start", 1)) + 1] == ("conclude", 1)


def test_an_end_that_cannot_be_stored_fails_its_own_step_only(bench: Bench) -> None:
    bench.define_one("quick")
    bench.define_one("odd", handler="quick", retryable=False)
    bench.engine.refused_step = "odd"
    innocents = bench.submit("quick", 4)
    [odd] = bench.submit("odd")
    innocents += bench.submit("quick", 4)
    bench.run()

    assert bench.states(innocents) == {"completed"}
    error = bench.reads.run(odd).error
    assert error is not None
    assert error.code == "RESULT_NOT_STORED"


@pytest.mark.parametrize("verb", ["claim", "conclude", "may_start", "give_back", "note_start"])
def test_a_database_that_is_away_for_a_moment_loses_nothing(bench: Bench, verb: str) -> None:
    bench.define_one("quick")
    bench.define_one("slow", handler="slow")
    bench.handlers.functions["slow"] = takes(0.06)
    run_ids = bench.submit("quick", 5) + bench.submit("slow") + bench.submit("quick", 5)
    bench.engine.away = [verb]

    assert bench.run() is Ending.DRAINED
    assert bench.states(run_ids) == {"completed"}


def test_a_drain_whose_lease_was_lost_stops_and_applies_nothing(bench: Bench) -> None:
    bench.define_one("slow")
    [run_id] = bench.submit("slow")
    drain = bench.drain(heartbeat_s=0.05)

    def lose_lease(context: StepContext) -> None:
        if context.attempt == 1:
            bench.engine.release_dead(drain._info.id, None, "taken over in a test")
            assert context.stop.wait(5.0)

    bench.handlers.functions["slow"] = lose_lease

    assert drain.run() is Ending.LEASE_LOST
    assert bench.states([run_id]) != {"completed"}


def test_asked_to_end_it_finishes_the_step_and_gives_the_rest_back(bench: Bench) -> None:
    bench.define_one("asks")
    bench.define_one("quick")
    run_ids = bench.submit("asks")
    rest = bench.submit("quick", 5)
    drains: list[Drain] = []
    bench.handlers.functions["asks"] = lambda context: drains[0].ask_to_end()
    drains.append(bench.drain(burst=False))

    assert drains[0].run() is Ending.ASKED
    assert bench.states(run_ids) == {"completed"}
    assert bench.states(rest) == {"pending"}
    assert bench.run() is Ending.DRAINED
    assert bench.states(rest) == {"completed"}


def test_a_lingering_drain_ends_when_there_is_a_reason(bench: Bench) -> None:
    asked: list[int] = []

    def reason(steps: int) -> Ending | None:
        asked.append(steps)
        return Ending.SUSPENDED if len(asked) > 2 else None

    assert bench.run(burst=False, look_s=0.05, ends_when=reason) is Ending.SUSPENDED


def test_a_lingering_drain_finds_new_work_without_redis(bench: Bench) -> None:
    bench.define_one("quick")
    submitted: list[str] = []
    looks = itertools.count()

    def reason(_steps: int) -> Ending | None:
        if next(looks) == 0:
            return None  # the claim that follows finds nothing
        if not submitted:
            submitted.extend(bench.submit("quick", 3))
            return None
        return Ending.ASKED if bench.states(submitted) == {"completed"} else None

    assert bench.run(burst=False, look_s=0.05, ends_when=reason) is Ending.ASKED


def test_a_back_off_that_ends_is_run_again(bench: Bench) -> None:
    attempts: list[int] = []

    def fail_once(context: StepContext) -> str:
        attempts.append(context.attempt)
        if context.attempt == 1:
            raise ConnectionError("not yet")
        return "now"

    bench.handlers.functions["shaky"] = fail_once
    bench.define_one("shaky")
    [run_id] = bench.submit("shaky")
    done = lambda _steps: Ending.ASKED if bench.states([run_id]) == {"completed"} else None  # noqa: E731

    assert bench.run(burst=False, look_s=0.05, ends_when=done) is Ending.ASKED
    assert attempts == [1, 2]


def test_the_mark_names_the_step_that_runs_and_no_other(bench: Bench) -> None:
    bench.define_one("looks", timeout_s=7.0)
    seen: list[Any] = []
    bench.handlers.functions["looks"] = lambda context: seen.append(
        (bench.mark.read(), context.step.id)
    )
    bench.submit("looks")
    bench.run()

    [(step, step_id)] = seen
    assert step.step_id == step_id
    assert step.deadline - step.started == pytest.approx(7.0)
    assert bench.mark.read() is None


def test_a_slow_step_rests_while_the_flusher_writes(bench: Bench) -> None:
    """What the step does between two bytecodes never falls into a transaction."""
    bench.define_one("slow")
    bench.submit("slow")
    is_writing = threading.Event()
    caught: list[bool] = []
    note_start = bench.engine.note_start

    def slow_note(*args: Any) -> bool:
        is_writing.set()
        threading.Event().wait(0.05)
        stored = note_start(*args)
        is_writing.clear()
        return stored

    bench.engine.note_start = slow_note  # type: ignore[method-assign,assignment]

    def burn(context: StepContext) -> None:
        while not (stored := bench.engine.counts("note_start")):
            caught.append(is_writing.is_set())
        assert stored

    bench.handlers.functions["slow"] = burn
    bench.run()

    assert caught.count(True) <= 1


def test_the_signal_of_the_pause_is_given_back(bench: Bench) -> None:
    before = signal.getsignal(signal.SIGURG)
    bench.run()

    assert signal.getsignal(signal.SIGURG) == before


def test_a_drain_may_run_in_any_thread(bench: Bench) -> None:
    bench.define_one("slow")
    bench.handlers.functions["slow"] = takes(0.05)
    run_ids = bench.submit("slow")
    thread = threading.Thread(target=bench.run)
    thread.start()
    thread.join(20.0)

    assert bench.states(run_ids) == {"completed"}
    assert os.getpid()
