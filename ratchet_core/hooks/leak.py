"""Threads that plugins leave behind, found by the code that they run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final

from ratchet_core.hooks.state import PluginState

#: A plugin with more threads than this leaks them.
MOST_THREADS: Final = 50


def find_leaks(states: Sequence[PluginState]) -> None:
    """Quarantine active plugins that have left too many threads running in this process.

    A thread belongs to the plugin whose module its function, or its class, comes from.
    """
    modules = Counter(module for thread in threading.enumerate() for module in modules_of(thread))
    for state in states:
        if state.state != "active" or state.module is None:
            continue
        # an entry point may name an object of a module instead of the module
        name = getattr(state.module, "__name__", type(state.module).__module__)
        count = sum(
            found
            for module, found in modules.items()
            if module == name or module.startswith(f"{name}.")
        )
        if count > MOST_THREADS:
            state.quarantine(f"it has left {count} threads running; more than {MOST_THREADS} leak")


def modules_of(thread: threading.Thread) -> set[str]:
    """Return the names of the modules that a thread's class and function come from."""
    target = getattr(thread, "_target", None)
    return {type(thread).__module__, str(getattr(target, "__module__", ""))}
