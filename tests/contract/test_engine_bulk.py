"""Cancel, retry and delete by filter, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.bulk import BulkAction, BulkRequest
from ratchet_core.errors import CountMismatch, NothingMatches, ValidationFailed
from ratchet_core.store.schema import metadata
from tests.contract.engine_house import House, failure, workflow

CANCEL, RETRY, DELETE = BulkAction.CANCEL, BulkAction.RETRY, BulkAction.DELETE
ONE = RunQuery(namespace="default", name="one")


def asked(action: BulkAction, query: RunQuery = ONE, **options: Any) -> BulkRequest:
    return BulkRequest(action=action, query=query, by="me", **options)


def total(house: House, **filters: Any) -> int:
    return house.reads.runs(RunQuery(**filters), Window(limit=1)).total


def test_a_look_tells_how_many_and_shows_some_and_changes_nothing(house: House) -> None:
    house.define(single_step("one", "test"), single_step("two", "test"))
    made = [house.submit("one").id for _ in range(12)]
    house.submit("two")

    look = house.engine.bulk_look(asked(CANCEL))

    assert look.matched == 12
    assert [run.id for run in look.sample] == made[:10]
    assert total(house, states=(RunState.PENDING,)) == 13
    assert house.engine.bulk_look(asked(RETRY)).matched == 0


def test_what_matches_is_cancelled_retried_and_deleted(house: House) -> None:
    house.define(workflow("one", a=[], b=["a"]), single_step("two", "test"))
    made = [house.submit("one").id for _ in range(120)]
    other = house.submit("two").id
    drain = house.drain()

    cancelled = house.engine.bulk(asked(CANCEL, expected=120))

    assert (cancelled.matched, cancelled.done, cancelled.skipped) == (120, 120, 0)
    assert {house.reads.run(run_id).state for run_id in made} == {RunState.CANCELLED}
    retried = house.engine.bulk(asked(RETRY, expected=120))
    assert retried.done == 120
    assert total(house, states=(RunState.PENDING,), name="one") == 120
    drain.work_off(limit=300)
    deleted = house.engine.bulk(asked(DELETE, expected=120))
    assert deleted.done == 120
    assert total(house, name="one") == 0
    assert house.reads.run(other).state is RunState.COMPLETED
    with house.database.read() as tx:
        for table in metadata.sorted_tables:
            if "run_id" in table.c and table.name != "removed_runs":
                left = select(func.count()).select_from(table).where(table.c.run_id != other)
                assert (table.name, tx.execute(left).scalar()) == (table.name, 0)


def test_another_number_than_expected_changes_nothing(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(3):
        house.submit("one")

    for wrong in (2, 4):
        with pytest.raises(CountMismatch, match=f"3 match, not {wrong}"):
            house.engine.bulk(asked(CANCEL, expected=wrong))

    assert total(house, states=(RunState.PENDING,)) == 3


def test_a_filter_that_matches_nothing_is_told(house: House) -> None:
    house.define(single_step("one", "test"))
    house.submit("one")

    for request in (asked(RETRY, limit=5), asked(CANCEL, RunQuery(name="none"), expected=1)):
        with pytest.raises(NothingMatches, match="nothing was changed"):
            house.engine.bulk(request)


def test_bounded_batches_take_the_oldest_first(house: House) -> None:
    house.define(single_step("one", "test"))
    made = [house.submit("one").id for _ in range(5)]

    first = house.engine.bulk(asked(CANCEL, limit=2))
    second = house.engine.bulk(asked(CANCEL, limit=100))

    assert (first.matched, first.done) == (5, 2)
    assert house.events(made[1])[-1] == "run.cancelled"
    assert (second.matched, second.done) == (3, 3)


def test_everything_has_to_be_asked_for(house: House) -> None:
    house.define(single_step("one", "test"))
    house.submit("one")
    scoped = RunQuery(namespaces=("default",))

    for query in (RunQuery(), scoped):
        with pytest.raises(ValidationFailed) as refused:
            house.engine.bulk_look(asked(CANCEL, query))
        assert "would match everything" in refused.value.details["filter"][0]
    with pytest.raises(ValidationFailed) as refused:
        house.engine.bulk(asked(CANCEL, everything=True, expected=1))
    assert list(refused.value.details) == ["all"]

    assert house.engine.bulk(asked(CANCEL, scoped, everything=True, expected=1)).done == 1


@pytest.mark.parametrize(
    ("action", "state"),
    [(CANCEL, "completed"), (RETRY, "pending"), (RETRY, "completed"), (DELETE, "running")],
)
def test_states_that_the_action_does_not_apply_to_are_refused(
    house: House, action: BulkAction, state: str
) -> None:
    query = RunQuery(states=(RunState(state),))

    with pytest.raises(ValidationFailed, match=f"{action} applies only to what is"):
        house.engine.bulk_look(asked(action, query))


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "expected"),
        ({"expected": 1, "limit": 1}, "expected"),
        ({"expected": 0}, "expected"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"expected": 10_001}, "expected"),
    ],
)
def test_how_many_has_to_be_said_once_and_sensibly(
    house: House, options: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        house.engine.bulk(asked(CANCEL, **options))

    assert list(refused.value.details) == [place]


def test_a_retry_of_many_rings_once_a_batch(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(3):
        house.submit("one")
    house.drain().work_off({"one": failure(retryable=False), "main": failure(retryable=False)})
    assert total(house, states=(RunState.FAILED,)) == 3
    house.rings.clear()

    house.engine.bulk(asked(RETRY, expected=3))

    assert house.rings == [{"default": 3}]
