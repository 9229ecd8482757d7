"""What the wall around plugins costs: a hook with ten of them, beside bare calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from ratchet_core.cli.bench.figure import Aim, Figure, measured
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import Site
from ratchet_core.hooks import PluginState, load_plugins
from ratchet_core.hooks.calls import live_calls
from ratchet_core.sdk import AttemptInfo, RunInfo, StepInfo, hookimpl

#: Plugins that implement the hook.
_PLUGINS: Final = 10
_CALLS: Final = 2_000
_BUDGET_S: Final = 5.0


class _Quiet:
    """A plugin that looks at every attempt and says nothing."""

    @hookimpl
    def ratchet_before_attempt(self, attempt: AttemptInfo) -> None:
        """Let it pass."""


def hooks(site: Site, _bounds: Bounds) -> Iterator[Figure]:
    """Measure one call of `ratchet_before_attempt`, which is asked for every step."""
    manager, _ = load_plugins(found=())
    plugins = {f"quiet-{number}": _Quiet() for number in range(_PLUGINS)}
    for name, plugin in plugins.items():
        manager.register(plugin, name)
    states = [PluginState(name=name) for name in plugins]
    calls = live_calls(manager, states, _BUDGET_S)
    functions = [plugin.ratchet_before_attempt for plugin in plugins.values()]
    info = _attempt()
    count = max(3, site.plan.repetitions)
    walled, bare = [], []
    for _ in range(count):  # in turns, so that both meet the same machine
        walled.append(_mean_us(lambda: calls.before_attempt(info)))
        bare.append(_mean_us(lambda: [function(info) for function in functions]))
    aimed = Figure(
        name=f"one call of a hook with {_PLUGINS} plugins",
        database=site.database,
        unit="µs",
        size=_CALLS,
        aim=Aim(10.0, at_most=True),
        bound=f"{_PLUGINS} bare calls: {min(bare):.1f} µs",
        note="processor time of the thread; each plugin behind a wall of its own",
    )
    yield measured(walled, aimed)
    pluggy = [
        _mean_us(lambda: manager.hook.ratchet_before_attempt(attempt=info)) for _ in range(count)
    ]
    yield measured(
        pluggy,
        Figure(
            name=f"the same by pluggy alone, {_PLUGINS} plugins",
            system="pluggy",
            database=site.database,
            unit="µs",
            size=_CALLS,
            note="neither counts nor isolates",
        ),
    )


def _attempt() -> AttemptInfo:
    return AttemptInfo(
        run=RunInfo(id="r", namespace="default", workflow="w", version="1.0.0"),
        step=StepInfo(id="s", name="only", attempt_id="a"),
        attempt=1,
        handler="test",
    )


def _mean_us(call: Callable[[], object]) -> float:
    """Return the processor time that a call takes, in microseconds."""
    began = time.thread_time()
    for _ in range(_CALLS):
        call()
    return (time.thread_time() - began) / _CALLS * 1e6
