"""Claims, tokens, leases and losses: who holds a step, and what a late or dead one may do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from ratchet_core.domain.query import AttemptQuery, Window
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import single_step
from ratchet_core.store.claims import backlog
from ratchet_core.store.database import Database
from tests.contract.engine_house import Drain, House, failure, workflow


def claimed_ids(drain: Drain, limit: int) -> list[str]:
    return [item.step_id for item in drain.claim(limit)]


def test_a_claim_takes_as_many_as_asked_for_and_no_step_twice(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(25):
        house.submit("one")
    one, two = house.drain(), house.drain()

    first, second = claimed_ids(one, 10), claimed_ids(two, 100)

    assert len(first) == 10
    assert len(second) == 15
    assert not set(first) & set(second)


def test_many_drains_at_once_share_the_steps(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(200):
        house.submit("one")
    drains = [house.drain() for _ in range(6)]
    start = threading.Barrier(len(drains))

    def take(drain: Drain) -> list[str]:
        start.wait()
        taken: list[str] = []
        while batch := claimed_ids(drain, 7):
            taken += batch
        return taken

    with ThreadPoolExecutor(len(drains)) as pool:
        taken = [step for part in pool.map(take, drains) for step in part]

    assert len(taken) == len(set(taken)) == 200


def test_higher_priority_is_claimed_first_then_the_older(house: House) -> None:
    house.define(single_step("one", "test"))
    runs = [house.submit("one", priority=priority) for priority in (0, 5, 0, -1, 5)]

    order = [item.run_id for item in house.drain().claim()]

    assert order == [runs[index].id for index in (1, 4, 0, 2, 3)]


def test_a_result_under_an_old_token_is_stale_and_changes_nothing(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one")
    zombie, heir = house.drain(), house.drain()
    held = zombie.claim()
    house.engine.release_dead(zombie.id, None, "gone")
    again = heir.claim()

    late = zombie.conclude(held)
    kept = heir.conclude(again, failure(retryable=False))

    assert (late.stale, kept.stale) == (1, 0)
    assert house.reads.run(run.id).state is RunState.FAILED
    assert "attempt.stale one" in house.events(run.id)


def test_the_same_result_twice_is_applied_once(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one")
    drain = house.drain()
    held = drain.claim()

    first, second = drain.conclude(held), drain.conclude(held)

    assert (first.stale, second.stale) == (0, 1)
    assert house.events(run.id).count("step.completed one") == 1
    assert house.reads.attempts(AttemptQuery(run_id=run.id), Window()).total == 1


def test_only_the_marked_step_of_a_dead_drain_gets_a_lost_attempt(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(50):
        house.submit("one")
    dead = house.drain()
    held = dead.claim()
    poison = held[20]

    house.engine.release_dead(dead.id, (poison.step_id, poison.token), "killed by signal 9")

    attempts = house.reads.attempts(AttemptQuery(), Window())
    assert attempts.total == 1
    assert attempts.items[0].error is not None
    assert attempts.items[0].error.type == "WorkerLost"
    assert house.reads.steps(poison.run_id)[0].attempts == 1
    assert house.reads.steps(held[0].run_id)[0].attempts == 0


def test_a_step_that_was_lost_is_claimed_alone_from_then_on(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(10):
        house.submit("one")
    dead, heir = house.drain(), house.drain()
    poison = dead.claim()[3]
    house.engine.release_dead(dead.id, (poison.step_id, poison.token), "died")
    batches = []

    while batch := heir.claim():
        batches.append([item.step_id for item in batch])
        heir.conclude(batch)

    assert [poison.step_id] in batches
    assert sorted(map(len, batches)) == [1, 9]


def test_a_step_interrupted_twice_is_claimed_alone(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(3):
        house.submit("one")
    for _ in range(2):
        dead = house.drain()
        dead.claim()
        house.engine.release_dead(dead.id, None, "died")

    assert len(house.drain().claim()) == 1


def test_a_lost_step_runs_again_though_it_is_not_retryable_up_to_its_budget(house: House) -> None:
    house.define(single_step("one", "test", step={"retryable": False, "retry_limit": 0}))
    run = house.submit("one")
    for _ in range(3):
        drain = house.drain()
        [held] = drain.claim()
        house.engine.release_dead(drain.id, (held.step_id, held.token), "died")

    ended = house.reads.run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.attempt) == ("WORKER_LOST", 3)


def test_a_step_that_is_unsafe_to_repeat_ends_with_its_outcome_unknown(house: House) -> None:
    step = {"commit": "immediate", "retryable": False}
    house.define(single_step("one", "test", step=step))
    run = house.submit("one")
    drain = house.drain()
    [held] = drain.claim()
    house.engine.note_start(drain.id, held, house.core.new_id(), 0)

    house.engine.release_dead(drain.id, None, "died")

    ended = house.reads.run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert ended.error.code == "OUTCOME_UNKNOWN"
    assert "outcome unknown" in ended.error.message


def test_a_noted_start_shows_and_its_end_is_written_to_the_same_attempt(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    drain = house.drain()
    [held] = drain.claim()
    attempt_id = house.core.new_id()

    noted = house.engine.note_start(drain.id, held, attempt_id, 30_000)

    assert noted
    running = house.reads.run(run.id)
    step = house.reads.steps(run.id)[0]
    assert running.state is RunState.RUNNING
    assert (step.state.value, step.attempts) == ("running", 1)
    assert house.reads.attempt(attempt_id).state.value == "running"
    assert house.reads.attempt(attempt_id).duration_ms is None
    drain.conclude([held])
    ended = house.reads.attempts(AttemptQuery(run_id=run.id), Window())
    assert [(item.id, item.state.value) for item in ended.items] == [(attempt_id, "completed")]
    assert house.reads.steps(run.id)[0].attempts == 1


def test_unstarted_claims_go_back_uncounted(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one")
    drain, heir = house.drain(), house.drain()

    drain.engine.give_back(drain.id, drain.claim())

    [held] = heir.claim()
    assert (held.attempt, held.alone) == (1, False)
    assert house.reads.steps(run.id)[0].attempts == 0


def test_closing_a_drain_gives_back_what_it_holds(house: House) -> None:
    house.define(single_step("one", "test"))
    house.submit("one")
    drain = house.drain()
    drain.claim()

    house.engine.close_drain(drain.id)

    assert len(house.drain().claim()) == 1


def test_the_reaper_takes_over_only_from_drains_whose_lease_ran_out(database: Database) -> None:
    house = House(database, lease_s=600)
    house.define(single_step("one", "test"))
    for _ in range(2):
        house.submit("one")
    alive, silent = house.drain(), house.drain()
    alive.claim(1)
    [held] = silent.claim(1)
    with database.write() as tx:
        tx.execute(text("UPDATE drains SET lease_until = 0 WHERE id = :id"), {"id": silent.id})

    ready = house.engine.reap()

    assert ready == {"default": 1}
    assert not house.engine.renew_drain(silent.id)
    assert house.engine.renew_drain(alive.id)
    assert house.engine.still_mine(silent.id, [(held.step_id, held.token)]) == set()
    assert [item.step_id for item in house.drain().claim()] == [held.step_id]


def test_a_step_started_by_a_reaped_drain_counts_as_lost(database: Database) -> None:
    house = House(database)
    house.define(single_step("one", "test"))
    run = house.submit("one")
    drain = house.drain()
    [held] = drain.claim()
    house.engine.note_start(drain.id, held, house.core.new_id(), 0)
    with database.write() as tx:
        tx.execute(text("UPDATE drains SET lease_until = 0"))

    house.engine.reap()

    assert house.reads.steps(run.id)[0].attempts == 1
    assert house.events(run.id)[-1] == "run.retrying"


@pytest.mark.parametrize("limit", [1, 50])
def test_conclusions_of_one_run_by_many_drains_never_lose_a_count(house: House, limit: int) -> None:
    children: dict[str, list[str]] = {f"c{index}": [] for index in range(200)}
    house.define(workflow("wide", **children, join=list(children)))
    run = house.submit("wide")
    drains = [house.drain() for _ in range(4)]

    with ThreadPoolExecutor(len(drains)) as pool:
        done = [
            step for part in pool.map(lambda d: d.work_off(limit=limit), drains) for step in part
        ]

    assert sorted(done) == sorted([*children, "join"])
    assert house.reads.run(run.id).state is RunState.COMPLETED


def test_what_waits_is_counted_and_its_age_known(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(3):
        house.submit("one")

    with house.database.read() as tx:
        [waiting] = backlog(tx)

    assert house.engine.ready_count(("default", "other")) == 3
    assert (waiting.queue, waiting.ready) == ("default", 3)
    assert 0 <= waiting.oldest_age_s < 60
    assert house.engine.has_ready(("default",))
    assert not house.engine.has_ready(("other",))
