"""What is paused, with the names of workflows."""

from __future__ import annotations

from sqlalchemy import and_, select

from ratchet_core.domain.pause import PauseKind
from ratchet_core.domain.views import PauseView
from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import Tx
from ratchet_core.store.schema import pauses, workflows

_PAUSES = (
    select(pauses, workflows.c.namespace, workflows.c.name)
    .join_from(
        pauses,
        workflows,
        and_(
            pauses.c.kind == PauseKind.WORKFLOW.value,
            workflows.c.id == pauses.c.subject,
        ),
        isouter=True,
    )
    .where(pauses.c.kind.in_([PauseKind.QUEUE.value, PauseKind.WORKFLOW.value]))
    .order_by(pauses.c.kind, pauses.c.subject)
)


def listed(tx: Tx) -> tuple[PauseView, ...]:
    """Return the queues and workflows that are paused."""
    return tuple(
        PauseView(
            kind=PauseKind(row.kind),
            name=row.subject if row.kind == PauseKind.QUEUE else row.name,
            namespace=row.namespace,
            by=row.paused_by,
            at=known_datetime(row.paused_at),
        )
        for row in tx.execute(_PAUSES)
    )
