"""What becomes of runs: chains, branches, retries, results, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ratchet_core.domain.query import AttemptQuery, Window
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import renamed, single_step
from ratchet_core.engine.engine import Engine
from ratchet_core.engine.requests import SubmitRequest, Submitted
from ratchet_core.errors import NamespaceNotFound, ValidationFailed, WorkflowNotFound
from tests.contract.engine_house import House, failure, workflow


def test_a_single_step_run_completes_with_its_result(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one", input={"text": 'quote " \\ \n ü \u2028', "number": 99.99})

    house.drain().work_off()

    ended = house.reads.run(run.id)
    assert ended.state is RunState.COMPLETED
    assert ended.input == {"text": 'quote " \\ \n ü \u2028', "number": 99.99}
    assert ended.result == {"step": "one"}
    assert ended.progress == 1.0
    assert ended.started_at is not None
    assert ended.completed_at is not None
    assert ended.created_at <= ended.completed_at
    assert house.events(run.id) == ["run.created", "step.completed one", "run.completed"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"input": {"text": "\u00fc", "number": 1e300}, "priority": 7, "origin": {"tags": ["a"]}},
        {"delay_s": 60.0, "time_limit_s": 5.0, "idempotency_key": "k", "schedule_id": "s"},
    ],
)
def test_the_answer_to_a_submission_is_the_run_as_it_is_stored(
    house: House, options: dict[str, Any]
) -> None:
    house.define(workflow("two", a=[], b=["a"]))

    run = house.submit("two", **options)

    assert run == house.reads.run(run.id)


def test_the_answer_to_a_submission_is_pending_however_fast_a_drain_is(house: House) -> None:
    house.define(single_step("one", "test"))
    drain = house.drain()

    def work_off(_ready: Mapping[str, int]) -> None:
        drain.work_off()

    engine = Engine(replace(house.core, ring=work_off), house.reads)  # done before submit returns
    request = SubmitRequest(namespace="default", name="one")

    answers = [engine.submit(request), *engine.submit_many([request], atomic=True)]

    for answer in answers:
        assert isinstance(answer, Submitted)
        assert answer.run.state is RunState.PENDING
        assert house.reads.run(answer.run.id).state is RunState.COMPLETED


def test_a_chain_stays_in_the_drain_that_began_it(house: House) -> None:
    house.define(workflow("chain", a=[], b=["a"], c=["b"]))
    run = house.submit("chain")
    drain = house.drain()

    first = drain.claim()
    second = drain.conclude(first).next
    third = drain.conclude(second).next
    last = drain.conclude(third)

    assert [item.step.name for item in (*first, *second, *third)] == ["a", "b", "c"]
    assert second[0].results == {"a": '{"step":"a"}'}
    assert last.next == ()
    assert house.reads.run(run.id).state is RunState.COMPLETED


def test_a_diamond_joins_after_both_branches_and_sees_both_results(house: House) -> None:
    house.define(workflow("diamond", a=[], b=["a"], c=["a"], d=["b", "c"]))
    run = house.submit("diamond")
    drain = house.drain()

    concluded = drain.conclude(drain.claim())

    # one own child is claimed, the other one is rung for
    assert [item.step.name for item in concluded.next] == ["b"]
    assert concluded.ready == {"default": 1}
    assert drain.conclude(concluded.next).next == ()
    joined = drain.conclude(drain.claim()).next
    assert set(joined[0].results) == {"b", "c"}
    drain.conclude(joined)
    assert house.reads.run(run.id).result == {"step": "d"}


def test_both_branches_concluded_together_free_the_join_once(house: House) -> None:
    house.define(workflow("join", b=[], c=[], d=["b", "c"]))
    run = house.submit("join")
    drain = house.drain()

    concluded = drain.conclude(drain.claim())

    assert [item.step.name for item in concluded.next] == ["d"]
    drain.conclude(concluded.next)
    assert house.events(run.id).count("step.completed d") == 1


def test_two_drains_that_conclude_the_parents_free_the_join_once(house: House) -> None:
    house.define(workflow("join", b=[], c=[], d=["b", "c"]))
    house.submit("join")
    one, two = house.drain(), house.drain()
    [left], [right] = one.claim(1), two.claim(1)

    nexts = [*one.conclude([left]).next, *two.conclude([right]).next]

    assert [item.step.name for item in nexts] == ["d"]


def test_several_leaves_give_their_results_by_name(house: House) -> None:
    house.define(workflow("leaves", a=[], b=[]))
    run = house.submit("leaves")
    drain = house.drain()

    for item in drain.claim():
        drain.conclude([item])

    assert house.reads.run(run.id).result == {"a": {"step": "a"}, "b": {"step": "b"}}


def test_the_output_step_gives_the_result_though_it_is_no_leaf(house: House) -> None:
    house.define(renamed(workflow("named", a=[], b=["a"]), output_step="a"))
    run = house.submit("named")

    house.drain().work_off()

    assert house.reads.run(run.id).result == {"step": "a"}


def test_an_output_that_breaks_the_schema_fails_the_run(house: House) -> None:
    schema = {"type": "object", "required": ["missing"]}
    house.define(
        single_step("one", "test", output_schema=schema),
        renamed(workflow("two", a=[], b=[]), output_schema=schema),
    )
    runs = [house.submit("one"), house.submit("two")]

    house.drain().work_off()

    for run in runs:
        ended = house.reads.run(run.id)
        assert ended.state is RunState.FAILED
        assert ended.error is not None
        assert ended.error.code == "OUTPUT_INVALID"
        assert "missing" in ended.error.message


def test_an_input_that_breaks_the_schema_leaves_nothing_behind(house: House) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    house.define(single_step("one", "test", input_schema=schema))

    with pytest.raises(ValidationFailed) as caught:
        house.submit("one", input={"n": "x"})

    assert list(caught.value.details) == ["input.n"]
    assert house.rings == []


def test_unknown_names_are_told_apart(house: House) -> None:
    house.define(single_step("one", "test"))

    with pytest.raises(WorkflowNotFound):
        house.submit("two")
    with pytest.raises(WorkflowNotFound):
        house.submit("one", version="9.9.9")
    house.engine.delete_workflow("default", "one")
    with pytest.raises(NamespaceNotFound):
        house.submit("one")


def test_a_failed_attempt_is_tried_again_after_its_back_off(house: House) -> None:
    again = failure(retryable=True, retry_after_s=0.0)
    house.define(single_step("one", "test"))
    run = house.submit("one")
    drain = house.drain()

    drain.conclude(drain.claim(), failure(retryable=True, retry_after_s=60.0))
    waiting = house.reads.run(run.id)
    assert drain.claim() == []

    assert waiting.state is RunState.RETRYING
    assert waiting.retries == 1
    step = house.reads.steps(run.id)[0]
    assert step.ready_at is not None
    assert 0 < (house.engine.next_ready_in_s(("default",)) or 0) <= 60
    run = house.submit("one")
    drain.conclude(drain.claim(), again)
    [second] = drain.claim()
    assert second.attempt == 2
    drain.conclude([second])
    assert house.reads.run(run.id).state is RunState.COMPLETED


def test_a_step_fails_after_its_last_attempt_and_its_run_with_it(house: House) -> None:
    again = failure("still no", retryable=True, retry_after_s=0.0)
    house.define(workflow("w", a={"retry_limit": 3}, b=["a"]))
    run = house.submit("w")
    drain = house.drain()

    attempts = [drain.conclude(drain.claim(), again).stale for _ in range(3)]

    ended = house.reads.run(run.id)
    assert attempts == [0, 0, 0]
    assert drain.claim() == []
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert (ended.error.step, ended.error.attempt) == ("a", 3)
    assert ended.error.message == "still no"
    assert house.states(run.id) == {"a": "failed", "b": "pending"}
    page = house.reads.attempts(AttemptQuery(run_id=run.id), Window(order="asc"))
    assert [attempt.number for attempt in page.items] == [1, 2, 3]


def test_independent_branches_come_to_their_end_though_one_fails(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], c=[], d=["c"]))
    run = house.submit("w")

    done = house.drain().work_off({"a": failure(retryable=False)}, limit=1)

    assert set(done) == {"a", "c", "d"}
    ended = house.reads.run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert ended.error.step == "a"
    assert house.states(run.id)["d"] == "completed"


def test_the_final_failure_of_a_skippable_step_lets_the_run_go_on(house: House) -> None:
    house.define(workflow("w", a={"skippable": True}, b=["a"]))
    run = house.submit("w")

    done = house.drain().work_off({"a": failure(retryable=False)})

    assert done == ["a", "b"]
    assert house.reads.run(run.id).state is RunState.COMPLETED
    assert house.states(run.id)["a"] == "skipped"


def test_a_bypassed_step_does_not_run_and_its_children_do(house: House) -> None:
    house.define(workflow("w", a=[], b={"depends_on": ["a"], "skippable": True}, c=["b"]))
    run = house.submit("w", bypass_steps=("b",))

    done = house.drain().work_off()

    assert done == ["a", "c"]
    assert house.reads.steps(run.id)[1].result == {"skipped": True}


def test_a_run_whose_steps_are_all_bypassed_is_complete_at_once(house: House) -> None:
    house.define(workflow("w", a={"skippable": True}))

    run = house.submit("w", bypass_steps=("a",))

    assert run.state is RunState.COMPLETED
    assert run.result == {"skipped": True}


def test_a_fan_out_of_a_thousand_steps_joins_once(house: House) -> None:
    children = {f"c{index}": ["root"] for index in range(1000)}
    house.define(workflow("fan", root=[], **children, join=list(children)))
    run = house.submit("fan")

    done = house.drain().work_off(limit=50)

    assert len(done) == 1002
    assert done[-1] == "join"
    assert house.reads.run(run.id).state is RunState.COMPLETED
    assert house.events(run.id).count("step.completed join") == 1
