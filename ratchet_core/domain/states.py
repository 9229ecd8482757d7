"""States of runs, steps and attempts, and the one table of legal moves for each noun.

Nothing but `store` writes a state, and each write is guarded by the state it leaves.
How each door spells a state is the door's affair.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ratchet_core.errors import IllegalTransition


class RunState(StrEnum):
    """Where one run stands."""

    PENDING = "pending"  #: accepted, nothing has started
    RUNNING = "running"  #: at least one step has started
    RETRYING = "retrying"  #: nothing runs, a step waits for its back-off
    PAUSED = "paused"  #: an operator holds it: no step is claimed
    WAITING = "waiting"  #: an approval, timer or signal is awaited
    COMPLETED = "completed"  #: every step is satisfied; the result is final
    FAILED = "failed"  #: a step failed for good and nothing more can run
    CANCELLED = "cancelled"  #: stopped on request
    RESOLVED = "resolved"  #: an operator settled it by hand


class RunSignal(StrEnum):
    """What can happen to a run."""

    START = "start"
    BACK_OFF = "back off"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"
    RESOLVE = "resolve"
    PAUSE = "pause"
    RESUME = "resume"
    WAIT = "wait"


class StepState(StrEnum):
    """Where one step of a run stands."""

    PENDING = "pending"  #: a parent is not satisfied yet
    READY = "ready"  #: may be claimed
    PAUSED = "paused"  #: could be ready or in back-off, but its run is paused
    CLAIMED = "claimed"  #: a drain holds it and has not told of a start
    RUNNING = "running"  #: started; an attempt is open
    BACKOFF = "backoff"  #: the attempt failed; ready again at `ready_at`
    COMPLETED = "completed"  #: its result is applied
    SKIPPED = "skipped"  #: bypassed, or failed though skippable: satisfies its children
    FAILED = "failed"  #: no attempt is left
    CANCELLED = "cancelled"  #: its run was stopped
    RESOLVED = "resolved"  #: an operator settled it: satisfies its children


class StepSignal(StrEnum):
    """What can happen to a step."""

    FREE = "free"
    CLAIM = "claim"
    START = "start"
    RELEASE = "release"
    PAUSE = "pause"
    RESUME = "resume"
    SUCCEED = "succeed"
    BACK_OFF = "back off"
    WAKE = "wake"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"
    RESOLVE = "resolve"
    RESET = "reset"
    COMPLETE = "complete by hand"


class AttemptState(StrEnum):
    """How one try at a step stands."""

    RUNNING = "running"  #: started, not ended
    COMPLETED = "completed"  #: its result was applied
    FAILED = "failed"  #: it raised, timed out, or was lost with its worker
    CANCELLED = "cancelled"  #: stopped with its run


_R, _S = RunState, StepState

#: The whole life of a run.
RUN_TRANSITIONS: Final = MappingProxyType(
    {
        (_R.PENDING, RunSignal.START): _R.RUNNING,
        (_R.RETRYING, RunSignal.START): _R.RUNNING,
        (_R.RUNNING, RunSignal.START): _R.RUNNING,
        (_R.WAITING, RunSignal.START): _R.RUNNING,
        (_R.RUNNING, RunSignal.WAIT): _R.WAITING,
        (_R.PENDING, RunSignal.BACK_OFF): _R.RETRYING,
        (_R.RUNNING, RunSignal.BACK_OFF): _R.RETRYING,
        (_R.RETRYING, RunSignal.BACK_OFF): _R.RETRYING,
        (_R.PENDING, RunSignal.COMPLETE): _R.COMPLETED,
        (_R.RUNNING, RunSignal.COMPLETE): _R.COMPLETED,
        (_R.RETRYING, RunSignal.COMPLETE): _R.COMPLETED,
        (_R.WAITING, RunSignal.COMPLETE): _R.COMPLETED,
        (_R.PENDING, RunSignal.FAIL): _R.FAILED,
        (_R.RUNNING, RunSignal.FAIL): _R.FAILED,
        (_R.RETRYING, RunSignal.FAIL): _R.FAILED,
        (_R.WAITING, RunSignal.FAIL): _R.FAILED,
        **{
            (state, RunSignal.CANCEL): _R.CANCELLED
            for state in (_R.PENDING, _R.RUNNING, _R.RETRYING, _R.PAUSED, _R.WAITING)
        },
        (_R.CANCELLED, RunSignal.CANCEL): _R.CANCELLED,
        (_R.FAILED, RunSignal.RETRY): _R.PENDING,
        (_R.CANCELLED, RunSignal.RETRY): _R.PENDING,
        (_R.FAILED, RunSignal.RESOLVE): _R.RESOLVED,
        (_R.CANCELLED, RunSignal.RESOLVE): _R.RESOLVED,
        **{
            (state, RunSignal.PAUSE): _R.PAUSED
            for state in (_R.PENDING, _R.RUNNING, _R.RETRYING, _R.WAITING)
        },
        # what runs while its run is paused still comes to its end
        **{
            (_R.PAUSED, signal): _R.PAUSED
            for signal in (RunSignal.START, RunSignal.BACK_OFF, RunSignal.WAIT, RunSignal.PAUSE)
        },
        (_R.PAUSED, RunSignal.COMPLETE): _R.COMPLETED,
        (_R.PAUSED, RunSignal.FAIL): _R.FAILED,
        (_R.PAUSED, RunSignal.RESUME): _R.PENDING,
    }
)

_HELD = (_S.CLAIMED, _S.RUNNING)
_OPEN = (_S.PENDING, _S.READY, _S.PAUSED, _S.CLAIMED, _S.RUNNING, _S.BACKOFF)

#: The whole life of a step.
STEP_TRANSITIONS: Final = MappingProxyType(
    {
        (_S.PENDING, StepSignal.FREE): _S.READY,
        (_S.READY, StepSignal.CLAIM): _S.CLAIMED,
        (_S.CLAIMED, StepSignal.START): _S.RUNNING,
        (_S.BACKOFF, StepSignal.WAKE): _S.READY,
        (_S.READY, StepSignal.PAUSE): _S.PAUSED,
        (_S.BACKOFF, StepSignal.PAUSE): _S.PAUSED,
        (_S.PAUSED, StepSignal.RESUME): _S.READY,
        (_S.PAUSED, StepSignal.BACK_OFF): _S.BACKOFF,
        **{(state, StepSignal.RELEASE): _S.READY for state in _HELD},
        **{(state, StepSignal.SUCCEED): _S.COMPLETED for state in _HELD},
        **{(state, StepSignal.BACK_OFF): _S.BACKOFF for state in _HELD},
        **{(state, StepSignal.FAIL): _S.FAILED for state in _HELD},
        **{(state, StepSignal.SKIP): _S.SKIPPED for state in (*_HELD, _S.PENDING, _S.FAILED)},
        **{(state, StepSignal.CANCEL): _S.CANCELLED for state in _OPEN},
        **{
            (state, StepSignal.RESOLVE): _S.RESOLVED
            for state in (
                _S.PENDING,
                _S.READY,
                _S.PAUSED,
                _S.BACKOFF,
                _S.FAILED,
                _S.CANCELLED,
            )
        },
        **{
            (state, StepSignal.RESET): _S.PENDING
            for state in (_S.FAILED, _S.CANCELLED, _S.COMPLETED, _S.SKIPPED, _S.RESOLVED)
        },
        **{
            (state, StepSignal.COMPLETE): _S.COMPLETED
            for state in (*_OPEN, _S.FAILED, _S.CANCELLED)
        },
        (_S.PENDING, StepSignal.RESET): _S.PENDING,
        (_S.BACKOFF, StepSignal.RESET): _S.PENDING,
    }
)

#: Run states that nothing but a person leaves.
RUN_TERMINAL: Final = frozenset({_R.COMPLETED, _R.FAILED, _R.CANCELLED, _R.RESOLVED})
#: Step states that end a step.
STEP_TERMINAL: Final = frozenset({_S.COMPLETED, _S.SKIPPED, _S.FAILED, _S.CANCELLED, _S.RESOLVED})
#: Step states that let the children go on.
STEP_SATISFIED: Final = frozenset({_S.COMPLETED, _S.SKIPPED, _S.RESOLVED})
#: Step states that hold up the children until somebody does something about it.
STEP_GIVEN_UP: Final = frozenset({_S.FAILED, _S.CANCELLED})
#: Step states in which work is under way, or may be claimed as soon as its run is not paused.
STEP_ACTIVE: Final = frozenset({_S.READY, _S.PAUSED, _S.CLAIMED, _S.RUNNING})


def advance_run(state: RunState, signal: RunSignal) -> RunState:
    """Return the state that `signal` leads a run to.

    Raises:
        IllegalTransition: the run does not accept the signal in that state.
    """
    try:
        return RUN_TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition("run", state, signal) from None


def advance_step(state: StepState, signal: StepSignal) -> StepState:
    """Return the state that `signal` leads a step to.

    Raises:
        IllegalTransition: the step does not accept the signal in that state.
    """
    try:
        return STEP_TRANSITIONS[state, signal]
    except KeyError:
        raise IllegalTransition("step", state, signal) from None


def sources_of(signal: StepSignal) -> tuple[StepState, ...]:
    """Return the states that accept `signal`: what a guarded write asks for."""
    return tuple(state for (state, accepted) in STEP_TRANSITIONS if accepted is signal)
