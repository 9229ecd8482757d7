from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from ratchet_core.engine.admission import LONGEST_WAIT_S, Admission
from ratchet_core.engine.engine import Engine
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import Overloaded
from ratchet_core.store.backlog import oldest_ready_age_s
from tests.contract.engine_house import QUEUE, House, workflow


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Guarded:
    """A house whose engine refuses runs while the oldest ready step is older than a minute."""

    def __init__(self, house: House) -> None:
        self.house, self.clock = house, Clock()
        core = replace(house.core, admission=Admission(60.0, monotonic=self.clock))
        self.engine = Engine(core, house.reads)
        house.define(workflow("one", only=()), replace(workflow("side", only=()), queue="other"))

    def submit(self, name: str = "one", **options: Any) -> str:
        request = SubmitRequest(namespace="default", name=name, **options)
        return self.engine.submit(request).run.id

    def age(self, seconds: float, name: str = "one") -> None:
        """Let the ready steps of a workflow's runs have waited so much longer."""
        with self.house.database.write() as tx:
            tx.execute(
                text(
                    "UPDATE steps SET ready_at = ready_at - :us "
                    "WHERE run_id IN (SELECT id FROM runs WHERE name = :name)"
                ),
                {"us": round(seconds * 1e6), "name": name},
            )

    def look_again(self) -> None:
        self.clock.now_s += 1.0


@pytest.fixture
def guarded(house: House) -> Guarded:
    return Guarded(house)


def test_runs_are_refused_while_the_oldest_ready_step_waits_too_long(guarded: Guarded) -> None:
    guarded.submit()
    guarded.age(90)
    guarded.look_again()

    with pytest.raises(Overloaded) as caught:
        guarded.submit()

    assert 29 < caught.value.retry_after_s < 40
    assert "limits.max_ready_age_s" in caught.value.message


def test_runs_are_taken_again_once_the_backlog_is_worked_off(guarded: Guarded) -> None:
    guarded.submit()
    guarded.age(90)
    guarded.look_again()
    with pytest.raises(Overloaded):
        guarded.submit()

    guarded.house.drain().work_off()
    guarded.look_again()

    assert guarded.submit()


def test_a_batch_is_refused_as_a_whole_and_stores_nothing(guarded: Guarded) -> None:
    guarded.submit()
    guarded.age(90)
    guarded.look_again()
    batch = [SubmitRequest(namespace="default", name=name) for name in ("side", "one")]

    for atomic in (True, False):
        with pytest.raises(Overloaded):
            guarded.engine.submit_many(batch, atomic=atomic)

    with guarded.house.database.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM runs")).scalar() == 1


def test_other_queues_and_known_keys_are_served_meanwhile(guarded: Guarded) -> None:
    known = guarded.submit(idempotency_key="k")
    guarded.age(90)
    guarded.look_again()

    assert guarded.submit("side")
    assert guarded.submit(idempotency_key="k") == known


def test_a_paused_queue_refuses_nobody(guarded: Guarded) -> None:
    guarded.submit()
    guarded.age(90)
    guarded.engine.pause_queue(QUEUE, "me")
    guarded.look_again()

    assert guarded.submit()


def test_one_look_holds_for_a_second(guarded: Guarded) -> None:
    guarded.submit()
    guarded.age(90)

    assert guarded.submit()

    guarded.look_again()
    with pytest.raises(Overloaded):
        guarded.submit()


def test_the_wait_follows_how_fast_the_backlog_shrinks(guarded: Guarded) -> None:
    guarded.submit()
    guarded.age(1000)
    guarded.look_again()
    with pytest.raises(Overloaded) as first:
        guarded.submit()

    guarded.age(-500)
    guarded.look_again()
    with pytest.raises(Overloaded) as second:
        guarded.submit()

    assert first.value.retry_after_s == LONGEST_WAIT_S
    assert second.value.retry_after_s == 1.0


def test_the_oldest_step_is_found_behind_higher_priorities(guarded: Guarded) -> None:
    guarded.submit(priority=-5)
    guarded.age(50)
    for priority in (0, 10, 20):
        guarded.submit(priority=priority)

    with guarded.house.database.read() as tx:
        age_s = oldest_ready_age_s(tx, QUEUE)
        nothing = oldest_ready_age_s(tx, "empty")

    assert age_s is not None
    assert 49 < age_s < 60
    assert nothing is None
