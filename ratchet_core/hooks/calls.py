"""The hooks of a run's life: called often, so tables are made once and an empty one costs nothing.

Each implementation is called alone, behind a wall: timed, counted, skipped while an earlier call
of its plugin overruns the budget. pluggy itself would let one that raises stop the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from threading import get_ident
from time import monotonic
from typing import Any, Final

from pluggy import HookImpl, PluginManager

from ratchet_core.domain.catalogue import Event, matches
from ratchet_core.domain.outcome import Failed
from ratchet_core.domain.retry import RetryDecision
from ratchet_core.errors import PluginError, Refused
from ratchet_core.hooks.state import PluginState, described
from ratchet_core.sdk.errors import StepError
from ratchet_core.sdk.moment import AttemptInfo, Submission

#: Hooks that are called here.
LIVE_HOOKS: Final = (
    "ratchet_before_submit",
    "ratchet_before_attempt",
    "ratchet_decide_retry",
    "ratchet_decide_queue",
    "ratchet_on_event",
)
_QUEUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


class Implementation:
    """One plugin's implementation of one hook."""

    __slots__ = ("_budget_s", "_invoke", "hook", "state", "takes")

    def __init__(
        self,
        state: PluginState,
        hook: str,
        invoke: Callable[..., Any],
        budget_s: float,
        takes: tuple[str, ...] = (),
    ) -> None:
        self.takes = takes  #: names of the arguments that it takes
        self.state = state
        self.hook = hook
        self._invoke = invoke
        self._budget_s = budget_s

    def is_skipped(self) -> bool:
        """Tell whether its plugin is out of service, as while an earlier call takes too long."""
        state = self.state
        if state.running:
            state.block_if_overrun(self._budget_s, monotonic())
        return state.state != "active"

    def call(self, *arguments: Any) -> Any:
        """Call it; what it raises passes through, after the call was counted."""
        state = self.state
        started = monotonic()
        running = (started, self.hook, get_ident())
        state.running.add(running)
        try:
            answer = self._invoke(*arguments)
        except (Refused, StepError):
            self.answered()  # what a `before` hook may say
            raise
        else:
            self.answered()
            return answer
        finally:
            state.running.discard(running)
            took_s = monotonic() - started
            state.calls += 1
            state.seconds += took_s
            if took_s > self._budget_s:
                state.note_overrun(self.hook, took_s, self._budget_s)

    def answered(self) -> None:
        """Note that a call went well, where the one before did not."""
        if self.state.failing:
            self.state.note_success(self.hook)

    def fail(self, error: BaseException) -> None:
        """Count and log what a call has raised; Ctrl-C is none of the plugin's errors."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.state.note_failure(self.hook, described(self.hook, error))

    def failed(self, error: BaseException) -> PluginError:
        """Count what a call has raised, and return what the caller is told."""
        self.fail(error)
        return PluginError(f"plugin '{self.state.name}' failed: {described(self.hook, error)}")


class Listener:
    """Somebody who is told of events, behind a wall: what it raises is logged and counted.

    Args:
        name: that its place in the journal is stored under.
        one: what is called with an event.
        patterns: names of the events that it is told of; see `domain.catalogue.matches`.
    """

    def __init__(self, name: str, one: Implementation, patterns: tuple[str, ...] = ("*",)) -> None:
        self.name = name
        self._one = one
        self._patterns = patterns

    def is_out(self) -> bool:
        """Tell whether it is out of service now; events wait for it."""
        return self._one.is_skipped()

    def tell(self, event: Event) -> None:
        """Tell it of one event; never raises."""
        if not matches(event.name, self._patterns):
            return
        try:
            self._one.call(event)
        except BaseException as error:  # noqa: BLE001 - isolated: logged and counted
            self._one.fail(error)


class Calls:
    """The live hooks, each with the failure policy of its kind.

    Args:
        table: hook to its implementations, in the order of calls.
    """

    def __init__(self, table: Mapping[str, Sequence[Implementation]] | None = None) -> None:
        found = table or {}
        self._before_submit = tuple(found.get("ratchet_before_submit", ()))
        self._before_attempt = tuple(found.get("ratchet_before_attempt", ()))
        self._decide_retry = tuple(found.get("ratchet_decide_retry", ()))
        self._decide_queue = tuple(found.get("ratchet_decide_queue", ()))
        self._on_event = tuple(found.get("ratchet_on_event", ()))
        #: Whether anybody looks at submissions; without, none need be described.
        self.minds_submissions = bool(self._before_submit or self._decide_queue)
        #: Whether anybody chooses queues.
        self.decides_queues = bool(self._decide_queue)
        #: Whether a chooser wants to know a workflow's own queue, which has to be looked up.
        self.reads_queues = any("queue" in one.takes for one in self._decide_queue)
        #: Whether anybody looks at attempts before they run.
        self.minds_attempts = bool(self._before_attempt)
        #: Whether anybody decides about retries.
        self.minds_failures = bool(self._decide_retry)

    def before_submit(self, submission: Submission) -> None:
        """Ask whether a run may be accepted.

        Raises:
            Refused: a plugin says no.
            PluginError: a plugin failed; the run is not accepted unseen.
        """
        for one in self._before_submit:
            if one.is_skipped():
                continue
            try:
                one.call(submission)
            except Refused:
                raise
            except BaseException as error:
                raise one.failed(error) from error

    def before_attempt(self, attempt: AttemptInfo) -> None:
        """Ask whether an attempt may run.

        Raises:
            Refused, StepError: a plugin says no, or not now.
            PluginError: a plugin failed.
        """
        for one in self._before_attempt:
            state = one.state  # looked at here too: this is asked for every step
            if (state.running or state.state != "active") and one.is_skipped():
                continue
            try:
                one.call(attempt)
            except (Refused, StepError):
                raise
            except BaseException as error:
                raise one.failed(error) from error

    def decide_retry(self, attempt: AttemptInfo, failure: Failed) -> RetryDecision | None:
        """Return the first answer about a failed attempt; None leaves it to the step's policy."""
        found = _first(self._decide_retry, (attempt, failure), _is_decision)
        return found if isinstance(found, RetryDecision) else None

    def decide_queue(self, submission: Submission, queue: str | None) -> str | None:
        """Return the first answer about a run's queue; None leaves it to the workflow.

        Args:
            submission: what is asked for.
            queue: the workflow's own; None only where nobody `reads_queues`.
        """
        found = _first(self._decide_queue, (submission, queue), _is_queue)
        return None if found is None else str(found)

    def event_listeners(self) -> list[Listener]:
        """Return the plugins that are told of events."""
        return [Listener(one.state.name, one) for one in self._on_event]


def live_calls(manager: PluginManager, states: Sequence[PluginState], budget_s: float) -> Calls:
    """Make the tables of the live hooks.

    Args:
        manager: with the active plugins registered.
        states: what is known of each.
        budget_s: seconds that a call may take.
    """
    known = {state.name: state for state in states}
    table: dict[str, list[Implementation]] = {}
    for hook in LIVE_HOOKS:
        caller = getattr(manager.hook, hook)
        names = tuple(caller.spec.argnames)
        found = sorted(caller.get_hookimpls(), key=_place)
        table[hook] = [
            Implementation(
                known[item.plugin_name],
                hook,
                _invoking(item, names),
                budget_s,
                tuple(item.argnames),
            )
            for item in found
        ]
    return Calls(table)


def _place(found: HookImpl) -> tuple[int, str]:
    return (found.trylast - found.tryfirst, found.plugin_name)


def _invoking(found: HookImpl, names: Sequence[str]) -> Callable[..., Any]:
    """Return a function that takes all arguments of a hook and hands on what is wanted."""
    function = found.function
    if tuple(found.argnames) == tuple(names):
        return function
    places = [names.index(name) for name in found.argnames]
    return lambda *arguments: function(*[arguments[place] for place in places])


def _first(
    implementations: Sequence[Implementation],
    arguments: Sequence[Any],
    is_answer: Callable[[Any], bool],
) -> Any:
    """Call `decide` hooks until one answers; a failure or junk counts as no answer."""
    for one in implementations:
        if one.is_skipped():
            continue
        try:
            found = one.call(*arguments)
        except BaseException as error:  # noqa: BLE001 - logged, counted, next
            one.fail(error)
            continue
        if found is None:
            continue
        if is_answer(found):
            return found
        junk = f"{one.hook} answered with {type(found).__name__}, which is no answer"
        one.state.note_failure(one.hook, junk)
    return None


def _is_decision(found: Any) -> bool:
    return isinstance(found, RetryDecision) and 0 <= found.delay_s < float("inf")


def _is_queue(found: Any) -> bool:
    return isinstance(found, str) and _QUEUE.match(found) is not None
