"""Rows of annotations: what people and programs have noted about runs."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import delete, func, insert, select

from ratchet_core.domain.views import AnnotationView
from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.schema import run_annotations


def add(
    tx: Tx, annotation_id: str, run_id: str, kind: str, value: str, principal: str, at_us: int
) -> None:
    """Store an annotation; `value` is JSON text."""
    tx.execute(
        insert(run_annotations).values(
            id=annotation_id,
            run_id=run_id,
            type=kind,
            value=value,
            principal=principal,
            created_at=at_us,
        )
    )


def count(tx: Tx, run_id: str) -> int:
    """Count a run's annotations."""
    statement = select(func.count()).where(run_annotations.c.run_id == run_id)
    return int(tx.execute(statement).scalar_one())


def remove(tx: Tx, run_id: str, annotation_id: str) -> bool:
    """Take an annotation of a run away; tell whether there was one."""
    found = delete(run_annotations).where(
        run_annotations.c.run_id == run_id, run_annotations.c.id == annotation_id
    )
    return bool(tx.execute(found).rowcount)


def of_run(tx: Tx, run_id: str) -> tuple[AnnotationView, ...]:
    """Return a run's annotations, oldest first."""
    statement = (
        select(run_annotations)
        .where(run_annotations.c.run_id == run_id)
        .order_by(run_annotations.c.created_at, run_annotations.c.id)
    )
    return tuple(_view(row) for row in tx.execute(statement))


def of_runs(tx: Tx, run_ids: Sequence[str]) -> dict[str, list[AnnotationView]]:
    """Return the annotations of several runs, oldest first, by the run's id."""
    statement = (
        select(run_annotations)
        .where(run_annotations.c.run_id.in_(list(run_ids)))
        .order_by(run_annotations.c.created_at, run_annotations.c.id)
    )
    found: dict[str, list[AnnotationView]] = {run_id: [] for run_id in run_ids}
    for row in tx.execute(statement):
        found[row.run_id].append(_view(row))
    return found


def _view(row: AnyRow) -> AnnotationView:
    return AnnotationView(
        id=row.id,
        run_id=row.run_id,
        type=row.type,
        value=orjson.loads(row.value),
        principal=row.principal,
        created_at=known_datetime(row.created_at),
    )
