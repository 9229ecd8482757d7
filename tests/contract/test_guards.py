"""The guards of what is written: state and token of a step, the lease of a drain, its session."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import inspect, text

from ratchet_core.domain.states import RunState
from ratchet_core.domain.workflow import single_step
from ratchet_core.engine.work import Assignment
from ratchet_core.store import transitions
from ratchet_core.store.database import Database, Tx
from ratchet_core.store.driver import write
from tests.contract.engine_house import Drain, House, workflow

#: Columns of runs that may change with every step.
RESTLESS = {
    "steps_open",
    "steps_active",
    "steps_backoff",
    "steps_failed",
    "retries",
    "progress",
    "updated_at",
    "result",
    "error",
}


def claimed(house: House) -> tuple[Drain, Assignment]:
    """Give a drain that holds the only step of a run."""
    house.define(single_step("one", "test"))
    house.submit("one")
    drain = house.drain()
    [held] = drain.claim()
    return drain, held


def the_step(house: House, held: Assignment) -> tuple[str, int, str | None]:
    """Return state, token and holder of a step as they are stored."""
    with house.database.read() as tx:
        look = text("SELECT state, token, drain_id FROM steps WHERE id = :id")
        return tuple(tx.execute(look, {"id": held.step_id}).one())


def end_row(held: Assignment, token: int) -> dict[str, Any]:
    return {
        "id": held.step_id, "token": token, "state": "completed", "result": "1", "error": None,
        "attempts": 1, "failures": 0, "losses": 0, "attempt_id": None, "progress": 1.0,
        "ready_at": None, "alone": False, "started_at": 1, "completed_at": 2,
    }  # fmt: skip


def end(tx: Tx, held: Assignment, token: int) -> int:
    return write(tx, transitions.END_STEPS, [end_row(held, token)])


def start(tx: Tx, held: Assignment, token: int) -> int:
    row = {"id": held.step_id, "token": token, "attempt_id": "a", "started_at": 1}
    return int(transitions.start_step(tx, row))


def tell_progress(tx: Tx, held: Assignment, token: int) -> int:
    return int(transitions.write_progress(tx, held.step_id, token, 0.5))


def reset(tx: Tx, held: Assignment, token: int) -> int:
    row = {"id": held.step_id, "token": token, "state": "ready", "pending_parents": 0}
    return transitions.reset_steps(tx, [{**row, "ready_at": 1}])


def settle(tx: Tx, held: Assignment, token: int) -> int:
    row = {
        "id": held.step_id, "run_id": held.run_id, "token": token, "from_state": "claimed",
        "state": "completed", "result": "1", "error": None, "progress": 1.0, "at": 1,
    }  # fmt: skip
    return int(transitions.settle_step(tx, row))


def edit(tx: Tx, held: Assignment, token: int) -> int:
    row = {"id": held.step_id, "token": token, "from_state": "claimed", "input": "1"}
    return int(transitions.edit_step(tx, {**row, "changes": None}))


WRITES = [end, start, tell_progress, reset, settle, edit]
#: Those of them that a drain makes; they leave the states of a held step only.
OF_DRAINS = [end, start, tell_progress]


@pytest.mark.parametrize("change", WRITES)
def test_no_write_about_a_step_meets_it_under_another_token(house: House, change: Any) -> None:
    _, held = claimed(house)
    before = the_step(house, held)

    with house.database.write() as tx:
        met = [change(tx, held, token) for token in (held.token - 1, held.token + 1)]

    assert met == [0, 0]
    assert the_step(house, held) == before


@pytest.mark.parametrize("change", WRITES)
def test_a_write_about_a_step_meets_it_under_its_token(house: House, change: Any) -> None:
    _, held = claimed(house)

    with house.database.write() as tx:
        met = change(tx, held, held.token)

    assert met == 1


@pytest.mark.parametrize("change", OF_DRAINS)
def test_no_write_of_a_drain_meets_a_step_that_it_does_not_hold(house: House, change: Any) -> None:
    _, held = claimed(house)
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE steps SET state = 'ready'")

    with house.database.write() as tx:
        met = change(tx, held, held.token)

    assert met == 0


def test_a_drain_frees_only_what_it_holds(house: House) -> None:
    _, held = claimed(house)
    row = {"id": held.step_id, "drain_id": house.drain().id, "interrupted": 0, "state": "ready"}

    with house.database.write() as tx:
        met = transitions.release_steps(tx, [row])

    assert met == 0


def test_a_run_moves_only_out_of_the_state_that_was_seen(house: House) -> None:
    house.define(single_step("one", "test"))
    run = house.submit("one")
    row = {
        "id": run.id, "from_state": "running", "state": "completed", "open": 0, "active": 0,
        "backoff": 0, "failed": 0, "retries": 0, "progress": 1.0, "result": None, "error": None,
        "started_at": 1, "completed_at": 2, "at": 3,
    }  # fmt: skip

    with house.database.write() as tx:
        met = transitions.move_runs(tx, [row])

    assert met == 0
    assert house.reads.run(run.id).state is RunState.PENDING


def test_a_lease_that_ran_out_cannot_be_renewed(house: House) -> None:
    drain = house.drain()
    assert house.engine.renew_drain(drain.id)
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE drains SET lease_until = 0")

    assert not house.engine.renew_drain(drain.id)


def test_a_drain_renews_its_own_lease_and_no_other(house: House) -> None:
    one, two = house.drain(), house.drain()
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE drains SET lease_until = lease_until - 1000000")
    before = leases(house.database)

    house.engine.renew_drain(one.id)
    after = leases(house.database)

    assert after[one.id] > before[one.id]
    assert after[two.id] == before[two.id]


def leases(database: Database) -> dict[str, int]:
    with database.read() as tx:
        return {row.id: row.lease_until for row in tx.execute(text("SELECT * FROM drains"))}


def test_claims_given_back_again_and_again_are_never_counted(house: House) -> None:
    house.define(single_step("one", "test"))
    for _ in range(3):
        house.submit("one")
    drain = house.drain()

    for _ in range(3):
        house.engine.give_back(drain.id, drain.claim())

    again = drain.claim()
    assert [(item.attempt, item.alone) for item in again] == [(1, False)] * 3


def test_a_step_unsafe_to_repeat_that_may_be_retried_runs_again_when_it_is_lost(
    house: House,
) -> None:
    step = {"commit": "immediate", "retryable": True}
    house.define(single_step("one", "test", step=step))
    run = house.submit("one")
    drain = house.drain()
    [held] = drain.claim()
    house.engine.note_start(drain.id, held, house.core.new_id(), 0)

    house.engine.release_dead(drain.id, None, "died")

    assert house.drain().work_off() == ["one"]
    assert house.reads.run(run.id).state is RunState.COMPLETED


def test_no_index_of_runs_changes_with_every_step(house: House) -> None:
    with house.database.read() as tx:
        indexes = inspect(tx).get_indexes("runs")

    assert indexes
    indexed = {column for index in indexes for column in index["column_names"]}
    assert indexed & RESTLESS == set()


def test_a_look_holds_no_transaction_open(house: House) -> None:
    """What is committed meanwhile is seen, and nothing keeps old rows from being cleared away."""
    house.define(workflow("w", a=[]))
    count = text("SELECT count(*) FROM runs")

    with house.database.read() as tx:
        before = tx.execute(count).scalar_one()
        is_held = is_in_transaction(tx)
        house.submit("w")
        after = tx.execute(count).scalar_one()

    assert (before, after) == (0, 1)
    assert not is_held


def is_in_transaction(tx: Tx) -> bool:
    """Ask the driver whether the connection is in a transaction at this moment."""
    raw: Any = tx.connection.driver_connection
    if tx.dialect.name == "sqlite":
        return bool(raw.in_transaction)
    return str(raw.info.transaction_status.name) != "IDLE"
