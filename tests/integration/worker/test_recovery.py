"""Work-horses that die, hang or are stopped: what they held goes on, and innocents never suffer."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import psutil

from ratchet_core.domain.query import AttemptQuery, Window
from ratchet_core.domain.views import RunView
from tests.integration.worker.conftest import SHORT_LEASE, Place, attempts_of, chain, one_step
from tests.waiting import wait_for

SHORT_GRACE = {"RATCHET_EXECUTION_TIMEOUT_GRACE_PERIOD": "0.5"}


def run(place: Place, run_id: str) -> RunView:
    return place.runtime.reads.run(run_id)


def test_a_poison_step_in_a_batch_fails_no_innocent(place: Place) -> None:
    place.define(one_step("quick"), one_step("poison"))
    innocents = place.submit("quick", 25)
    [poison] = place.submit("poison")
    innocents += place.submit("quick", 24)
    place.start()

    ends = place.await_ends([*innocents, poison])

    assert ends == {"completed": 49, "failed": 1}
    error = run(place, poison).error
    assert error is not None
    assert error.code == "WORKER_LOST"
    assert [attempts_of(place, run_id) for run_id in innocents] == [1] * 49


def test_a_step_lost_with_its_worker_runs_again_within_two_seconds(place: Place) -> None:
    place.define(one_step("poisoned_once"))
    place.start()
    [run_id] = place.submit("poisoned_once")
    place.await_ledger("poisoned")
    released = wait_for(lambda: "released what drain" in place.log(), "the release", timeout_s=2.0)

    assert released
    assert place.await_ends([run_id]) == {"completed": 1}
    assert attempts_of(place, run_id) == 2


def test_a_step_that_holds_the_interpreter_is_killed_at_its_deadline(place: Place) -> None:
    place.define(
        one_step("holds_the_interpreter", timeout_s=0.5, retryable=False), one_step("quick")
    )
    place.start(environ=SHORT_GRACE)
    held = place.submit("holds_the_interpreter")
    place.await_ledger("holding")
    others = place.submit("quick", 10)

    ends = place.await_ends([*held, *others], timeout_s=10.0)

    assert ends == {"completed": 10, "failed": 1}
    error = run(place, held[0]).error
    assert error is not None
    assert (error.code, error.attempt) == ("TIMEOUT", 1)
    assert "longer than its 0.5 s" in error.message


def test_a_step_that_holds_the_interpreter_stops_no_other_worker(place: Place) -> None:
    place.define(one_step("blocks_in_c"), one_step("quick"))
    place.start(slots=2)
    blocked = place.submit("blocks_in_c", block_s=4.0)
    place.await_ledger("blocking")

    assert place.await_ends(place.submit("quick", 50), timeout_s=3.0) == {"completed": 50}
    assert place.await_ends(blocked) == {"completed": 1}


def test_the_parent_keeps_the_lease_of_a_horse_that_cannot(place: Place) -> None:
    place.define(one_step("blocks_in_c"))
    short_lease = {"RATCHET_WORKER_LEASE_S": "4", "RATCHET_WORKER_HEARTBEAT_S": "1"}
    place.start(slots=2, environ=short_lease)
    [run_id] = place.submit("blocks_in_c", block_s=9.0)

    assert place.await_ends([run_id]) == {"completed": 1}
    assert len(place.ledger("blocking")) == 1


def test_a_stopped_horse_is_fenced_and_its_step_runs_elsewhere(place: Place) -> None:
    place.define(one_step("waits_for_release"))
    place.start(slots=2, environ=SHORT_LEASE)
    [run_id] = place.submit("waits_for_release")
    [first] = place.await_ledger("waiting")
    # 20 ms after its start the flusher is at work; stop it when it is not
    wait_for(lambda: attempts_of(place, run_id) == 1, "the start to be stored")
    os.kill(int(first[4]), signal.SIGSTOP)
    place.await_ledger("waiting", 2)
    place.release()
    ends = place.await_ends([run_id])
    before = attempts_and_events(place, run_id)
    os.kill(int(first[4]), signal.SIGCONT)
    zombie = psutil.Process(int(first[4]))
    wait_for(
        lambda: not is_alive(zombie) or "lost its lease" in place.log() or stale(place, run_id),
        "the stopped horse to step back",
    )

    assert ends == {"completed": 1}
    attempts, events = before
    assert attempts == [(1, "failed", "WorkerLost"), (2, "completed", None)]
    assert events.count("step.completed") == events.count("run.completed") == 1
    after_attempts, after_events = attempts_and_events(place, run_id)
    assert after_attempts == attempts
    assert [name for name in after_events if name != "attempt.stale"] == events


def attempts_and_events(place: Place, run_id: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Return number, state and error of each attempt, and the names in the journal."""
    reads = place.runtime.reads
    attempts = reads.attempts(AttemptQuery(run_id=run_id), Window()).items
    events = [event.name for event in reads.events(run_id)]
    told = [(one.number, str(one.state), one.error and one.error.type) for one in attempts]
    return sorted(told), events


def stale(place: Place, run_id: str) -> bool:
    return "attempt.stale" in attempts_and_events(place, run_id)[1]


def test_a_stopped_horse_that_holds_the_write_lock_is_killed(place: Place) -> None:
    place.define(one_step("stops_with_the_lock"), one_step("quick"))
    place.start(slots=2, environ=SHORT_LEASE)
    lock = f"{place.runtime.database.path}.lock"
    [run_id] = place.submit("stops_with_the_lock", lock=lock)
    [first] = place.await_ledger("locked")
    others = place.submit("quick", 10)

    assert place.await_ends([run_id, *others], timeout_s=20.0) == {"completed": 11}
    assert not psutil.pid_exists(int(first[4])) or not is_alive(psutil.Process(int(first[4])))
    assert attempts_of(place, run_id) == 2
    assert "holds the database's lock: killed" in place.log()


def test_a_cancelled_step_that_listens_ends_early(place: Place) -> None:
    place.define(one_step("waits_for_release"), one_step("quick"))
    place.start()
    [run_id] = place.submit("waits_for_release")
    place.await_ledger("waiting")
    place.runtime.engine.cancel(run_id, "tester")

    assert place.await_ends(place.submit("quick"), timeout_s=3.0) == {"completed": 1}
    assert run(place, run_id).state == "cancelled"


def test_a_cancelled_step_that_runs_on_is_killed_after_its_grace(place: Place) -> None:
    place.define(one_step("ignores_cancel"), one_step("quick"))
    place.start(environ=SHORT_GRACE)
    [run_id] = place.submit("ignores_cancel")
    [[*_, pid]] = place.await_ledger("ignoring")
    place.runtime.engine.cancel(run_id, "tester")

    assert wait_for(lambda: not psutil.pid_exists(int(pid)), "the horse to die", timeout_s=5.0)
    assert place.await_ends(place.submit("quick")) == {"completed": 1}
    assert run(place, run_id).state == "cancelled"


def test_steps_of_a_killed_host_are_taken_over_within_the_lease(place: Place) -> None:
    place.define(one_step("waits_for_release"))
    host = place.start(environ=SHORT_LEASE)
    [run_id] = place.submit("waits_for_release")
    place.await_ledger("waiting")
    family = psutil.Process(host.pid).children(recursive=True)
    host.kill()
    for member in family:
        member.kill()
    host.wait()
    place.start(environ=SHORT_LEASE)
    place.await_ledger("waiting", 2)
    place.release()

    assert place.await_ends([run_id]) == {"completed": 1}


def test_horses_of_a_killed_supervisor_end_by_themselves(place: Place) -> None:
    place.define(one_step("quick"))
    host = place.start(slots=2)
    place.await_ends(place.submit("quick", 10))
    family = psutil.Process(host.pid).children(recursive=True)
    host.kill()
    host.wait()

    assert wait_for(lambda: not any(map(is_alive, family)), "the horses to end", timeout_s=5.0)


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_sigterm_finishes_the_running_step_and_gives_the_rest_back(place: Place) -> None:
    place.define(one_step("waits_for_release"), one_step("quick"))
    host = place.start()
    [waiting] = place.submit("waits_for_release")
    place.await_ledger("waiting")
    rest = place.submit("quick", 20)
    host.terminate()
    place.release()

    assert host.wait(10) == 0
    assert run(place, waiting).state == "completed"
    states = Counter(str(place.runtime.reads.run_state(run_id)) for run_id in rest)
    assert states == {"pending": 20}


def test_a_second_sigterm_ends_cold_and_loses_nothing(place: Place) -> None:
    place.define(one_step("waits_for_release"))
    host = place.start()
    [run_id] = place.submit("waits_for_release")
    place.await_ledger("waiting")
    host.terminate()
    wait_for(lambda: "ending warm" in place.log(), "the first signal to be heard")
    host.terminate()
    code = host.wait(10)
    place.release()
    place.start()

    assert code == 0
    assert place.await_ends([run_id]) == {"completed": 1}
    assert attempts_of(place, run_id) == 2


def test_a_burst_ends_when_nothing_is_ready(place: Place) -> None:
    place.define(chain(5))
    run_ids = place.submit("chain5", 20)
    host = place.start(
        *place.worker_command(slots=2, burst=True),
    )

    assert host.wait(20) == 0
    assert place.await_ends(run_ids) == {"completed": 20}


def test_progress_of_a_slow_step_is_seen_while_it_runs(place: Place) -> None:
    place.define(one_step("tells_progress"))
    place.start()
    [run_id] = place.submit("tells_progress")

    progress = wait_for(lambda: run(place, run_id).progress, "progress to show")
    place.release()

    assert progress == 0.5
    assert place.await_ends([run_id]) == {"completed": 1}
