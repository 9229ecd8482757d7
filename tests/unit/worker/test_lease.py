"""The lease of a drain: kept while a step runs, and not beyond the time that the step has."""

from __future__ import annotations

import time

from ratchet_core.sdk import StepContext
from tests.unit.worker.conftest import Bench
from tests.waiting import wait_for


def renewed_at(bench: Bench) -> int:
    """Return when the one drain was last renewed, in microseconds of the database's clock."""
    with bench.engine._core.database.read() as tx:
        return int(tx.exec_driver_sql("SELECT renewed_at FROM drains").scalar_one())


def await_renewal(bench: Bench) -> int:
    before = renewed_at(bench)
    return wait_for(lambda: now if (now := renewed_at(bench)) > before else None, "a renewal")


def test_the_lease_is_renewed_while_a_step_runs(bench: Bench) -> None:
    bench.define_one("slow")
    seen: list[int] = []

    def look(_context: StepContext) -> None:
        seen.extend(await_renewal(bench) for _ in range(2))

    bench.handlers.functions["slow"] = look
    bench.submit("slow")
    bench.run(heartbeat_s=0.05)

    assert len(seen) == 2


def test_the_lease_is_not_renewed_beyond_the_deadline(bench: Bench) -> None:
    """Whoever does not end then is killed; where nobody is left to kill, others take over."""
    bench.define_one("slow", timeout_s=0.3)
    seen: list[int] = []

    def overrun(_context: StepContext) -> None:
        started = time.monotonic()
        await_renewal(bench)
        wait_for(lambda: time.monotonic() - started > 0.5, "deadline and grace to pass")
        seen.append(renewed_at(bench))
        await_beats(bench, 10)
        seen.append(renewed_at(bench))

    bench.handlers.functions["slow"] = overrun
    bench.submit("slow")
    bench.run(heartbeat_s=0.02, grace_s=0.05)

    assert len(set(seen)) == 1


def await_beats(bench: Bench, count: int) -> None:
    """Wait until the flusher has looked at its clock that often."""
    for _ in range(count):
        await_beat(bench, bench.mark.last_beat)


def await_beat(bench: Bench, after: float) -> None:
    wait_for(lambda: bench.mark.last_beat > after, "the flusher to look")
