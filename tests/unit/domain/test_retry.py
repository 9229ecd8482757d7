"""Retry: the one back-off formula and the decision, at the limits that the page names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.outcome import Failed, lost, timed_out
from ratchet_core.domain.retry import LOSS_LIMIT, Backoff, RetryPolicy, decide_retry
from ratchet_core.domain.workflow import StepDefinition

ERROR = Failed(error_type="Error", message="no")


def policy(*, retryable: bool = True, limit: int = 3, repeatable: bool = True) -> RetryPolicy:
    step = StepDefinition(name="s", handler="h", retryable=retryable, retry_limit=limit)
    return RetryPolicy(
        retryable=retryable,
        attempt_limit=step.attempt_limit,
        backoff=Backoff(),
        repeatable=repeatable,
    )


def attempts_made(of: RetryPolicy, failure: Failed = ERROR) -> int:
    """Count the attempts that a step gets which always fails."""
    failures = 1
    while decide_retry(of, failure, failures=failures, losses=0, random=0.5).retry:
        failures += 1
    return failures


def test_the_backoff_doubles_from_one_second_to_its_cap() -> None:
    waits = [Backoff(jitter=0).delay_s(failures, 0.5) for failures in range(1, 11)]

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_jitter_stays_within_a_tenth(failures: int, random: float) -> None:
    plain = Backoff(jitter=0).delay_s(failures, 0.5)

    assert plain * 0.9 <= Backoff().delay_s(failures, random) <= plain * 1.1


@pytest.mark.parametrize(("limit", "made"), [(0, 1), (1, 1), (2, 2), (3, 3)])
def test_the_limit_is_the_highest_number_of_attempts_but_never_below_one(
    limit: int, made: int
) -> None:
    assert attempts_made(policy(limit=limit)) == made


def test_the_first_attempt_runs_though_nothing_is_retryable() -> None:
    assert attempts_made(policy(retryable=False, limit=0)) == 1


def test_a_permanent_failure_is_not_tried_again() -> None:
    failure = Failed(error_type="E", message="", retryable=False)

    assert attempts_made(policy(limit=5), failure) == 1


def test_retry_after_wins_over_the_formula_under_the_same_cap() -> None:
    for asked, waited in ((7.0, 7.0), (9999.0, 300.0)):
        failure = Failed(error_type="E", message="", retryable=True, retry_after_s=asked)
        decision = decide_retry(policy(), failure, failures=1, losses=0, random=0.9)
        assert decision.delay_s == waited


def test_a_lost_attempt_runs_again_whatever_retryable_says() -> None:
    never = policy(retryable=False, limit=0)

    assert decide_retry(never, lost("died"), failures=0, losses=1, random=0).retry


def test_lost_attempts_have_a_budget_of_their_own() -> None:
    decisions = [
        decide_retry(policy(), lost("died"), failures=0, losses=losses, random=0).retry
        for losses in range(1, LOSS_LIMIT + 1)
    ]

    assert decisions == [True] * (LOSS_LIMIT - 1) + [False]


def test_a_step_that_is_unsafe_to_repeat_stops_when_it_is_lost() -> None:
    unsafe = policy(retryable=False, repeatable=False)

    assert not decide_retry(unsafe, lost("died"), failures=0, losses=1, random=0).retry


def test_a_timeout_is_retried_as_the_policy_says() -> None:
    assert attempts_made(policy(limit=2), timed_out(1.0)) == 2
