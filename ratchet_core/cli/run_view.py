"""Showing a run while it goes on: a live table on a terminal, a line per change elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ratchet_core.cli.terminal import STYLES, errors
from ratchet_core.domain.states import StepState
from ratchet_core.domain.views import RunView, StepView

#: More steps than this are not shown one by one.
_MOST_STEPS: Final = 30
_QUIET: Final = frozenset({StepState.PENDING, StepState.READY, StepState.CLAIMED})


class RunDisplay(Protocol):
    """Shows a run as it is now."""

    look_s: float  #: how often it wants to be told

    def show(self, run: RunView, steps: Sequence[StepView]) -> None:
        """Show where the run and its steps stand."""
        ...


@contextlib.contextmanager
def run_display(*, quiet: bool) -> Iterator[RunDisplay]:
    """Give the display that fits standard error."""
    console = errors()
    if quiet:
        yield _NoDisplay()
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=False) as live:
            yield _LiveDisplay(live)
    else:
        yield _LineDisplay()


class _NoDisplay:
    look_s = 0.05

    def show(self, run: RunView, steps: Sequence[StepView]) -> None:
        """Show nothing."""


class _LineDisplay:
    """One line on standard error for each change of a step."""

    look_s = 0.05

    def __init__(self) -> None:
        self._told: dict[str, tuple[StepState, int]] = {}

    def show(self, run: RunView, steps: Sequence[StepView]) -> None:
        """Write what has changed since the last time."""
        for step in steps:
            now = (step.state, step.attempts)
            if self._told.get(step.name) != now and step.state not in _QUIET:
                errors().print(Text(_line(step)), soft_wrap=True)
            self._told[step.name] = now


class _LiveDisplay:
    """A table of the steps and a bar, redrawn in place."""

    look_s = 0.1

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, run: RunView, steps: Sequence[StepView]) -> None:
        """Redraw."""
        table = Table.grid(padding=(0, 2))
        for step in steps[:_MOST_STEPS]:
            style = STYLES.get(step.state.value, "dim")
            tried = f"attempt {step.attempts}" if step.attempts > 1 else ""
            table.add_row(step.name, Text(step.state.value, style=style), tried, _why(step))
        if len(steps) > _MOST_STEPS:
            table.add_row(f"… {len(steps) - _MOST_STEPS} more steps")
        title = Text(f"{run.full_name}  {run.state.value}", style="bold")
        bar = ProgressBar(total=1.0, completed=run.progress, width=40)
        self._live.update(Group(title, table, bar), refresh=True)


def _line(step: StepView) -> str:
    tried = f" (attempt {step.attempts})" if step.attempts > 1 else ""
    why = _why(step)
    return f"{step.name}: {step.state.value}{tried}{f': {why}' if why else ''}"


def _why(step: StepView) -> str:
    return f"{step.error.type}: {step.error.message}" if step.error else ""
