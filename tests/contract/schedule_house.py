"""What tests of schedules share: a spec, a past fire time, the firing, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.schedule import ScheduleSpec
from ratchet_core.domain.views import RunView, ScheduleView
from ratchet_core.engine.engine import Engine
from ratchet_core.store.clock import to_us
from tests.contract.engine_house import House

YEARLY = "0 0 1 1 *"


def spec(**options: Any) -> ScheduleSpec:
    fields = {"namespace": "default", "workflow": "report", "cron_expression": YEARLY}
    return ScheduleSpec(**{**fields, **options})


def rewind(house: House, schedule: ScheduleView, by: timedelta) -> datetime:
    """Let the next fire time of a schedule have been due so long ago; return now."""
    now = house.reads.schedules.now()
    with house.database.write() as tx:
        tx.execute(
            text("UPDATE schedules SET next_at = :at, last_at = NULL WHERE id = :id"),
            {"at": to_us(now - by), "id": schedule.id},
        )
    return now


def fire(engine: Engine) -> int:
    """Fire until nothing is due; return how many runs that made."""
    made = 0
    while (fired := engine.fire_due()).schedules:
        made += fired.runs
    return made


def history(house: House, schedule: ScheduleView) -> list[RunView]:
    """Return the runs of a schedule in the order of their fire times."""
    page = house.reads.runs(RunQuery(schedule_id=schedule.id), Window(limit=1000))
    early = datetime(1970, 1, 1, tzinfo=UTC)
    return sorted(page.items, key=lambda run: run.scheduled_for or early)


def times(runs: list[RunView]) -> list[datetime]:
    return [run.scheduled_for for run in runs if run.scheduled_for is not None]
