"""Outputs of ended runs: handed over once, sent at least once, put aside when hopeless."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ratchet_core.domain.delivery import DeliveryEnd, DeliveryPolicy, Destination, Origin
from ratchet_core.domain.retry import Backoff
from ratchet_core.engine.deliver import Parcel
from ratchet_core.engine.destinations import DestinationRules
from ratchet_core.errors import Conflict, DeliveryNotFound, Unavailable, ValidationFailed
from ratchet_core.redaction import MASK
from ratchet_core.runtime.outputs import problems_of
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    PermanentError,
    RetryableError,
)
from ratchet_core.store import deliveries as stored
from ratchet_core.store.database import Database
from ratchet_core.store.schema import deliveries, delivery_attempts
from ratchet_core.worker.deliverer import Deliverer
from ratchet_core.worker.parcel import Sender
from tests.contract.engine_house import House, failure, workflow

POLICY = DeliveryPolicy(attempt_limit=3, backoff=Backoff(base_s=0.0, cap_s=30.0))
OK = DeliveryEnd(ok=True)
NO = DeliveryEnd(ok=False, message="no")


def place(name: str, number: int = 0, **fields: Any) -> Destination:
    given = {"kind": "recorder", "origin": Origin.GLOBAL, "options": {"key": name}, **fields}
    return Destination(name=name, place=number, **given)


class Recorder(OutputDestination):
    """Remembers what it was given, and answers as told."""

    name = "recorder"

    def __init__(self, *answers: DeliveryOutcome | Exception) -> None:
        self.seen: list[DeliveryView] = []
        self._answers = list(answers)

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        self.seen.append(delivery)
        answer = self._answers.pop(0) if self._answers else Delivered(details={"status": 200})
        if isinstance(answer, Exception):
            raise answer
        return answer


def house_with(database: Database, *destinations: Destination, **rules: Any) -> House:
    made = DestinationRules(everywhere=destinations, policy=POLICY, **rules)
    house = House(database, destinations=made)
    house.define(workflow("one", only=()))
    return house


def complete(house: House, **options: Any) -> str:
    run = house.submit("one", **options)
    house.drain().work_off()
    return run.id


def sender(kind: OutputDestination) -> Sender:
    environ = {"RATCHET_REGION": "eu", "RATCHET_JWT_SECRET": "hidden"}
    return Sender(
        {kind.name: kind},
        POLICY,
        30.0,
        lambda _destination: b"key",
        environment="test",
        environ=environ,
    )


def rows(house: House) -> list[Any]:
    with house.database.read() as tx:
        return list(tx.execute(deliveries.select().order_by(deliveries.c.created_at)))


def attempts(house: House) -> list[tuple[int, str]]:
    with house.database.read() as tx:
        found = tx.execute(delivery_attempts.select().order_by(delivery_attempts.c.number))
        return [(row.number, row.state) for row in found]


def claimed(house: House, count: int = 10) -> Sequence[Parcel]:
    house.engine.deliveries.hand_over()
    return house.engine.deliveries.claim(count)


def test_an_output_is_handed_over_once(database: Database) -> None:
    house = house_with(database, place("first"), place("second", 1))
    run_id = complete(house)

    assert [house.engine.deliveries.hand_over() for _ in range(3)] == [1, 0, 0]
    assert [(row.run_id, row.destination, row.state) for row in rows(house)] == [
        (run_id, "first", "pending"),
        (run_id, "second", "pending"),
    ]


def test_a_run_without_destinations_costs_nothing(house: House) -> None:
    house.define(workflow("one", only=()))
    complete(house)

    assert house.engine.deliveries.next_in_s() is None
    assert house.engine.deliveries.hand_over() == 0


def test_a_run_that_has_not_ended_delivers_nothing(database: Database) -> None:
    house = house_with(database, place("first"))
    house.submit("one")

    assert house.engine.deliveries.hand_over() == 0


@pytest.mark.parametrize(
    ("states", "expected"),
    [(("completed",), 0), (("failed",), 1), (("completed", "failed"), 1), (("cancelled",), 0)],
)
def test_only_ends_that_a_destination_wants_are_delivered(
    database: Database, states: tuple[str, ...], expected: int
) -> None:
    house = house_with(database, place("first", run_states=states))
    house.submit("one")
    house.drain().work_off({"only": failure(retryable=False)})

    house.engine.deliveries.hand_over()

    assert len(rows(house)) == expected


def test_a_cancelled_run_is_delivered_where_it_is_wanted(database: Database) -> None:
    house = house_with(database, place("first", run_states=("cancelled",)))
    run = house.submit("one")
    house.engine.cancel(run.id, "tester")
    recorder = Recorder()
    [parcel] = claimed(house)

    end, _ = sender(recorder).send(parcel)

    assert end.ok
    assert recorder.seen[0].output == {"job_id": run.id, "status": "cancelled", "error": None}


def test_a_run_that_is_tried_again_delivers_each_of_its_ends(database: Database) -> None:
    house = house_with(database, place("first", run_states=("completed", "failed")))
    run = house.submit("one")
    house.drain().work_off({"only": failure(retryable=False)})
    house.engine.deliveries.hand_over()
    house.engine.retry(run.id, "tester")
    house.drain().work_off()
    house.engine.deliveries.hand_over()

    assert [row.run_state for row in rows(house)] == ["failed", "completed"]


def test_the_output_and_what_templates_read_reach_the_plugin(database: Database) -> None:
    house = house_with(database, place("first"))
    run_id = complete(house, priority=3, origin={"team": "x"})
    recorder = Recorder()
    [parcel] = claimed(house)

    end, _ = sender(recorder).send(parcel)

    [view] = recorder.seen
    assert end == DeliveryEnd(ok=True, details={"status": 200})
    assert view.body == b'{"step":"only"}'
    assert (view.id, view.attempt, view.state) == (parcel.claimed.id, 1, "completed")
    assert view.render("{{task_name}}/{{job_id}} {{priority}} {{status}} {{env_region}}") == (
        f"one/{run_id} 3 completed eu"
    )
    assert view.render("{{meta_team}} {{environment}}") == "x test"
    assert view.render("{{signature}}") == view.signature(view.body)
    assert "env_jwt_secret" not in view.variables


def test_an_attempt_is_claimed_by_one_process_only(database: Database) -> None:
    house = house_with(database, *[place(f"d{number}", number) for number in range(20)])
    complete(house)
    house.engine.deliveries.hand_over()
    found: list[str] = []

    def take() -> None:
        while parcels := house.engine.deliveries.claim(3):
            found.extend(parcel.claimed.id for parcel in parcels)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == len(set(found)) == 20


def test_a_failed_attempt_is_tried_again_until_the_limit_and_then_put_aside(
    database: Database,
) -> None:
    house = house_with(database, place("first"))
    run_id = complete(house)
    for _ in range(3):
        [parcel] = claimed(house)
        house.engine.deliveries.end(parcel.claimed, NO, POLICY)

    assert claimed(house) == []
    assert [(row.state, row.attempts, row.failures) for row in rows(house)] == [("failed", 3, 3)]
    assert attempts(house) == [(1, "failed"), (2, "failed"), (3, "failed")]
    assert house.events(run_id)[-3:] == [
        "delivery.retrying",
        "delivery.retrying",
        "delivery.failed",
    ]
    assert house.reads.run(run_id).state == "completed"


def test_an_end_that_comes_after_the_take_over_changes_nothing(database: Database) -> None:
    house = house_with(database, place("first"))
    complete(house)
    [first] = claimed(house)
    assert house.engine.deliveries.end(first.claimed, NO, POLICY)
    [second] = claimed(house)

    assert not house.engine.deliveries.end(first.claimed, OK, POLICY)
    assert house.engine.deliveries.end(second.claimed, OK, POLICY)
    assert attempts(house) == [(1, "failed"), (2, "delivered")]


def test_an_attempt_whose_process_is_silent_is_counted_and_tried_again(database: Database) -> None:
    house = house_with(database, place("first"))
    complete(house)
    [parcel] = claimed(house)
    assert house.engine.deliveries.reap() == 0
    with database.write() as tx:
        tx.execute(deliveries.update().values(lease_until=1))

    assert house.engine.deliveries.reap() == 1
    [again] = claimed(house)
    assert (again.claimed.attempts, again.claimed.failures) == (2, 1)
    assert not house.engine.deliveries.end(parcel.claimed, OK, POLICY)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (DeliveryFailed(message="503"), "pending"),
        (DeliveryFailed(message="400", retryable=False), "failed"),
        (RetryableError("later", retry_after_s=7.0), "pending"),
        (PermanentError("never"), "failed"),
        (OSError("broken pipe"), "pending"),
    ],
)
def test_what_a_plugin_answers_decides(
    database: Database, answer: DeliveryOutcome | Exception, state: str
) -> None:
    house = house_with(database, place("first"))
    complete(house)
    [parcel] = claimed(house)

    end, policy = sender(Recorder(answer)).send(parcel)
    house.engine.deliveries.end(parcel.claimed, end, policy)

    assert [row.state for row in rows(house)] == [state]


def test_the_other_side_s_wish_to_wait_is_kept(database: Database) -> None:
    house = house_with(database, place("first"))
    complete(house)
    [parcel] = claimed(house)

    house.engine.deliveries.end(parcel.claimed, replace(NO, retry_after_s=120.0), POLICY)

    wait_s = house.engine.deliveries.next_in_s()
    assert wait_s is not None
    assert 100 < wait_s <= 120


def test_a_destination_that_wants_nothing_more_is_switched_off_until_it_is_enabled(
    database: Database,
) -> None:
    house = house_with(database, place("first"))
    complete(house)
    [parcel] = claimed(house)
    house.engine.deliveries.end(parcel.claimed, replace(NO, disable=True), POLICY)
    complete(house)
    [off] = claimed(house)
    end, policy = sender(Recorder()).send(off)
    house.engine.deliveries.end(off.claimed, end, policy)

    assert end.code == "DESTINATION_DISABLED"
    assert [row.state for row in rows(house)] == ["failed", "failed"]
    assert house.engine.deliveries.enable("first")
    house.engine.deliveries.redeliver(off.claimed.id)
    [again] = claimed(house)
    assert sender(Recorder()).send(again)[0].ok


def test_a_destination_that_is_gone_is_said_so(database: Database) -> None:
    house = house_with(database, place("first"))
    complete(house)
    house.engine.deliveries.hand_over()
    later = house_with(database)

    [parcel] = later.engine.deliveries.claim(10)

    assert sender(Recorder()).send(parcel)[0].code == "DESTINATION_GONE"


def test_only_what_has_ended_can_be_redelivered(database: Database) -> None:
    house = house_with(database, place("first"))
    complete(house)
    [parcel] = claimed(house)

    with pytest.raises(Conflict, match="running"):
        house.engine.deliveries.redeliver(parcel.claimed.id)
    with pytest.raises(DeliveryNotFound):
        house.engine.deliveries.redeliver(new_id())
    house.engine.deliveries.end(parcel.claimed, OK, POLICY)
    assert house.engine.deliveries.redeliver_many([parcel.claimed.id, new_id()]) == 1
    [again] = claimed(house)
    assert again.claimed.attempts == 2


def test_workflows_and_runs_name_destinations_of_their_own(database: Database) -> None:
    house = House(database, destinations=DestinationRules(expand=expanded))
    own = ({"name": "mine", "destination": {"type": "recorder", "key": "${KEY}"}},)
    house.define(replace(workflow("one", only=()), output_destinations=own))
    asked = ({"type": "recorder", "key": "${KEY}"},)
    complete(house, output_destinations=asked)

    found = {parcel.claimed.destination: parcel.destination for parcel in claimed(house)}

    assert {name: one.options["key"] for name, one in found.items() if one} == {
        "mine": "looked up",
        "recorder-1": "${KEY}",  # whoever may run may not read the environment
    }


def expanded(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: "looked up" if item == "${KEY}" else item for key, item in value.items()}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({}, "type: is missing"),
        ({"destination": {"url": "x"}}, "type: is missing"),
        ({"destination": "x"}, "expected an object"),
        ({"destination": {"type": "a"}, "run_states": ["later"]}, "run_states"),
        ({"destination": {"type": "a"}, "colour": "red"}, "colour: unknown key"),
        ({"destination": {"type": "a"}, "name": ""}, "name: expected"),
    ],
)
def test_a_run_with_a_bad_destination_is_refused(
    house: House, wrong: Mapping[str, Any], reason: str
) -> None:
    house.define(workflow("one", only=()))

    with pytest.raises(ValidationFailed) as refused:
        house.submit("one", output_destinations=(wrong,))

    assert reason in str(refused.value.details["output_destinations[0]"])


def test_the_deliverer_brings_everything_and_ends_when_asked(database: Database) -> None:
    house = house_with(database, place("first"), place("second", 1))
    recorder = Recorder(DeliveryFailed(message="503"))
    run_ids = {complete(house) for _ in range(5)}

    def is_done() -> bool:
        return bool(rows(house)) and {row.state for row in rows(house)} == {"delivered"}

    deliverer = Deliverer(
        house.engine.deliveries,
        sender(recorder),
        {},
        slots=2,
        notices=NoNotices(),
        is_asked=is_done,
    )
    deliverer.run()

    assert {view.run.id for view in recorder.seen} == run_ids
    assert len(recorder.seen) == 11
    with database.read() as tx:
        assert stored.next_in_us(tx) is None


def test_a_deliverer_goes_on_after_the_database_was_away_at_a_claim(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_with(database, place("first"))
    complete(house)
    recorder, verbs = Recorder(), house.engine.deliveries
    asked: list[int] = []
    claim = verbs.claim

    def away_once(count: int) -> list[Parcel]:
        asked.append(count)
        if len(asked) == 1:
            raise Unavailable("the database does not answer; try again")
        return claim(count)

    monkeypatch.setattr(verbs, "claim", away_once)
    kind = sender(recorder)
    deliverer = Deliverer(
        verbs, kind, {}, slots=3, notices=NoNotices(), is_asked=lambda: bool(recorder.seen)
    )
    deliverer.run()

    assert asked[:2] == [3, 3]
    assert [row.state for row in rows(house)] == ["delivered"]


class NoNotices:
    """A Redis that is not there."""

    def wait(self, _timeout_s: float) -> bool | None:
        return None


class Careless(Recorder):
    """Tells its secrets in whatever it says, as libraries do."""

    name = "careless"
    secret_options = ("login", "url")

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        return [f"login: {options['login']['key']} is no key"] if "wrong" in options else []


SECRET_OPTIONS = {
    "login": {"key": "k-7b31c9", "more": ["n-55aa17"]},
    "url": "amqp://shop:p%40ss-word@broker/shop",
    "region": "north",
}
SAID = "north: k-7b31c9, n-55aa17, p@ss-word and amqp://shop:p%40ss-word@broker/shop are refused"


@pytest.mark.parametrize(
    "answer",
    [
        DeliveryFailed(message=SAID, details={"k-7b31c9": [SAID]}),
        Delivered(details={"said": SAID}),
        PermanentError(SAID),
        OSError(SAID),
    ],
)
def test_nothing_stored_of_an_attempt_holds_what_the_plugin_calls_secret(
    database: Database, answer: DeliveryOutcome | Exception
) -> None:
    house = house_with(database, place("first", kind="careless", options=SECRET_OPTIONS))
    complete(house)
    [parcel] = claimed(house)

    end, policy = sender(Careless(answer)).send(parcel)
    house.engine.deliveries.end(parcel.claimed, end, policy)

    with database.read() as tx:
        stored_rows = [*tx.execute(deliveries.select()), *tx.execute(delivery_attempts.select())]
    text = " ".join(str(row) for row in stored_rows)
    assert "north" in text
    assert [part for part in ("k-7b31c9", "n-55aa17", "p@ss-word", "p%40ss") if part in text] == []


def test_a_problem_with_options_does_not_tell_their_secrets() -> None:
    options = {**SECRET_OPTIONS, "wrong": True}

    [problem] = problems_of(
        place("first", kind="careless", options=options), {"careless": Careless()}
    )

    assert problem == "login: [secret] is no key"


def test_destinations_are_shown_without_what_the_plugin_calls_secret() -> None:
    rules = DestinationRules(secret_options={"careless": ("login", "url")}.__getitem__)
    inner = {"type": "careless", **SECRET_OPTIONS, "retry_policy": {"max_attempts": 3}}
    outer = {"name": "first", "run_states": ["failed"], "destination": inner}
    masked = {**inner, "login": MASK, "url": MASK}

    assert rules.shown([inner, outer]) == [masked, {**outer, "destination": masked}]
