"""The rules: what is refused, moved, held back and tried again."""

from __future__ import annotations

from typing import Any

import pytest

from ratchet_core.sdk import (
    AttemptInfo,
    Failed,
    Principal,
    Refused,
    RetryableError,
    RetryDecision,
    RunInfo,
    StepInfo,
    Submission,
)
from ratchet_policy import ReadOnly, Rules


def submission(name: str = "daily", **given: Any) -> Submission:
    fields: dict[str, Any] = {
        "namespace": "reports",
        "version": None,
        "input": {},
        "principal": "jwt:alice",
    }
    return Submission(**{**fields, "workflow": name, **given})


def attempt(number: int = 1, handler: str = "http") -> AttemptInfo:
    return AttemptInfo(
        run=RunInfo(id="r", namespace="reports", workflow="daily", version="1.0.0"),
        step=StepInfo(id="s", name="only", attempt_id="a"),
        attempt=number,
        handler=handler,
        attempt_limit=3,
    )


def failed(error_type: str) -> Failed:
    return Failed(error_type=error_type, message="no")


def test_without_settings_everything_passes() -> None:
    rules = Rules({})

    rules.check_submission(submission())
    rules.check_attempt(attempt())

    assert rules.queue_of(submission()) is None
    assert rules.decide(attempt(), failed("Any")) is None


def test_closed_workflows_and_large_inputs_are_refused() -> None:
    rules = Rules({"closed": ["legacy.*"], "max_input_bytes": 20})

    rules.check_submission(submission(input={"a": 1}))
    with pytest.raises(Refused, match=r"'legacy\.old' is closed") as closed:
        rules.check_submission(submission("old", namespace="legacy"))
    with pytest.raises(Refused, match="allows 20") as large:
        rules.check_submission(submission(input={"a": "x" * 20}))

    assert (closed.value.code, large.value.code) == ("CLOSED", "INPUT_TOO_LARGE")


def test_the_first_pattern_that_fits_names_the_queue() -> None:
    rules = Rules({"queues": {"reports.nightly": "night", "reports.*": "slow"}})

    assert rules.queue_of(submission("nightly")) == "night"
    assert rules.queue_of(submission()) == "slow"
    assert rules.queue_of(submission(namespace="default")) is None


def test_steps_that_would_start_too_fast_are_held_back() -> None:
    now = [100.0]
    rules = Rules({"starts_per_second": {"http": 2}}, monotonic=lambda: now[0])

    rules.check_attempt(attempt())
    rules.check_attempt(attempt(handler="other"))
    with pytest.raises(RetryableError) as held:
        rules.check_attempt(attempt())
    now[0] += 0.5
    rules.check_attempt(attempt())

    assert held.value.retry_after_s == pytest.approx(0.5)
    assert held.value.code == "HELD_BACK"


def test_named_errors_end_at_once_or_are_tried_again_within_the_limit() -> None:
    rules = Rules({"never_retry": ["InvalidCard"], "always_retry": {"RateLimited": 30}})

    assert rules.decide(attempt(), failed("InvalidCard")) == RetryDecision.stop()
    assert rules.decide(attempt(2), failed("RateLimited")) == RetryDecision.after(30)
    assert rules.decide(attempt(3), failed("RateLimited")) is None


def test_read_only_allows_looking_alone() -> None:
    coordinator, admin = ReadOnly(), Principal(id="root", roles=("admin",))

    assert coordinator.allows(admin, "run:read", "reports")
    assert not coordinator.allows(admin, "run:cancel", "reports")
