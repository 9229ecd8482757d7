"""What the supervisor does with its children besides recovery: recycling, giving up, Ctrl-C."""

from __future__ import annotations

import os
import signal

import psutil

from ratchet_core.worker.drain import Ending
from ratchet_core.worker.run import run_inline
from tests.integration.worker.conftest import Place, chain, one_step
from tests.waiting import wait_for


def horses(place: Place) -> set[str]:
    return {line[4] for line in place.ledger("ran")}


def test_a_horse_is_replaced_after_its_number_of_steps(place: Place) -> None:
    place.define(one_step("quick"))
    place.start(environ={"RATCHET_WORKER_RECYCLE_AFTER_STEPS": "10"})
    place.await_ends(place.submit("quick", 50))

    def replaced() -> bool:
        place.await_ends(place.submit("quick", 5))
        return len(horses(place)) > 1

    assert wait_for(replaced, "another horse")
    assert "was killed" not in place.log()


def test_a_horse_that_grew_is_replaced(place: Place) -> None:
    place.define(one_step("quick"))
    place.start(environ={"RATCHET_WORKER_RECYCLE_ABOVE_BYTES": "1000000"})

    def replaced() -> bool:
        place.await_ends(place.submit("quick", 1))
        return len(horses(place)) > 1

    assert wait_for(replaced, "another horse")


def test_a_slot_that_dies_again_and_again_is_given_up_when_so_configured(place: Place) -> None:
    place.define(one_step("poison"))
    place.submit("poison", 5)
    host = place.start(environ={"RATCHET_WORKER_MAX_RESTART_ATTEMPTS": "1"})

    assert host.wait(20) == 1
    assert "given up" in place.log()


def test_ctrl_c_in_the_terminal_ends_warm(place: Place) -> None:
    place.define(one_step("waits_for_release"))
    host = place.start()
    [run_id] = place.submit("waits_for_release")
    place.await_ledger("waiting")
    os.killpg(host.pid, signal.SIGINT)
    wait_for(lambda: "ending warm" in place.log(), "the signal to be heard")
    place.release()

    assert host.wait(10) == 0
    assert str(place.runtime.reads.run_state(run_id)) == "completed"


def test_a_worker_leaves_no_process_behind(place: Place) -> None:
    place.define(one_step("quick"))
    host = place.start(slots=3)
    place.await_ends(place.submit("quick", 10))
    family = psutil.Process(host.pid).children(recursive=True)
    host.terminate()

    assert host.wait(10) == 0
    assert [member for member in family if member.is_running()] == []


def test_a_run_can_be_drained_in_this_very_process(place: Place) -> None:
    place.define(chain(5))
    [run_id] = place.submit("chain5")
    before = signal.getsignal(signal.SIGTERM)

    assert run_inline(place.runtime, run_id) is Ending.ASKED
    assert str(place.runtime.reads.run_state(run_id)) == "completed"
    assert signal.getsignal(signal.SIGTERM) == before
