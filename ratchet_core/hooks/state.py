"""What is known of one plugin in this process: whether it is called, and how its calls went."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final, Literal

#: Errors of one plugin are logged at most this often; the count tells of all.
_LOG_EVERY_S: Final = 10.0
#: Longest reason and error that is kept, in characters.
_MAX_REASON: Final = 1000
#: A failed call is told of in health until a later one succeeds, or until it is this old.
_FAILING_S: Final = 300.0

_log = logging.getLogger(__name__)

#: A call under way: when it began on `time.monotonic()`, its hook, the thread.
Running = tuple[float, str, int]


@dataclass(slots=True)
class PluginState:
    """What is known of one plugin.

    Counts are of this process alone; `PluginReporter` stores them for all.
    """

    name: str  #: name of its entry point, or of its file
    distribution: str = ""  #: name of the installed package; path of a one-file plugin
    version: str = ""  #: of the installed package; `__version__` of a one-file plugin
    state: Literal["active", "disabled", "quarantined"] = "active"  #: only active ones are called
    reason: str = ""  #: why it is not active
    hooks: tuple[str, ...] = ()  #: hooks it implements
    provides: list[str] = field(default_factory=list)  #: what it registered, such as `http`
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)  #: checked, with defaults
    calls: int = 0  #: calls of its hooks
    errors: int = 0  #: calls of it that raised, or returned what they may not
    overruns: int = 0  #: calls that took longer than their budget
    seconds: float = 0.0  #: time spent in calls of it
    last_error: str = ""  #: of its latest failed call: hook, kind, message
    module: ModuleType | None = None  #: the loaded module
    running: set[Running] = field(default_factory=set, repr=False)  #: calls under way
    is_blocked: bool = False  #: quarantined only until the calls under way have ended
    #: Hook to when, on `time.monotonic()`, and how its latest call failed.
    failing: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)
    logged_at: float = field(default=float("-inf"), repr=False)  #: of the latest logged error

    def provide(self, what: Iterable[str]) -> None:
        """Note what the plugin has registered, once however often it registers."""
        self.provides += [item for item in dict.fromkeys(what) if item not in self.provides]

    def quarantine(self, reason: str) -> None:
        """Take the plugin out of service for good, with the reason that `ratchet plugins` shows."""
        self.state, self.reason = "quarantined", reason[:_MAX_REASON]
        self.is_blocked = False
        self.note_error(self.reason)

    def note_error(self, what: str) -> None:
        """Count and log a failed call."""
        self.errors += 1
        self.last_error = what[:_MAX_REASON]
        now = time.monotonic()
        if now - self.logged_at >= _LOG_EVERY_S:
            self.logged_at = now
            _log.warning("plugin '%s': %s (error %d)", self.name, self.last_error, self.errors)

    def note_failure(self, hook: str, what: str) -> None:
        """Count and log a failed call of a hook that goes on being called."""
        self.failing[hook] = (time.monotonic(), what[:_MAX_REASON])
        self.note_error(what)

    def note_success(self, hook: str) -> None:
        """Forget that the call before failed."""
        self.failing.pop(hook, None)

    def failure(self) -> str:
        """Return how the latest call of a hook failed; nothing where none does at present."""
        since = time.monotonic() - _FAILING_S
        recent = [found for found in tuple(self.failing.values()) if found[0] >= since]
        return max(recent)[1] if recent else ""

    def block_if_overrun(self, budget_s: float, now: float) -> bool:
        """Quarantine the plugin while a call of it overruns its budget; tell whether one does.

        The call itself goes on: a thread cannot be stopped. Later calls skip the plugin.

        Args:
            budget_s: seconds that a call may take.
            now: on `time.monotonic()`.
        """
        over = [call for call in tuple(self.running) if now - call[0] > budget_s]
        if not over:
            return False
        if self.state == "active":
            hook = min(over)[1]
            self.is_blocked = True
            self.state = "quarantined"
            self.reason = f"a call of {hook} has been running for over {budget_s:g} s"
            _log.warning("plugin '%s' is quarantined meanwhile: %s", self.name, self.reason)
        return True

    def note_overrun(self, hook: str, took_s: float, budget_s: float) -> None:
        """Count a call that overran its budget and is over now; the plugin may be called again."""
        self.overruns += 1
        self.note_error(f"{hook} took {took_s:.1f} s; its budget is {budget_s:g} s")
        if self.is_blocked and not self.block_if_overrun(budget_s, time.monotonic()):
            self.is_blocked = False
            self.state, self.reason = "active", ""
            _log.warning("plugin '%s' is called again: its call of %s is over", self.name, hook)


def described(hook: str, error: BaseException) -> str:
    """Return in one line what a hook has raised."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the failure
        text = ""
    return f"{hook} raised {type(error).__name__}: {text}"[:_MAX_REASON]
