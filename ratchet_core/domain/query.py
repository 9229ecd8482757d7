"""What may be asked of the lists: filters, order and the part wanted, as values.

A None field does not filter. `store.reads` answers them; the doors build them from parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ratchet_core.domain.states import AttemptState, RunState

Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a list is wanted."""

    limit: int = 50  #: at most this many items, 1 to 1000
    offset: int = 0  #: skip so many; ignored with a cursor
    cursor: str | None = None  #: opaque; from `Page.next_cursor`
    order: Order = "desc"  #: by (created_at, id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Filters of the list of runs; all given ones must hold."""

    states: tuple[RunState, ...] | None = None  #: any of them
    namespace: str | None = None  #: of the workflow
    name: str | None = None  #: of the workflow
    version: str | None = None  #: of the workflow
    namespaces: tuple[str, ...] | None = None  #: what the caller may see
    priority_in: tuple[int, ...] | None = None  #: any of them
    schedule_id: str | None = None  #: made by that schedule
    scheduled_from: datetime | None = None  #: made for that time or a later one
    scheduled_to: datetime | None = None  #: made for that time or an earlier one
    created_from: datetime | None = None  #: created at or after
    created_to: datetime | None = None  #: created at or before
    ids: tuple[str, ...] | None = None  #: any of them
    sort: Literal["created_at"] = "created_at"  #: total order with the id


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptQuery:
    """Filters of the list of attempts; all given ones must hold."""

    states: tuple[AttemptState, ...] | None = None  #: any of them
    run_id: str | None = None  #: of that run
    namespace: str | None = None  #: of the workflow
    name: str | None = None  #: of the workflow
    version: str | None = None  #: of the workflow
    namespaces: tuple[str, ...] | None = None  #: what the caller may see
    created_from: datetime | None = None  #: started at or after
    created_to: datetime | None = None  #: started at or before


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowQuery:
    """Filters of the list of workflows; all given ones must hold."""

    namespace: str | None = None  #: exactly
    name: str | None = None  #: exactly
    name_like: str | None = None  #: contained in the name, letter case ignored
    enabled: bool | None = None  #: as set by an operator
    namespaces: tuple[str, ...] | None = None  #: what the caller may see
    sort: Literal["created_at", "name"] = "name"  #: total order with the id


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleQuery:
    """Filters of the list of schedules; all given ones must hold."""

    namespace: str | None = None  #: of the workflow
    workflow: str | None = None  #: name of the workflow
    version: str | None = None  #: of the workflow, as asked for by the schedule
    namespaces: tuple[str, ...] | None = None  #: what the caller may see
    name: str | None = None  #: of the schedule, exactly
    enabled: bool | None = None  #: as set by an operator
    sort: Literal["created_at", "next_at"] = "created_at"  #: total order with the id
