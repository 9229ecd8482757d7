"""A drain with nothing to do: how long it sleeps, what wakes it, and whom it wakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ratchet_core.dispatch import Doorbell, RedisConnection
from ratchet_core.worker.drain import Drain, DrainOptions, Ending
from tests.unit.worker.conftest import Bench


class ObservedBell(Doorbell):
    """The bell itself without Redis: it notes what it was asked, and its waits take no time."""

    def __init__(self) -> None:
        super().__init__(RedisConnection(None), pause=lambda _seconds: None)
        self.rings: list[tuple[str, int]] = []
        self.waits: list[float] = []
        self.at_wait: Callable[[int], object] = lambda _count: None

    def ring(self, queue: str, count: int = 1) -> None:
        self.rings.append((queue, count))
        super().ring(queue, count)

    def wait(self, drain_id: str, queues: Sequence[str], timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        self.at_wait(len(self.waits))
        return super().wait(drain_id, queues, timeout_s)


def lingering(bench: Bench, *, waits: int = 1, **options: Any) -> tuple[Drain, ObservedBell]:
    """Give a drain that is asked to end when it has come to wait so many times."""
    bell = ObservedBell()
    drain = bench.drain(burst=False, **options)
    drain._bell = bell
    bell.at_wait = lambda count: drain.ask_to_end() if count == waits else None
    return drain, bell


def test_a_drain_looks_for_a_reason_to_end_once_a_second() -> None:
    assert DrainOptions().look_s == 1.0


def test_a_drain_without_work_sleeps_for_a_second_at_most(bench: Bench) -> None:
    drain, bell = lingering(bench)

    assert drain.run() is Ending.ASKED
    assert bell.waits == [1.0]


def test_a_drain_sleeps_no_longer_than_the_next_back_off_lasts(bench: Bench) -> None:
    bench.define_one("quick")
    bench.submit("quick", delay_s=0.2)
    drain, bell = lingering(bench)
    drain.run()

    assert 0.0 < bell.waits[0] <= 0.2


def test_a_lingering_drain_looks_and_claims_nothing(bench: Bench) -> None:
    drain, bell = lingering(bench, waits=20)
    drain.run()

    assert len(bell.waits) == 20
    assert len(bench.engine.counts("claim")) == 1


def test_a_reason_to_end_is_asked_for_while_it_lingers(bench: Bench) -> None:
    bell = ObservedBell()
    drain = bench.drain(
        burst=False, look_s=0.0, ends_when=lambda _steps: Ending.SUSPENDED if bell.waits else None
    )
    drain._bell = bell

    assert drain.run() is Ending.SUSPENDED


@pytest.mark.parametrize(("ready", "rings"), [(10, [("default", 1)]), (9, [])])
def test_a_drain_that_could_claim_no_more_rings_once_more(
    bench: Bench, ready: int, rings: list[tuple[str, int]]
) -> None:
    bench.define_one("quick")
    bench.submit("quick", ready)
    drain, bell = lingering(bench, max_batch=10)
    drain.run()

    assert bell.rings == rings
