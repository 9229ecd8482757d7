from __future__ import annotations

import pytest

from ratchet_core.api.ratchet.state import EXECUTION_STATUS, JOB_FILTER, JOB_STATUS
from ratchet_core.api.tasker.state import STEP_STATUS, TASK_FILTER, TASK_STATUS
from ratchet_core.domain.states import AttemptState, RunState, StepState


@pytest.mark.parametrize("state", RunState)
def test_a_filter_for_the_status_of_a_run_finds_it_in_both_dialects(state: RunState) -> None:
    assert state in JOB_FILTER[JOB_STATUS[state]]
    assert state in TASK_FILTER[TASK_STATUS[state]]


def test_every_step_and_attempt_state_has_a_status() -> None:
    assert set(STEP_STATUS) == set(StepState)
    assert set(EXECUTION_STATUS) == set(AttemptState)


def test_the_ratchet_dialect_has_the_seeds_words_and_two_aliases() -> None:
    assert set(JOB_STATUS.values()) == {
        "pending",
        "running",
        "retrying",
        "completed",
        "failed",
        "cancelled",
    }
    assert JOB_FILTER["queued"] == JOB_FILTER["pending"]
    assert JOB_FILTER["processing"] == JOB_FILTER["running"]


def test_the_tasker_dialect_has_the_six_words() -> None:
    words = {"pending", "in_progress", "complete", "error", "cancelled", "resolved_manually"}

    assert set(TASK_STATUS.values()) == words
    assert set(STEP_STATUS.values()) == words


def test_a_step_that_waits_for_its_back_off_is_pending() -> None:
    assert STEP_STATUS[StepState.BACKOFF] == "pending"


def test_filters_do_not_overlap() -> None:
    states = [state for status in set(JOB_STATUS.values()) for state in JOB_FILTER[status]]

    assert sorted(states) == sorted(RunState)
    assert set(AttemptState) == set(EXECUTION_STATUS)
