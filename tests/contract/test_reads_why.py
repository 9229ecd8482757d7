"""Why a run stands, who works, and the figures, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from ratchet_core.domain.outcome import Failed
from ratchet_core.domain.states import AttemptState, RunState, StepState
from ratchet_core.engine.work import DrainInfo
from ratchet_core.errors import Conflict, RunNotFound
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.store.schema import metadata
from tests.contract.engine_house import Drain, House, workflow


def causes(house: House, run_id: str) -> list[tuple[str, str | None]]:
    return [(reason.cause.value, reason.step) for reason in house.reads.why(run_id).reasons]


def open_drain(house: House, **fields: Any) -> str:
    info = {"id": new_id(), "host": "there", "pid": 7, "worker": "w", "queues": ("default",)}
    made = DrainInfo(**{**info, **fields})
    house.engine.open_drain(made)
    return made.id


def expire(house: House) -> None:
    house.database.transact(lambda tx: tx.execute(text("UPDATE drains SET lease_until = 1")))


def test_a_chain_is_explained_from_its_first_moment_to_its_end(house: House) -> None:
    house.define(workflow("chain", a=(), b=("a",)))
    run = house.submit("chain")

    assert causes(house, run.id) == [("no_worker", "a"), ("parents", "b")]
    drain = house.drain()
    assert causes(house, run.id)[0] == ("queued", "a")
    [claimed] = drain.claim()
    assert causes(house, run.id)[0] == ("claimed", "a")
    house.engine.note_start(drain.id, claimed, new_id(), 0)
    running = house.reads.why(run.id).reasons[0]
    assert (running.cause, running.drain and running.drain.id) == ("running", drain.id)
    expire(house)
    assert causes(house, run.id)[0] == ("lease_over", "a")
    house.engine.reap()
    house.drain().work_off()
    assert causes(house, run.id) == [("completed", None)]


def test_a_failure_blames_the_step_and_names_what_it_blocks(house: House) -> None:
    house.define(workflow("chain", a=(), b=("a",), c=("b",)))
    run = house.submit("chain")
    house.drain().work_off({"a": Failed(error_type="E", message="boom", retryable=False)})

    told = house.reads.why(run.id)

    assert causes(house, run.id) == [("step_failed", "a"), ("blocked", "b"), ("blocked", "c")]
    assert "'a' failed after 1 attempt: E: boom" in told.summary
    assert told.reasons[2].parents == ("a",)


def test_a_back_off_and_a_start_time_are_told_with_their_end(house: House) -> None:
    house.define(workflow("w", a=()))
    at = datetime.now(UTC) + timedelta(hours=3)
    later, failing = house.submit("w", scheduled_for=at), house.submit("w")
    house.drain().work_off({"a": Failed(error_type="E", message="boom")})

    waiting, tried = house.reads.why(later.id).reasons[0], house.reads.why(failing.id).reasons[0]

    assert (waiting.cause, tried.cause) == ("start_time", "back_off")
    assert waiting.until is not None
    assert abs((waiting.until - at).total_seconds()) < 0.01
    assert tried.until is not None
    assert tried.until > datetime.now(UTC)


def test_who_cancelled_is_told(house: House) -> None:
    house.define(workflow("w", a=()))
    run = house.submit("w")
    house.engine.cancel(run.id, "jwt:alice")

    assert house.reads.why(run.id).summary == "It was cancelled by jwt:alice"


def test_busy_workers_and_the_steps_before_one_are_counted(house: House) -> None:
    house.define(workflow("w", a=()))
    runs = [house.submit("w") for _ in range(4)]
    drain = house.drain()
    drain.claim(1)

    told = house.reads.why(runs[3].id)

    assert causes(house, runs[3].id) == [("all_busy", "a")]
    assert "; 2 steps come before it" in told.summary
    urgent = house.submit("w", priority=5)
    assert "come before" not in house.reads.why(urgent.id).summary


def test_a_handler_that_no_worker_provides_is_named(house: House) -> None:
    house.define(workflow("w", a=()))
    run = house.submit("w")
    open_drain(house, handlers=("http", "javascript"))

    assert causes(house, run.id) == [("no_handler", "a"), ("queued", "a")]
    open_drain(house, handlers=("test",))
    assert causes(house, run.id) == [("queued", "a")]


def test_a_run_that_is_not_there_is_not_explained(house: House) -> None:
    with pytest.raises(RunNotFound):
        house.reads.why(new_id())


def test_drains_tell_who_they_are_what_they_hold_and_when_they_last_lived(house: House) -> None:
    house.define(workflow("w", a=()))
    run = house.submit("w")
    house.submit("w")
    busy = house.drain()
    claims = busy.claim()
    attempt = new_id()
    house.engine.note_start(busy.id, claims[0], attempt, 0)
    idle = open_drain(house, handlers=("http",), queues=("a", "b"))
    ended = open_drain(house)
    house.engine.close_drain(ended)

    first, second = house.reads.workers.drains()

    assert (first.id, first.held, first.is_alive) == (busy.id, 2, True)
    assert first.current is not None
    assert (first.current.run_id, first.current.attempt_id) == (run.id, attempt)
    assert (second.id, second.held, second.current) == (idle, 0, None)
    assert (second.host, second.pid, second.queues) == ("there", 7, ("a", "b"))
    assert second.handlers == ("http",)
    before = second.renewed_at
    assert before is not None
    assert house.engine.renew_drain(idle)
    renewed = house.reads.workers.drain(idle)
    assert renewed is not None
    assert renewed.renewed_at is not None
    assert before <= renewed.renewed_at < renewed.lease_until
    assert house.reads.workers.drain(ended) is None


def test_figures_count_every_state_and_only_what_may_be_seen(house: House) -> None:
    house.define(workflow("good", a=()), workflow("bad", a=()))
    for name in ("good", "good", "bad"):
        house.submit(name)
    drain = Drain(house)
    drain.work_off()
    failed = house.submit("bad")
    drain.work_off({"a": Failed(error_type="E", message="no", retryable=False)})
    cancelled = house.submit("good")
    house.engine.cancel(cancelled.id, "me")
    waiting = house.submit("good", priority=3)

    stats = house.reads.stats.runs(None)

    assert {state: count for state, count in stats.by_state.items() if count} == {
        RunState.COMPLETED: 3,
        RunState.FAILED: 1,
        RunState.CANCELLED: 1,
        RunState.PENDING: 1,
    }
    assert stats.total == 6
    assert stats.by_priority == {3: 1}
    assert stats.oldest_pending_at == waiting.created_at
    assert stats.durations.count == 3
    assert house.reads.stats.runs(("default",)) == stats
    assert house.reads.stats.runs(("elsewhere",)).total == 0
    tried = house.reads.stats.attempts(None)
    assert (tried.by_state[AttemptState.COMPLETED], tried.by_state[AttemptState.FAILED]) == (3, 1)
    assert tried.durations.median_ms == 0.05
    assert house.reads.stats.attempts(("elsewhere",)).durations.count == 0
    assert failed.id


def test_figures_about_workflows_and_workers(house: House) -> None:
    house.define(workflow("w", a=()), workflow("off", a=()))
    house.engine.set_enabled("default", "off", enabled=False)
    house.submit("w")
    house.submit("w")
    drain = house.drain()
    drain.claim(1)
    open_drain(house)

    found, workers = house.reads.stats.workflows(None), house.reads.stats.workers()

    assert (found.enabled, found.disabled, found.versions, found.namespaces) == (1, 1, 2, 1)
    assert house.reads.stats.workflows(("elsewhere",)).enabled == 0
    assert (workers.idle, workers.busy, workers.silent) == (1, 1, 0)
    assert workers.steps[StepState.READY] == workers.steps[StepState.CLAIMED] == 1
    assert [(queue.queue, queue.ready) for queue in workers.queues] == [("default", 1)]
    expire(house)
    assert house.reads.stats.workers().silent == 2


def test_an_ended_run_is_deleted_with_all_that_belongs_to_it(house: House) -> None:
    house.define(workflow("w", a=(), b=("a",)))
    gone, kept = house.submit("w", idempotency_key="k"), house.submit("w")
    house.drain().work_off()

    house.engine.delete_run(gone.id)

    with house.database.read() as tx:
        for table in metadata.sorted_tables:
            column = table.c.get("run_id")
            if column is not None:
                rows = tx.execute(table.select().where(column == gone.id)).all()
                assert rows == [], table.name
    with pytest.raises(RunNotFound):
        house.reads.run(gone.id)
    assert house.reads.run(kept.id).state is RunState.COMPLETED
    assert len(house.events(kept.id)) > 2
    again = house.submit("w", idempotency_key="k")
    assert again.id != gone.id


def test_only_an_ended_run_is_deleted_and_only_once(house: House) -> None:
    house.define(workflow("w", a=()))
    run = house.submit("w")

    with pytest.raises(Conflict, match="cancel it before"):
        house.engine.delete_run(run.id)
    house.engine.cancel(run.id, "me")
    house.engine.delete_run(run.id)
    with pytest.raises(RunNotFound):
        house.engine.delete_run(run.id)
