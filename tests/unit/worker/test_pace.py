"""How much a drain takes at once."""

from __future__ import annotations

import pytest

from ratchet_core.worker.pace import OWN_S, OWN_STEPS, Budget, Pace


def settled(pace: Pace, kind: str, duration_s: float) -> Pace:
    for _ in range(100):
        pace.note(kind, duration_s)
    pace.claimed([kind])
    return pace


@pytest.mark.parametrize(
    ("duration_s", "batch"), [(1.0, 1), (0.011, 1), (0.002, 5), (0.0001, 100), (0.00001, 300)]
)
def test_a_batch_is_worth_about_ten_milliseconds(duration_s: float, batch: int) -> None:
    assert settled(Pace(), "kind", duration_s).batch() == pytest.approx(batch, abs=1)


def test_a_batch_is_never_larger_than_configured() -> None:
    assert settled(Pace(max_batch=20), "kind", 0.00001).batch() == 20


def test_unknown_kinds_are_tried_a_few_at_a_time() -> None:
    assert Pace().batch() == 10


def test_a_mixed_batch_counts_with_its_mix() -> None:
    pace = settled(settled(Pace(), "slow", 0.1), "quick", 0.0001)
    pace.claimed(["quick"] * 9 + ["slow"])

    assert pace.batch() == 1


def test_a_kind_that_became_slow_shows_at_once() -> None:
    pace = settled(Pace(), "kind", 0.0001)
    pace.note("kind", 1.0)

    assert pace.batch() == 1


def test_one_quick_step_does_not_make_a_kind_quick() -> None:
    pace = settled(Pace(), "kind", 0.1)
    pace.note("kind", 0.00001)

    assert pace.batch() == 1


def test_a_drain_returns_to_its_queues_after_own_steps_or_time() -> None:
    budget = Budget(claimed_at=100.0)

    assert budget.allows_own(100.0)
    assert not budget.allows_own(100.0 + OWN_S)
    assert not Budget(claimed_at=100.0, own_steps=OWN_STEPS).allows_own(100.0)


def test_a_batch_that_takes_long_leaves_its_rest_to_others() -> None:
    assert Budget(claimed_at=0.0, worked_s=0.06).is_overdrawn
    assert not Budget(claimed_at=0.0, worked_s=0.04).is_overdrawn
