"""What plugins say about requests, failures and queues, over both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ratchet_core.domain.outcome import Failed
from ratchet_core.domain.retry import RetryDecision
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import PluginError, Refused
from ratchet_core.hooks import Calls
from ratchet_core.sdk import AttemptInfo, Submission
from ratchet_core.store.database import Database
from tests.contract.engine_house import House, failure, workflow
from tests.contract.schedule_house import fire, history, rewind, spec


class Guard(Calls):
    """Plugins that refuse what is `closed`, fail at what is `odd`, and send `slow` elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.minds_submissions = self.decides_queues = self.minds_failures = True
        self.reads_queues = True
        self.asked: list[Submission | AttemptInfo] = []
        self.decision: RetryDecision | None = None

    def before_submit(self, submission: Submission) -> None:
        self.asked.append(submission)
        if submission.workflow == "closed":
            raise Refused("closed for today")
        if submission.workflow == "odd":
            raise PluginError("plugin 'x' failed")

    def decide_queue(self, submission: Submission, queue: str | None) -> str | None:
        assert queue == "default"
        return "elsewhere" if submission.input == "slow" else None

    def decide_retry(self, attempt: AttemptInfo, failure: Failed) -> RetryDecision | None:
        self.asked.append(attempt)
        return self.decision


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
def house(database: Database, guard: Guard) -> House:
    house = House(database, calls=guard)
    house.define(*[single_step(name, "test") for name in ("open", "closed", "odd", "report")])
    return house


def request(name: str, **options: object) -> SubmitRequest:
    return SubmitRequest(namespace="default", name=name, **options)  # type: ignore[arg-type]


def test_before_submit_refuses_before_anything_is_stored(house: House, guard: Guard) -> None:
    with pytest.raises(Refused, match="closed for today"):
        house.submit("closed", input={"a": 1}, principal="jwt:alice")

    [asked] = guard.asked
    assert isinstance(asked, Submission)
    assert (asked.input, asked.principal) == ({"a": 1}, "jwt:alice")
    assert house.drain().claim() == []


def test_before_submit_refuses_items_of_a_batch_in_their_places(house: House) -> None:
    answers = house.engine.submit_many(
        [request(name) for name in ("open", "closed", "odd", "open")], atomic=False
    )

    kinds = [type(answer).__name__ for answer in answers]
    assert kinds == ["Submitted", "Refused", "PluginError", "Submitted"]
    assert len(house.drain().claim()) == 2


def test_before_submit_refuses_a_whole_batch_that_is_atomic(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.engine.submit_many([request("open"), request("closed")], atomic=True)

    assert refused.value.index == 1
    assert house.drain().claim() == []


def test_before_submit_is_asked_about_runs_of_schedules(house: House, guard: Guard) -> None:
    schedule = house.engine.create_schedule(spec(workflow="closed", cron_expression="0 * * * *"))
    rewind(house, schedule, timedelta(hours=1))

    assert fire(house.engine) == 0

    assert house.reads.schedules.one(schedule.id).problem == "closed for today"
    asked = guard.asked[-1]
    assert isinstance(asked, Submission)
    assert asked.schedule_id == schedule.id
    with pytest.raises(Refused):
        house.engine.trigger_schedule(schedule.id, "jwt:alice")


def test_decide_queue_moves_all_steps_of_a_run_elsewhere(house: House) -> None:
    house.define(workflow("chain", first=(), second=("first",)))

    slow = house.submit("chain", input="slow")
    house.submit("chain", input="quick")

    assert [item.run_id for item in house.drain().claim() if item.run_id == slow.id] == []
    assert house.engine.ready_count(["elsewhere"]) == 1


def test_decide_queue_moves_runs_of_schedules(house: House) -> None:
    schedule = house.engine.create_schedule(spec(input="slow", cron_expression="0 * * * *"))
    rewind(house, schedule, timedelta(hours=1))

    fire(house.engine)
    house.engine.trigger_schedule(schedule.id, "jwt:alice")

    assert len(history(house, schedule)) == 2
    assert house.engine.ready_count(["elsewhere"]) == 2


@pytest.mark.parametrize(
    ("decision", "state"),
    [
        (RetryDecision.after(0), RunState.RETRYING),
        (RetryDecision.stop(), RunState.FAILED),
        (None, RunState.RETRYING),
    ],
)
def test_decide_retry_comes_before_the_policy_of_the_step(
    house: House, guard: Guard, decision: RetryDecision | None, state: RunState
) -> None:
    limits = {"retry_limit": 1} if decision == RetryDecision.after(0) else {"retry_limit": 3}
    house.define(workflow("shaky", only=limits))
    run = house.submit("shaky")
    guard.decision = decision
    drain = house.drain()

    drain.conclude(drain.claim(), failure("no luck"))

    assert house.reads.run(run.id).state is state
    asked = guard.asked[-1]
    assert isinstance(asked, AttemptInfo)
    assert (asked.run.id, asked.step.name, asked.attempt) == (run.id, "only", 1)
    assert asked.attempt_limit == limits["retry_limit"]


def test_decide_retry_is_not_asked_about_lost_attempts(house: House, guard: Guard) -> None:
    house.submit("open")
    drain = house.drain()
    [item] = drain.claim()
    guard.asked.clear()

    house.engine.release_dead(drain.id, (item.step_id, item.token), "killed")

    assert guard.asked == []
