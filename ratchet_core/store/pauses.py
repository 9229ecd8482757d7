"""Pauses of queues and workflows, and the runs that a pause of their workflow has parked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ratchet_core.domain.pause import Awaited, PauseKind
from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import Tx
from ratchet_core.store.driver import Query

_ADD: Final = Query(
    "INSERT INTO pauses (kind, subject, paused_by, paused_at) "
    "VALUES (:kind, :subject, :by, {now}) ON CONFLICT DO NOTHING"
)
_REMOVE: Final = Query("DELETE FROM pauses WHERE kind = :kind AND subject = :subject")
_LISTED: Final = Query("SELECT kind, subject, paused_by, paused_at FROM pauses ORDER BY 1, 2")
_STILL_PAUSED: Final = Query(
    "SELECT r.subject FROM pauses r WHERE r.kind = 'workflow' AND r.subject IN :ids[] "
    "ORDER BY r.subject {lock}"
)
_RUNS_OF: Final = Query("SELECT id FROM runs WHERE id IN :ids[] AND workflow_id IN :workflow_ids[]")
_PARKED: Final = Query(
    "SELECT created_at, id FROM runs WHERE state = 'paused' AND workflow_id = :workflow_id "
    "AND waiting_for = :awaited AND (created_at, id) > (:created_at, :id) "
    "ORDER BY created_at, id LIMIT :limit"
)
#: Before every run.
FIRST: Final = (0, "")


@dataclass(frozen=True, slots=True)
class Pause:
    """One queue or workflow that is paused."""

    kind: PauseKind  #: what is paused
    subject: str  #: name of the queue, UUID of the workflow
    by: str  #: who paused it
    at: datetime  #: since when


def add(tx: Tx, kind: PauseKind, subject: str, by: str) -> bool:
    """Store a pause; False where it was there."""
    return _ADD.write(tx, {"kind": kind.value, "subject": subject, "by": by}) == 1


def remove(tx: Tx, kind: PauseKind, subject: str) -> bool:
    """Take a pause away; False where there was none."""
    return _REMOVE.write(tx, {"kind": kind.value, "subject": subject}) == 1


def listed(tx: Tx) -> list[Pause]:
    """Return all pauses."""
    return [
        Pause(PauseKind(kind), subject, by, known_datetime(at))
        for kind, subject, by, at in _LISTED.rows(tx, {})
    ]


def still_paused(tx: Tx, workflow_ids: Collection[str]) -> list[str]:
    """Return those of the workflows that are paused, and keep them so until the commit."""
    return [row[0] for row in _STILL_PAUSED.rows(tx, {"ids": sorted(workflow_ids)})]


def runs_of(tx: Tx, run_ids: Collection[str], workflow_ids: Collection[str]) -> set[str]:
    """Return those of the runs that are runs of the workflows."""
    values = {"ids": sorted(run_ids), "workflow_ids": sorted(workflow_ids)}
    return {row[0] for row in _RUNS_OF.rows(tx, values)}


def parked(
    tx: Tx, workflow_id: str, after: tuple[int, str], limit: int
) -> Sequence[tuple[int, str]]:
    """Return (created_at, id) of runs that the pause of their workflow holds, oldest first."""
    values = {
        "workflow_id": workflow_id,
        "awaited": Awaited.WORKFLOW.value,
        "created_at": after[0],
        "id": after[1],
        "limit": limit,
    }
    return [(row[0], row[1]) for row in _PARKED.rows(tx, values)]
