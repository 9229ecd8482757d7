"""Pause and resume of runs, queues and workflows, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import single_step
from ratchet_core.errors import Conflict, RunNotFound, ValidationFailed, WorkflowNotFound
from ratchet_core.store.schema import runs
from tests.contract.engine_house import QUEUE, House, failure, workflow


def counters(house: House, run_id: str) -> tuple[int, int]:
    """Return what the run itself counts as active and as in back-off."""
    with house.database.read() as tx:
        row = tx.execute(select(runs).where(runs.c.id == run_id)).one()
    return row.steps_active, row.steps_backoff


def test_nothing_of_a_paused_run_starts_until_it_is_resumed(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")

    paused = house.engine.pause(run.id, "me")

    assert (paused.state, paused.waiting_for) == (RunState.PAUSED, "resume")
    assert house.drain().claim() == []
    assert not house.engine.has_ready((QUEUE,))
    assert house.states(run.id) == {"a": "paused", "b": "pending"}
    house.rings.clear()
    resumed = house.engine.resume(run.id, "me")
    assert (resumed.state, resumed.waiting_for) == (RunState.PENDING, None)
    assert house.rings == [{QUEUE: 1}]
    assert house.drain().work_off() == ["a", "b"]
    assert house.reads.run(run.id).state is RunState.COMPLETED
    assert [name for name in house.events(run.id) if "paus" in name or "resum" in name] == [
        "run.paused",
        "run.resumed",
    ]


def test_a_step_that_runs_through_a_pause_counts_and_frees_no_child(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], c=["a"]))
    run = house.submit("w")
    drain = house.drain()
    held = drain.claim()
    house.engine.note_start(drain.id, held[0], house.core.new_id(), 0)
    house.engine.pause(run.id, "me")

    concluded = drain.conclude(held)

    assert (concluded.stale, concluded.next, concluded.ready) == (0, (), {})
    assert house.states(run.id) == {"a": "completed", "b": "paused", "c": "paused"}
    assert house.reads.run(run.id).state is RunState.PAUSED
    assert counters(house, run.id) == (2, 0)
    assert house.engine.resume(run.id, "me").state is RunState.RUNNING
    assert drain.work_off() == ["b", "c"]
    assert house.reads.run(run.id).state is RunState.COMPLETED


def test_what_was_claimed_and_not_started_goes_back_into_the_pause(house: House) -> None:
    house.define(workflow("w", a=[], b=[]))
    run = house.submit("w")
    drain = house.drain()
    held = drain.claim()
    house.engine.pause(run.id, "me")

    house.engine.give_back(drain.id, held)

    assert set(house.states(run.id).values()) == {"paused"}
    assert drain.claim() == []
    house.engine.resume(run.id, "me")
    assert sorted(drain.work_off()) == ["a", "b"]


def test_a_paused_run_whose_last_step_ends_has_come_to_its_end(house: House) -> None:
    house.define(single_step("one", "test"))
    good, bad = house.submit("one"), house.submit("one")
    drain = house.drain()
    held = {item.run_id: item for item in drain.claim()}
    for run in (good, bad):
        house.engine.pause(run.id, "me")

    drain.conclude([held[good.id]])
    drain.conclude([held[bad.id]], failure(retryable=False))

    assert house.reads.run(good.id).state is RunState.COMPLETED
    ended = house.reads.run(bad.id)
    assert (ended.state, ended.waiting_for) == (RunState.FAILED, None)


def test_a_back_off_goes_on_through_a_pause(house: House) -> None:
    slow = {"retry_limit": 3, "depends_on": []}
    house.define(workflow("w", a=slow, b=[]))
    run = house.submit("w")
    drain = house.drain()
    by_name = {item.step.name: item for item in drain.claim()}
    drain.conclude([by_name["a"]], failure(retry_after_s=300))
    house.engine.pause(run.id, "me")
    assert house.states(run.id)["a"] == "paused"
    assert counters(house, run.id) == (2, 0)

    drain.conclude([by_name["b"]])

    assert house.reads.run(run.id).state is RunState.PAUSED
    assert house.engine.resume(run.id, "me").state is RunState.RETRYING
    assert house.states(run.id) == {"a": "backoff", "b": "completed"}
    assert counters(house, run.id) == (0, 1)


def test_a_failure_in_a_paused_run_backs_off_into_the_pause(house: House) -> None:
    house.define(workflow("w", a={"retry_limit": 3, "depends_on": []}))
    run = house.submit("w")
    drain = house.drain()
    held = drain.claim()
    house.engine.pause(run.id, "me")

    drain.conclude(held, failure(retry_after_s=300))

    assert house.states(run.id) == {"a": "paused"}
    assert counters(house, run.id) == (1, 0)
    assert house.reads.run(run.id).retries == 1
    assert house.engine.resume(run.id, "me").state is RunState.RETRYING


def test_a_run_that_waits_for_its_time_waits_on_after_a_pause(house: House) -> None:
    house.define(single_step("one", "test"))
    now = house.submit("one").created_at
    run = house.submit("one", scheduled_for=now.replace(year=now.year + 1))
    house.engine.pause(run.id, "me")

    resumed = house.engine.resume(run.id, "me")

    assert resumed.state is RunState.PENDING
    assert set(house.states(run.id).values()) == {"backoff"}


def test_a_paused_run_can_be_cancelled_and_what_ended_cannot_be_paused(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one")
    house.engine.pause(run.id, "me")
    house.engine.pause(run.id, "me")

    assert house.engine.cancel(run.id, "me").state is RunState.CANCELLED

    assert house.events(run.id).count("run.paused") == 1
    assert set(house.states(run.id).values()) == {"cancelled"}
    for verb in (house.engine.pause, house.engine.resume):
        with pytest.raises(Conflict, match="is cancelled"):
            verb(run.id, "me")
        with pytest.raises(RunNotFound):
            verb("no-such-run", "me")
    with pytest.raises(Conflict, match="is pending"):
        house.engine.resume(house.submit("one").id, "me")


def test_a_lost_drain_gives_back_into_the_pause(house: House) -> None:
    house.define(workflow("w", a=[], b=[]))
    run = house.submit("w")
    drain = house.drain()
    held = drain.claim()
    house.engine.pause(run.id, "me")

    ready = house.engine.release_dead(drain.id, (held[0].step_id, held[0].token), "it died")

    assert ready == {}
    assert set(house.states(run.id).values()) == {"paused"}
    house.engine.resume(run.id, "me")
    assert [event for event in house.events(run.id) if event.startswith("step.retry")]


def test_nothing_is_claimed_from_a_paused_queue(house: House) -> None:
    house.define(single_step("one", "test"), single_step("other", "test", queue="slow"))
    run, other = house.submit("one"), house.submit("other")
    drain = house.drain()

    assert house.engine.pause_queue("slow", "me")

    assert not house.engine.pause_queue("slow", "me")
    queues = (QUEUE, "slow")
    claimed = house.engine.claim(drain.id, queues, 10)
    assert [item.run_id for item in claimed] == [run.id]
    assert house.engine.claim(drain.id, queues, 10) == []
    assert not house.engine.has_ready(queues)
    assert house.engine.ready_count(queues) == 0
    assert house.engine.resume_queue("slow")
    assert not house.engine.resume_queue("slow")
    assert house.rings[-1] == {"slow": 1}
    assert [item.run_id for item in house.engine.claim(drain.id, queues, 10)] == [other.id]


@pytest.mark.parametrize("queue", ["", "x" * 65, "a\nb"])
def test_a_queue_that_cannot_be_is_refused_by_name(house: House, queue: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        house.engine.pause_queue(queue, "me")
    assert list(refused.value.details) == ["queue"]
    with pytest.raises(ValidationFailed) as refused:
        house.engine.resume_queue(queue)
    assert list(refused.value.details) == ["queue"]


def paused_runs(house: House) -> int:
    query = RunQuery(states=(RunState.PAUSED,))
    return house.reads.runs(query, Window(limit=1)).total


def test_runs_of_a_paused_workflow_step_aside_and_go_on_when_it_is_resumed(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]), single_step("one", "test"))
    drain = house.drain()
    early = house.submit("w")
    held = drain.claim()
    assert house.engine.pause_workflow("default", "w", "me")
    assert not house.engine.pause_workflow("default", "w", "me")
    late = [house.submit("w").id for _ in range(30)]
    other = house.submit("one")
    drain.conclude(held, claim_next=False)

    claimed = drain.claim(7)

    assert [item.run_id for item in claimed] == [other.id]
    assert paused_runs(house) == 31
    assert house.reads.run(early.id).waiting_for == "resume of its workflow"
    assert not house.engine.has_ready((QUEUE,))
    drain.conclude(claimed)
    assert house.engine.resume_workflow("default", "w", "me")
    assert not house.engine.resume_workflow("default", "w", "me")
    assert paused_runs(house) == 0
    assert len(drain.work_off()) == 1 + 2 * len(late)
    states = {house.reads.run(run_id).state for run_id in (early.id, *late)}
    assert states == {RunState.COMPLETED}


def test_a_run_paused_for_itself_stays_so_when_its_workflow_is_resumed(house: House) -> None:
    house.define(single_step("one", "test"))
    mine, parked, both = (house.submit("one").id for _ in range(3))
    house.engine.pause_workflow("default", "one", "me")
    house.engine.pause(mine, "me")
    assert house.drain().claim() == []
    house.engine.pause(both, "me")
    with pytest.raises(Conflict, match=r"resume the workflow"):
        house.engine.resume(parked, "me")

    house.engine.resume_workflow("default", "one", "me")

    states = [house.reads.run(run_id).state for run_id in (mine, parked, both)]
    assert states == [RunState.PAUSED, RunState.PENDING, RunState.PAUSED]


def test_a_resume_that_was_cut_short_is_finished_later(house: House) -> None:
    house.define(single_step("one", "test"))
    parked = [house.submit("one").id for _ in range(5)]
    house.engine.pause_workflow("default", "one", "me")
    house.drain().claim()
    with house.database.write() as tx:  # as when the process died after its first transaction
        tx.exec_driver_sql("UPDATE pauses SET kind = 'resuming'")

    assert house.engine.finish_resumes() == len(parked)

    assert house.engine.finish_resumes() == 0
    with house.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM pauses").scalar() == 0


def test_a_workflow_that_was_deleted_can_still_be_resumed(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one")
    house.engine.pause_workflow("default", "one", "me")
    house.drain().claim()
    house.engine.delete_workflow("default", "one")

    house.engine.resume_workflow("default", "one", "me")

    assert house.reads.run(run.id).state is RunState.PENDING
    verbs: list[Any] = [house.engine.pause_workflow, house.engine.resume_workflow]
    for verb in verbs:
        with pytest.raises(WorkflowNotFound):
            verb("default", "nothing", "me")
