"""What operators do by hand to runs and steps, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from ratchet_core.domain.query import AttemptQuery, Window
from ratchet_core.domain.states import RunState
from ratchet_core.domain.step_change import StepChange
from ratchet_core.errors import (
    AnnotationNotFound,
    Conflict,
    RunNotFound,
    StepNotFound,
    ValidationFailed,
)
from tests.contract.engine_house import House, failure, workflow

GIVE_UP = failure(retryable=False)


def _failed(house: House) -> str:
    """Return a failed run: a is completed, b failed, c waits for b."""
    house.define(workflow("w", a=[], b=["a"], c=["b"]))
    run = house.submit("w", input={"n": 1})
    house.drain().work_off({"b": GIVE_UP})
    assert house.reads.run(run.id).state is RunState.FAILED
    return run.id


def _state(house: House, run_id: str) -> str:
    return house.reads.run(run_id).state.value


def test_a_resolved_step_lets_a_failed_run_go_on_to_its_end(house: House) -> None:
    run_id = _failed(house)

    house.engine.operator.resolve_step(run_id, "b", "me", "done by phone")

    assert house.states(run_id) == {"a": "completed", "b": "resolved", "c": "ready"}
    going = house.reads.run(run_id)
    assert (going.state, going.error, going.completed_at) == (RunState.PENDING, None, None)
    [held] = house.drain().claim()
    assert (held.step.name, held.results) == ("c", {"b": "null"})
    assert house.events(run_id)[-2:] == ["run.retried", "step.resolved b"]
    assert house.rings[-1] == {"default": 1}


def test_resolving_the_last_step_completes_the_run(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    house.drain().work_off({"b": GIVE_UP})

    house.engine.operator.resolve_step(run.id, "b", "me")

    done = house.reads.run(run.id)
    assert (done.state, done.result, done.progress) == (RunState.COMPLETED, None, 1.0)
    assert house.events(run.id)[-2:] == ["step.resolved b", "run.completed"]


def test_a_step_that_waits_can_be_resolved_before_it_runs(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], c=["b"]))
    run = house.submit("w")

    house.engine.operator.resolve_step(run.id, "b", "me")

    assert house.states(run.id) == {"a": "ready", "b": "resolved", "c": "ready"}
    assert _state(house, run.id) == "pending"
    house.drain().work_off()
    assert _state(house, run.id) == "completed"


def test_one_of_two_failures_resolved_leaves_the_run_failed_by_the_other(house: House) -> None:
    house.define(workflow("w", a=[], b=[], c=["a", "b"]))
    run = house.submit("w")
    house.drain().work_off({"a": GIVE_UP, "b": GIVE_UP})

    house.engine.operator.resolve_step(run.id, "a", "me")

    left = house.reads.run(run.id)
    assert left.state is RunState.FAILED
    assert left.error is not None
    assert left.error.step == "b"
    assert house.events(run.id)[-1] == "step.resolved a"


def test_a_step_completed_by_hand_feeds_its_children_and_makes_the_result(house: House) -> None:
    run_id = _failed(house)

    house.engine.operator.complete_step(run_id, "b", {"ok": [1, 2.5]}, "me", "bank said so")

    step = house.reads.steps(run_id)[1]
    assert (step.state.value, step.result, step.error) == ("completed", {"ok": [1, 2.5]}, None)
    [held] = house.drain().claim()
    assert orjson.loads(held.results["b"]) == {"ok": [1, 2.5]}
    house.engine.operator.complete_step(run_id, "c", 17, "me")
    assert house.reads.run(run_id).result == 17


def test_completing_a_running_step_makes_its_own_result_stale(house: House) -> None:
    house.define(workflow("w", a=[]))
    run = house.submit("w")
    drain = house.drain()
    held = drain.claim()
    attempt_id = house.core.new_id()
    house.engine.note_start(drain.id, held[0], attempt_id, 0)

    house.engine.operator.complete_step(run.id, "a", "mine", "me")

    assert house.engine.still_mine(drain.id, [(held[0].step_id, held[0].token)]) == set()
    assert drain.conclude(held).stale == 1
    assert house.reads.run(run.id).result == "mine"
    assert house.reads.attempt(attempt_id).state.value == "cancelled"


def test_a_result_by_hand_has_to_match_the_output_schema(house: House) -> None:
    definition = replace(workflow("w", a=[]), output_schema={"type": "integer"})
    house.define(definition)
    run = house.submit("w")

    with pytest.raises(ValidationFailed) as refused:
        house.engine.operator.complete_step(run.id, "a", "text", "me")

    assert list(refused.value.details) == ["results"]
    assert house.states(run.id) == {"a": "ready"}


def test_a_cancelled_step_fails_its_run_when_nothing_else_can_run(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"], other=[]))
    run = house.submit("w")

    house.engine.operator.cancel_step(run.id, "a", "me", "wrong amount")

    assert _state(house, run.id) == "pending"
    house.drain().work_off()
    ended = house.reads.run(run.id)
    assert ended.state is RunState.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.step) == ("STEP_CANCELLED", "a")
    assert ended.error.message == "step 'a' was cancelled by me: wrong amount"
    assert house.states(run.id) == {"a": "cancelled", "b": "pending", "other": "completed"}
    house.engine.retry(run.id, "me")
    house.drain().work_off()
    assert _state(house, run.id) == "completed"


def test_cancelling_the_only_step_fails_the_run_at_once_and_again_is_harmless(
    house: House,
) -> None:
    house.define(workflow("w", a=[]))
    run = house.submit("w")

    house.engine.operator.cancel_step(run.id, "a", "me")
    house.engine.operator.cancel_step(run.id, "a", "me")

    assert _state(house, run.id) == "failed"
    assert house.drain().claim() == []
    assert house.events(run.id).count("step.cancelled a") == 1


def test_cancelling_a_running_step_stops_its_attempt(house: House) -> None:
    house.define(workflow("w", a=[], b=[]))
    run = house.submit("w")
    drain = house.drain()
    held = {item.step.name: item for item in drain.claim()}
    attempt_id = house.core.new_id()
    house.engine.note_start(drain.id, held["a"], attempt_id, 0)

    house.engine.operator.cancel_step(run.id, "a", "me")

    assert house.reads.attempt(attempt_id).state.value == "cancelled"
    assert drain.conclude([held["a"]]).stale == 1
    drain.conclude([held["b"]])
    assert _state(house, run.id) == "failed"


def test_a_retried_step_runs_alone_and_counts_anew(house: House) -> None:
    house.define(workflow("w", a=[], b=[], c=["a"]))
    run = house.submit("w")
    drain = house.drain()
    drain.work_off({"a": GIVE_UP, "b": GIVE_UP})

    house.engine.operator.retry_step(run.id, "a", "me")

    assert house.states(run.id) == {"a": "ready", "b": "failed", "c": "pending"}
    assert drain.work_off() == ["a", "c"]
    left = house.reads.run(run.id)
    assert left.state is RunState.FAILED
    query = AttemptQuery(run_id=run.id)
    numbers = [
        view.number
        for view in house.reads.attempts(query, Window(limit=10)).items
        if view.step == "a"
    ]
    assert sorted(numbers) == [1, 2]


def test_a_step_in_back_off_is_retried_at_once(house: House) -> None:
    house.define(workflow("w", a=[]))
    run = house.submit("w")
    drain = house.drain()
    drain.conclude(drain.claim(), failure())
    assert _state(house, run.id) == "retrying"

    house.engine.operator.retry_step(run.id, "a", "me")

    assert drain.work_off() == ["a"]
    assert _state(house, run.id) == "completed"


def test_a_resolved_run_is_settled_for_good(house: House) -> None:
    run_id = _failed(house)

    resolved = house.engine.operator.resolve(run_id, "me", "written off")

    assert (resolved.state, resolved.resolved_by) == (RunState.RESOLVED, "me")
    assert (resolved.error, resolved.progress) == (None, 1.0)
    assert house.states(run_id)["b"] == "failed"
    assert house.reads.events(run_id)[-1].data == {
        "by": "me",
        "reason": "written off",
        "from": "failed",
    }
    with pytest.raises(Conflict, match="is resolved"):
        house.engine.operator.resolve(run_id, "me")
    with pytest.raises(Conflict, match="its steps stay as they are"):
        house.engine.operator.retry_step(run_id, "b", "me")


def test_a_reset_runs_every_step_again_but_those_that_were_bypassed(house: House) -> None:
    skippable = {"depends_on": [], "skippable": True}
    house.define(workflow("w", s=skippable, a=["s"], b=["a"]))
    run = house.submit("w", bypass_steps=("s",))
    drain = house.drain()
    drain.work_off({"b": GIVE_UP})

    reset = house.engine.operator.reset(run.id, "me")

    assert (reset.state, reset.error) == (RunState.PENDING, None)
    assert house.states(run.id) == {"s": "skipped", "a": "ready", "b": "pending"}
    assert [step.result for step in house.reads.steps(run.id)][1:] == [None, None]
    assert drain.work_off() == ["a", "b"]
    assert _state(house, run.id) == "completed"
    with pytest.raises(Conflict, match="is completed"):
        house.engine.operator.reset(run.id, "me")


Verb = Callable[[House, str, str], None]
STEP_VERBS: dict[str, Verb] = {
    "cancel": lambda house, run, step: house.engine.operator.cancel_step(run, step, "me"),
    "retry": lambda house, run, step: house.engine.operator.retry_step(run, step, "me"),
    "resolve": lambda house, run, step: house.engine.operator.resolve_step(run, step, "me"),
    "complete": lambda house, run, step: house.engine.operator.complete_step(run, step, 1, "me"),
    "edit": lambda house, run, step: house.engine.operator.edit_step(
        run, step, StepChange(fields={"retry_limit": 2}), "me"
    ),
}


@pytest.mark.parametrize("verb", STEP_VERBS)
def test_what_is_done_stays_and_what_is_unknown_is_told(house: House, verb: str) -> None:
    run_id = _failed(house)

    with pytest.raises(Conflict, match="'a'"):
        STEP_VERBS[verb](house, run_id, "a")
    with pytest.raises(StepNotFound):
        STEP_VERBS[verb](house, run_id, "nope")
    with pytest.raises(RunNotFound):
        STEP_VERBS[verb](house, "nope", "a")


def test_a_running_step_is_neither_resolved_nor_retried_nor_edited(house: House) -> None:
    house.define(workflow("w", a=[]))
    run = house.submit("w")
    house.drain().claim()

    for verb in ("resolve", "retry", "edit"):
        with pytest.raises(Conflict, match="is claimed"):
            STEP_VERBS[verb](house, run.id, "a")


def test_an_edited_step_runs_with_its_own_input_config_and_limit(house: House) -> None:
    house.define(workflow("w", a={"retry_limit": 1, "config": {"url": "old"}}))
    run = house.submit("w", input={"n": 1})
    step_id = house.reads.steps(run.id)[0].id
    fields = {"retry_limit": 3, "config": {"url": "new"}}

    change = StepChange(fields=fields, sets_input=True, input={"n": 2})
    house.engine.operator.edit_step(run.id, step_id, change, "me")

    drain = house.drain()
    [held] = drain.claim()
    assert (held.input, held.run_input) == ('{"n":2}', '{"n":1}')
    assert held.step.config == {"url": "new"}
    drain.conclude([held], failure())
    assert house.states(run.id) == {"a": "backoff"}
    view = house.reads.steps(run.id)[0]
    assert (view.attempt_limit, view.input, view.config) == (3, {"n": 2}, {"url": "new"})


def test_later_edits_keep_earlier_ones_and_an_input_can_be_given_back(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w", input={"n": 1})
    edit = house.engine.operator.edit_step

    edit(run.id, "b", StepChange(fields={"retry_limit": 7}, sets_input=True, input={}), "me")
    edit(run.id, "b", StepChange(fields={"retryable": False}, sets_input=True, input=None), "me")

    drain = house.drain()
    drain.conclude(drain.claim(), claim_next=False)
    [held] = drain.claim()
    assert held.input == '{"n":1}'
    assert (held.step.retry_limit, held.step.retryable) == (7, False)
    assert house.reads.events(run.id)[-2].data != {}


def test_an_edit_is_kept_when_a_drain_goes_on_with_the_step_at_once(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    change = StepChange(fields={"config": {"k": 1}})
    house.engine.operator.edit_step(run.id, "b", change, "me")
    drain = house.drain()

    [following] = drain.conclude(drain.claim()).next

    assert following.step.config == {"k": 1}


def test_reason_and_tags_of_a_run_change_and_go_away(house: House) -> None:
    house.define(workflow("w", a=[]))
    run = house.submit("w", origin={"reason": "old", "initiator": "x"})

    house.engine.operator.update(run.id, {"reason": "new", "tags": ["t"]}, "me")
    changed = house.engine.operator.update(run.id, {"reason": None}, "me")

    assert changed.origin == {"initiator": "x", "tags": ["t"]}
    assert changed.updated_at > run.created_at
    with pytest.raises(RunNotFound):
        house.engine.operator.update("nope", {}, "me")


def test_annotations_are_kept_in_order_and_taken_away(house: House) -> None:
    house.define(workflow("w", a=[]))
    run, other = house.submit("w"), house.submit("w")
    operator = house.engine.operator

    first = operator.annotate(run.id, "ticket", {"id": 7}, "me")
    second = operator.annotate(run.id, "note", "call back", "you")

    noted = house.reads.annotations(run.id)
    assert [(item.id, item.type, item.value, item.principal) for item in noted] == [
        (first, "ticket", {"id": 7}, "me"),
        (second, "note", "call back", "you"),
    ]
    with pytest.raises(AnnotationNotFound):
        operator.remove_annotation(other.id, first)
    operator.remove_annotation(run.id, first)
    assert [item.id for item in house.reads.annotations(run.id)] == [second]
    with pytest.raises(RunNotFound):
        operator.annotate("nope", "note", 1, "me")


def test_steps_of_a_paused_run_are_settled_without_becoming_claimable(house: House) -> None:
    house.define(workflow("w", a=[], b=["a"]))
    run = house.submit("w")
    house.engine.pause(run.id, "me")

    house.engine.operator.complete_step(run.id, "a", 1, "me")

    assert house.states(run.id) == {"a": "completed", "b": "paused"}
    assert house.drain().claim() == []
    house.engine.resume(run.id, "me")
    assert house.drain().work_off() == ["b"]
