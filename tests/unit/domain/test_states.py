"""States: every legal move is in the table, every other is refused by name."""

from __future__ import annotations

import itertools

import pytest

from ratchet_core.domain.states import (
    RUN_TERMINAL,
    RUN_TRANSITIONS,
    STEP_TERMINAL,
    STEP_TRANSITIONS,
    RunSignal,
    RunState,
    StepSignal,
    StepState,
    advance_run,
    advance_step,
    sources_of,
)
from ratchet_core.errors import IllegalTransition

RUN_REFUSED = sorted(set(itertools.product(RunState, RunSignal)) - RUN_TRANSITIONS.keys())
STEP_REFUSED = sorted(set(itertools.product(StepState, StepSignal)) - STEP_TRANSITIONS.keys())


def test_a_failed_attempt_waits_and_comes_back() -> None:
    waiting = advance_step(StepState.RUNNING, StepSignal.BACK_OFF)

    assert advance_step(waiting, StepSignal.WAKE) is StepState.READY


@pytest.mark.parametrize(("state", "signal"), RUN_REFUSED)
def test_every_run_move_outside_the_table_is_refused(state: RunState, signal: RunSignal) -> None:
    with pytest.raises(IllegalTransition, match=f"{state} does not accept {signal}"):
        advance_run(state, signal)


@pytest.mark.parametrize(("state", "signal"), STEP_REFUSED)
def test_every_step_move_outside_the_table_is_refused(state: StepState, signal: StepSignal) -> None:
    with pytest.raises(IllegalTransition, match=f"{state} does not accept {signal}"):
        advance_step(state, signal)


def test_only_a_person_leaves_a_terminal_run() -> None:
    by_hand = {RunSignal.RETRY, RunSignal.RESOLVE, RunSignal.CANCEL}

    leaving = {signal for state, signal in RUN_TRANSITIONS if state in RUN_TERMINAL}

    assert leaving <= by_hand


def test_no_engine_signal_leaves_a_terminal_step() -> None:
    by_hand = {StepSignal.RESET, StepSignal.RESOLVE, StepSignal.SKIP, StepSignal.COMPLETE}

    leaving = {signal for state, signal in STEP_TRANSITIONS if state in STEP_TERMINAL}

    assert leaving <= by_hand


def test_the_sources_of_a_signal_are_the_states_that_accept_it() -> None:
    assert set(sources_of(StepSignal.SUCCEED)) == {StepState.CLAIMED, StepState.RUNNING}
