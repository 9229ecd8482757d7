"""Cancel, retry, idempotency, definitions: what operators and clients do, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ratchet_core.domain.query import RunQuery, Window, WorkflowQuery
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import renamed, single_step
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidRequest,
    RunNotFound,
    StepNotFound,
    WorkflowDisabled,
    WorkflowNotFound,
)
from tests.contract.engine_house import House, failure, workflow


def test_a_cancelled_pending_run_never_starts(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")

    cancelled = house.engine.cancel(run.id, "me")

    assert cancelled.state is RunState.CANCELLED
    assert house.drain().claim() == []
    assert set(house.states(run.id).values()) == {"cancelled"}


def test_the_result_of_a_step_that_ran_on_through_a_cancel_is_stale(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    drain = house.drain()
    held = drain.claim()
    attempt_id = house.core.new_id()
    house.engine.note_start(drain.id, held[0], attempt_id, 0)

    house.engine.cancel(run.id, "me")

    assert house.engine.still_mine(drain.id, [(held[0].step_id, held[0].token)]) == set()
    assert drain.conclude(held).stale == 1
    assert house.reads.run(run.id).state is RunState.CANCELLED
    assert house.reads.attempt(attempt_id).state.value == "cancelled"
    assert house.reads.run(run.id).result is None


def test_cancelling_again_is_harmless_and_cancelling_what_ended_is_a_conflict(house: House) -> None:
    house.define(single_step("one", "test"))
    run, other = house.submit("one"), house.submit("one")
    house.engine.cancel(run.id, "me")

    house.engine.cancel(run.id, "me")

    house.drain().work_off()
    with pytest.raises(Conflict, match="is completed"):
        house.engine.cancel(other.id, "me")
    with pytest.raises(RunNotFound):
        house.engine.cancel("no-such-run", "me")
    assert house.events(run.id).count("run.cancelled") == 1


def test_a_retry_runs_what_failed_with_the_same_input_and_keeps_what_completed(
    house: House,
) -> None:
    house.define(workflow("w", a=[], b=["a"], c=["b"]))
    run = house.submit("w", input={"n": 1})
    drain = house.drain()
    drain.work_off({"b": failure(retryable=False)})

    again = house.engine.retry(run.id, "me")
    done = drain.work_off()

    assert again.state is RunState.PENDING
    assert again.error is None
    assert done == ["b", "c"]
    ended = house.reads.run(run.id)
    assert (ended.state, ended.input) == (RunState.COMPLETED, {"n": 1})
    assert [step.attempts for step in house.reads.steps(run.id)] == [1, 2, 1]


def test_a_retry_from_a_step_runs_it_and_all_below_again(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], x=["a"], c=["b", "x"]))
    run = house.submit("w")
    drain = house.drain()
    drain.work_off({"c": failure(retryable=False)})

    house.engine.retry(run.id, "me", from_step="b")

    assert drain.work_off() == ["b", "c"]
    with pytest.raises(Conflict):
        house.engine.retry(run.id, "me")


def test_a_retry_of_a_cancelled_run_starts_what_had_not_completed(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    drain = house.drain()
    held = drain.conclude(drain.claim()).next
    house.engine.cancel(run.id, "me")
    with pytest.raises(StepNotFound):
        house.engine.retry(run.id, "me", from_step="nothing")

    house.engine.retry(run.id, "me")

    assert drain.conclude(held).stale == 1
    assert drain.work_off() == ["b"]


def test_the_same_key_and_request_answer_with_the_same_run(house: House) -> None:
    house.define(single_step("one", "test"))
    request = SubmitRequest(
        namespace="default", name="one", input={"a": 1, "b": 2}, idempotency_key="k"
    )
    swapped = SubmitRequest(
        namespace="default", name="one", input={"b": 2, "a": 1}, idempotency_key="k"
    )

    first, second = house.engine.submit(request), house.engine.submit(swapped)

    assert (first.created, second.created) == (True, False)
    assert first.run.id == second.run.id


def test_the_same_key_with_another_request_is_a_conflict_but_not_for_another_principal(
    house: House,
) -> None:
    house.define(single_step("one", "test"))
    house.submit("one", input={"a": 1}, idempotency_key="k")

    with pytest.raises(IdempotencyConflict, match="'k'"):
        house.submit("one", input={"a": 2}, idempotency_key="k")

    assert house.submit("one", input={"a": 2}, idempotency_key="k", principal="other").id


def test_the_same_key_from_many_threads_makes_one_run(house: House) -> None:
    house.define(single_step("one", "test"))

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: house.submit("one", idempotency_key="k").id, range(16)))

    assert len(set(runs)) == 1
    assert house.reads.runs(RunQuery(), Window()).total == 1


def test_a_batch_answers_each_request_in_its_place(house: House) -> None:
    house.define(single_step("one", "test"))
    requests = [
        SubmitRequest(namespace="default", name=name, idempotency_key=key)
        for name, key in (("one", "k"), ("none", None), ("one", "k"), ("one", None))
    ]

    answers = house.engine.submit_many(requests, atomic=False)

    assert isinstance(answers[1], WorkflowNotFound)
    made = [answer for answer in answers if not isinstance(answer, Exception)]
    assert [answer.created for answer in made] == [True, False, True]
    with pytest.raises(WorkflowNotFound) as refused:
        house.engine.submit_many(requests, atomic=True)
    assert refused.value.index == 1
    assert house.reads.runs(RunQuery(), Window()).total == 2


def test_a_disabled_workflow_takes_no_new_runs(house: House) -> None:
    house.define(single_step("one", "test"))
    house.engine.set_enabled("default", "one", enabled=False)

    with pytest.raises(WorkflowDisabled):
        house.submit("one")

    house.engine.set_enabled("default", "one", enabled=True)
    assert house.submit("one").state is RunState.PENDING


def test_a_bare_name_means_the_latest_version_and_a_run_keeps_its_own(house: House) -> None:
    versions = [single_step("one", "test", version=text) for text in ("1.9.0", "1.10.0")]
    house.define(*versions)
    run = house.submit("one")

    house.define(single_step("one", "test", version="2.0.0"))

    assert run.version == "1.10.0"
    assert house.reads.run(run.id).version == "1.10.0"
    assert house.submit("one").version == "2.0.0"
    assert house.submit("one", version="1.9.0").version == "1.9.0"
    assert house.reads.workflow("default", "one").versions == ("2.0.0", "1.10.0", "1.9.0")


def test_a_changed_version_is_replaced_for_new_runs_or_refused(house: House) -> None:
    old = workflow("w", a=[], b=["a"])
    house.define(old)
    run = house.submit("w")
    changed = renamed(workflow("w", c=[]), description="new")

    refused = house.engine.sync_definitions([changed], {}, on_change="refuse")
    replaced = house.engine.sync_definitions([changed], {}, on_change="replace")

    assert (refused.refused, replaced.replaced) == ((changed.full_name,), (changed.full_name,))
    assert set(house.states(run.id)) == {"a", "b"}
    assert house.drain().work_off() == ["a", "b"]
    assert set(house.states(house.submit("w").id)) == {"c"}


def test_a_tombstone_outlives_reloads_until_it_is_restored(house: House) -> None:
    one, two = (single_step("one", "test", version=text) for text in ("1.0.0", "2.0.0"))
    house.define(one, two)
    run = house.submit("one")

    house.engine.delete_workflow("default", "one", "2.0.0")

    assert house.submit("one").version == "1.0.0"
    house.engine.delete_workflow("default", "one")
    report = house.engine.sync_definitions([one, two], {}, on_change="replace")
    assert len(report.deleted) == 2
    assert house.reads.workflows(WorkflowQuery(), Window()).total == 0
    assert house.reads.run(run.id).version == "2.0.0"
    house.engine.restore_workflow("default", "one")
    assert house.submit("one").version == "2.0.0"
    with pytest.raises(WorkflowNotFound):
        house.engine.delete_workflow("default", "one", "9.0.0")


def test_pages_and_cursors_give_each_run_exactly_once_under_inserts(house: House) -> None:
    house.define(single_step("one", "test"))
    made = [house.submit("one").id for _ in range(23)]
    seen: list[str] = []
    window = Window(limit=5)

    while True:
        page = house.reads.runs(RunQuery(), window)
        seen += [run.id for run in page.items]
        house.submit("one")
        if page.next_cursor is None:
            break
        window = Window(limit=5, cursor=page.next_cursor)

    assert seen == made[::-1]
    assert house.reads.runs(RunQuery(), Window(limit=5, offset=1000)).items == ()
    with pytest.raises(InvalidRequest):
        house.reads.runs(RunQuery(), Window(cursor="nonsense"))


def test_runs_are_found_by_state_workflow_and_version(house: House) -> None:
    house.define(single_step("one", "test"), single_step("two", "test", version="2.0.0"))
    house.submit("one")
    house.drain().work_off()
    house.submit("two")
    house.submit("one")

    def total(**filters: object) -> int:
        return house.reads.runs(RunQuery(**filters), Window()).total  # type: ignore[arg-type]

    assert total(states=(RunState.PENDING,)) == 2
    assert total(states=(RunState.PENDING, RunState.COMPLETED)) == 3
    assert total(namespace="default", name="one") == 2
    assert total(name="two", version="2.0.0", states=(RunState.PENDING,)) == 1
    assert total(namespace="nowhere") == 0


def test_a_scheduled_run_is_not_claimed_before_its_time(house: House) -> None:
    house.define(single_step("one", "test"))
    now = house.submit("one").created_at

    run = house.submit("one", scheduled_for=now.replace(year=now.year + 1))

    assert run.state is RunState.PENDING
    assert [item.run_id for item in house.drain().claim()] != [run.id]


def test_progress_is_of_the_step_and_of_the_run(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    drain = house.drain()
    [held] = drain.claim()

    assert house.engine.report_progress(drain.id, held, 0.5, "half", {"n": 1})

    assert house.reads.run(run.id).progress == 0.25
    drain.conclude([held])
    assert not house.engine.report_progress(drain.id, held, 0.9, None, None)
    assert house.reads.run(run.id).progress == 0.5
