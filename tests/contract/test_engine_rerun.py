"""Reruns, delays, deadlines and time limits, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import renamed, single_step
from ratchet_core.engine.requests import RerunRequest
from ratchet_core.errors import (
    IdempotencyConflict,
    RunNotFound,
    ValidationFailed,
    WorkflowDisabled,
    WorkflowNotFound,
)
from tests.contract.engine_house import House, failure, workflow

HOUR = timedelta(hours=1)


def rerun(house: House, run_id: str, **options: Any) -> Any:
    return house.engine.rerun(RerunRequest(run_id=run_id, **options)).run


def test_a_rerun_is_a_new_run_with_the_same_request(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    destinations = ({"type": "file", "path": "x"},)
    options: dict[str, Any] = {"input": {"n": 1}, "priority": 7, "origin": {"reason": "why"}}
    run = house.submit("w", output_destinations=destinations, **options)
    drain = house.drain()
    drain.work_off()

    again = rerun(house, run.id)

    assert again.id != run.id
    assert (again.state, again.rerun_of) == (RunState.PENDING, run.id)
    assert (again.input, again.priority, again.origin) == ({"n": 1}, 7, {"reason": "why"})
    assert drain.work_off() == ["a", "b"]
    assert house.reads.run(again.id).state is RunState.COMPLETED
    assert house.reads.run(run.id).rerun_of is None
    [first] = [item for item in house.reads.events(again.id) if item.name == "run.created"]
    assert first.data == {"rerun_of": run.id}


def test_a_rerun_from_a_step_keeps_the_results_before_it(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], x=["a"], c=["b", "x"]))
    run = house.submit("w")
    drain = house.drain()
    drain.work_off({"c": failure(retryable=False)})

    again = rerun(house, run.id, from_step="b")

    assert house.states(again.id) == {
        "a": "completed",
        "b": "ready",
        "x": "completed",
        "c": "pending",
    }
    assert again.progress == 0.5
    [held] = drain.claim()
    assert held.results == {"a": '{"step":"a"}'}
    following = drain.conclude([held]).next
    assert following[0].results == {"b": '{"step":"b"}', "x": '{"step":"x"}'}
    drain.conclude(following)
    assert house.reads.run(again.id).state is RunState.COMPLETED
    assert [step.attempts for step in house.reads.steps(again.id)] == [0, 1, 0, 1]
    assert house.reads.run(run.id).state is RunState.FAILED


def test_a_rerun_may_take_the_latest_or_a_named_version(house: House) -> None:
    old, new = workflow("w", a=[], b=["a"]), workflow("w", a=[], n=["a"], b=["n"], z=["b"])
    house.define(renamed(old, version="1.0.0"))
    run = house.submit("w")
    drain = house.drain()
    drain.work_off()
    house.define(renamed(new, version="2.0.0"))

    assert rerun(house, run.id).version == "1.0.0"
    assert rerun(house, run.id, version="latest").version == "2.0.0"
    assert rerun(house, run.id, version="2.0.0").version == "2.0.0"
    begun = rerun(house, run.id, version="latest", from_step="n")
    # b has a result in the old run, but stands below a step that runs
    assert house.states(begun.id) == {
        "a": "completed",
        "n": "ready",
        "b": "pending",
        "z": "pending",
    }
    with pytest.raises(ValidationFailed) as refused:
        rerun(house, run.id, version="latest", from_step="z")
    assert refused.value.details == {
        "from_step": ["'n', which stands before 'z', has no result in that run"]
    }
    for version in ("newest", "", "1"):
        with pytest.raises(ValidationFailed) as refused:
            rerun(house, run.id, version=version)
        assert "same, latest or a version" in refused.value.details["version"][0]
    with pytest.raises(WorkflowNotFound):
        rerun(house, run.id, version="9.0.0")


def test_what_cannot_be_run_again_is_refused(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")

    with pytest.raises(ValidationFailed) as refused:
        rerun(house, run.id, from_step="nothing")
    assert "is not a step of default.w@" in refused.value.details["from_step"][0]
    with pytest.raises(ValidationFailed) as refused:
        rerun(house, run.id, from_step="b")
    assert "has no result" in refused.value.details["from_step"][0]
    with pytest.raises(RunNotFound):
        rerun(house, "no-such-run")
    house.engine.set_enabled("default", "w", enabled=False)
    with pytest.raises(WorkflowDisabled):
        rerun(house, run.id)
    assert house.reads.runs_by_id([run.id])[run.id].state is RunState.PENDING


def test_the_same_key_makes_one_rerun(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    house.drain().work_off()
    first = house.engine.rerun(RerunRequest(run_id=run.id, idempotency_key="k"))

    second = house.engine.rerun(RerunRequest(run_id=run.id, idempotency_key="k"))

    assert (first.created, second.created, second.run.id) == (True, False, first.run.id)
    with pytest.raises(IdempotencyConflict):
        rerun(house, run.id, idempotency_key="k", from_step="b")
    with pytest.raises(IdempotencyConflict):
        house.submit("w", idempotency_key="k")


def test_a_delayed_run_starts_no_sooner(house: House) -> None:
    house.define(single_step("one", "test"))

    run = house.submit("one", delay_s=3600)

    assert run.state is RunState.PENDING
    assert run.scheduled_for == run.created_at + HOUR
    assert house.drain().claim() == []
    now = house.submit("one", delay_s=0)
    assert [item.run_id for item in house.drain().claim()] == [now.id]


def test_a_time_limit_counts_from_the_moment_a_run_may_start(house: House) -> None:
    house.define(single_step("one", "test"))

    run = house.submit("one", time_limit_s=1.5)
    later = house.submit("one", delay_s=3600, time_limit_s=60)
    both = house.submit("one", time_limit_s=7200, deadline=run.created_at + HOUR)

    assert run.deadline == run.created_at + timedelta(seconds=1.5)
    assert later.deadline == later.created_at + timedelta(seconds=3660)
    assert both.deadline == run.created_at + HOUR
    assert house.submit("one").deadline is None


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"delay_s": -1}, "delay_s"),
        ({"delay_s": float("inf")}, "delay_s"),
        ({"delay_s": float("nan")}, "delay_s"),
        ({"time_limit_s": 0}, "time_limit_s"),
        ({"time_limit_s": float("nan")}, "time_limit_s"),
        ({"time_limit_s": 1e12}, "time_limit_s"),
    ],
)
def test_times_that_make_no_sense_are_refused_by_name(
    house: House, options: dict[str, float], place: str
) -> None:
    house.define(single_step("one", "test"))

    with pytest.raises(ValidationFailed) as refused:
        house.submit("one", **options)

    assert list(refused.value.details) == [place]


def test_contradicting_times_are_refused_by_name(house: House) -> None:
    house.define(single_step("one", "test"))
    now = house.submit("one").created_at
    cases: list[tuple[dict[str, Any], str]] = [
        ({"deadline": now - HOUR}, "deadline"),
        ({"deadline": now + HOUR, "scheduled_for": now + 2 * HOUR}, "deadline"),
        ({"deadline": now + HOUR, "delay_s": 7200}, "deadline"),
        ({"delay_s": 1, "scheduled_for": now + HOUR}, "delay_s"),
    ]
    for options, place in cases:
        with pytest.raises(ValidationFailed) as refused:
            house.submit("one", **options)
        assert list(refused.value.details) == [place]


def overdue(house: House, run_id: str) -> None:
    """Let the deadline of a run have passed."""
    with house.database.write() as tx:
        tx.exec_driver_sql(f"UPDATE runs SET deadline_at = created_at WHERE id = '{run_id}'")  # noqa: S608


def test_a_run_past_its_deadline_fails_and_its_step_is_stopped(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w", time_limit_s=3600)
    other = house.submit("w", time_limit_s=3600)
    drain = house.drain()
    held = [item for item in drain.claim() if item.run_id == run.id]
    attempt_id = house.core.new_id()
    house.engine.note_start(drain.id, held[0], attempt_id, 0)
    assert house.engine.expire() == 0
    overdue(house, run.id)

    assert house.engine.expire() == 1

    failed = house.reads.run(run.id)
    assert failed.state is RunState.FAILED
    assert failed.completed_at is not None
    assert failed.error is not None
    assert (failed.error.type, failed.error.code) == ("DeadlineExceeded", "DEADLINE_EXCEEDED")
    assert house.engine.still_mine(drain.id, [(held[0].step_id, held[0].token)]) == set()
    assert drain.conclude(held).stale == 1
    assert house.reads.attempt(attempt_id).state.value == "cancelled"
    assert set(house.states(run.id).values()) == {"cancelled"}
    assert house.events(run.id)[-2:] == ["run.failed", "attempt.stale a"]
    assert house.engine.expire() == 0
    assert house.reads.run(other.id).state is RunState.PENDING


@pytest.mark.parametrize("state", ["pending", "paused", "delayed", "retrying"])
def test_a_deadline_holds_whatever_a_run_waits_for(house: House, state: str) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one", delay_s=60 if state == "delayed" else 0, time_limit_s=3600)
    drain = house.drain()
    if state == "paused":
        house.engine.pause(run.id, "me")
    if state == "retrying":
        drain.conclude(drain.claim(), failure(retry_after_s=300))
        assert house.reads.run(run.id).state is RunState.RETRYING
    overdue(house, run.id)

    house.engine.expire()

    assert house.reads.run(run.id).state is RunState.FAILED
    assert drain.claim() == []


def test_a_retry_after_the_deadline_has_none(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one", time_limit_s=3600)
    overdue(house, run.id)
    house.engine.expire()

    again = house.engine.retry(run.id, "me")

    assert (again.deadline, again.error) == (None, None)
    assert house.engine.expire() == 0
    house.drain().work_off()
    assert house.reads.run(run.id).state is RunState.COMPLETED


def test_a_retry_before_the_deadline_keeps_it(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one", time_limit_s=3600)
    house.engine.cancel(run.id, "me")

    assert house.engine.retry(run.id, "me").deadline == run.deadline
