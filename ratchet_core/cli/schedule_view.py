"""How `ratchet schedules` finds a schedule and shows it."""

from __future__ import annotations

from typing import Any

from ratchet_core.cli.invocation import Invocation
from ratchet_core.cli.output import Output, to_json
from ratchet_core.domain.query import ScheduleQuery, Window
from ratchet_core.domain.views import ScheduleView
from ratchet_core.errors import ScheduleNotFound
from ratchet_core.runtime import Ratchet


def find_schedule(runtime: Ratchet, text: str) -> ScheduleView:
    """Return the schedule of that id, or else of that name."""
    try:
        return runtime.reads.schedules.one(text.lower())
    except ScheduleNotFound:
        named = runtime.reads.schedules.page(ScheduleQuery(name=text), Window(limit=1)).items
        if not named:
            raise ScheduleNotFound(text) from None
        return named[0]


def schedule_document(view: ScheduleView) -> dict[str, Any]:
    """Return a schedule as `--json` prints it."""
    spec = view.spec
    return {
        "id": view.id,
        "name": spec.name,
        "workflow": workflow_of(view),
        "cron_expression": spec.cron_expression,
        "timezone": spec.timezone,
        "input": spec.input,
        "enabled": spec.enabled,
        "catchup": spec.catchup.value,
        "max_catchup": spec.max_catchup,
        "overlap": spec.overlap.value,
        "priority": spec.priority,
        "starts_at": spec.starts_at,
        "ends_at": spec.ends_at,
        "max_runs": spec.max_runs,
        "next_run_at": view.next_at,
        "last_run_at": view.last_at,
        "last_run_id": view.last_run_id,
        "runs_made": view.runs_made,
        "runs_skipped": view.runs_skipped,
        "waiting": list(view.waiting),
        "problem": view.problem,
        "source": view.source,
    }


def workflow_of(view: ScheduleView) -> str:
    """Return the workflow of a schedule as people name it."""
    spec = view.spec
    at = f"@{spec.version}" if spec.version else ""
    return f"{spec.namespace}.{spec.workflow}{at}"


def state_of(view: ScheduleView) -> str:
    """Return in one word how a schedule stands."""
    if view.problem is not None:
        return "problem"
    if view.is_exhausted:
        return "exhausted"
    return "enabled" if view.spec.enabled else "disabled"


def tell_schedule(invocation: Invocation, view: ScheduleView) -> None:
    """Print a schedule as the caller wants it."""
    if invocation.json:
        invocation.output.document(schedule_document(view))
        return
    output, spec = invocation.output, view.spec
    output.line(f"schedule {view.id}" + (f" ({spec.name})" if spec.name else ""))
    output.line(f"workflow {workflow_of(view)}")
    output.line(f"cron     {spec.cron_expression} in {spec.timezone}")
    output.line(f"state    {state_of(view)}")
    output.line(f"input    {to_json(spec.input)}")
    _tell_progress(output, view)


def _tell_progress(output: Output, view: ScheduleView) -> None:
    if view.next_at is not None:
        output.line(f"next     {view.next_at.isoformat()}")
    if view.last_at is not None:
        output.line(f"last     {view.last_at.isoformat()}")
    skipped = f", {view.runs_skipped} skipped" if view.runs_skipped else ""
    output.line(f"runs     {view.runs_made}{skipped}")
    if view.problem is not None:
        output.line(f"problem  {view.problem}", "red")
    if view.source is not None:
        output.line(f"file     {view.source}")
