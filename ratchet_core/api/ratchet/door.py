"""The `/api/v1` door as one blueprint."""

from __future__ import annotations

from typing import Final

from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.ratchet.auth import declare_auth
from ratchet_core.api.ratchet.batch import declare_batch
from ratchet_core.api.ratchet.bulk import declare_bulk
from ratchet_core.api.ratchet.control import declare_control
from ratchet_core.api.ratchet.deliveries import declare_deliveries
from ratchet_core.api.ratchet.destinations import declare_destinations
from ratchet_core.api.ratchet.executions import declare_executions
from ratchet_core.api.ratchet.jobs import declare_jobs
from ratchet_core.api.ratchet.logs import declare_logs
from ratchet_core.api.ratchet.plugins import declare_plugins
from ratchet_core.api.ratchet.problem import DIALECT, ProblemSchema
from ratchet_core.api.ratchet.schedules import declare_schedules
from ratchet_core.api.ratchet.stats import declare_stats
from ratchet_core.api.ratchet.tasks import declare_tasks
from ratchet_core.api.ratchet.why import declare_why
from ratchet_core.api.ratchet.worker import declare_workers

#: Where the door is in our own application (seed 000, "Base URL").
PREFIX: Final = "/api/v1"


def ratchet_blueprint() -> DoorBlueprint:
    """Return the operations of `/api/v1`, without a prefix."""
    blueprint = DoorBlueprint(
        "ratchet",
        __name__,
        dialect=DIALECT,
        problem=ProblemSchema,
        about="Tasks, jobs, executions, schedules and workers.",
    )
    declare_tasks(blueprint)
    declare_batch(blueprint)
    declare_bulk(blueprint)
    declare_jobs(blueprint)
    declare_control(blueprint)
    declare_why(blueprint)
    declare_executions(blueprint)
    declare_workers(blueprint)
    declare_stats(blueprint)
    declare_logs(blueprint)
    declare_auth(blueprint)
    declare_schedules(blueprint)
    declare_plugins(blueprint)
    declare_deliveries(blueprint)
    declare_destinations(blueprint)
    return blueprint
