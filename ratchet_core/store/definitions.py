"""Workflows and their versions in the database: snapshots, tombstones, lookups.

A version is a snapshot. A changed definition under the same version retires the old snapshot,
which runs that were made of it keep (decisions.md section 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy import func, insert, select, update

from ratchet_core.domain.version import Version, latest
from ratchet_core.domain.workflow import WorkflowDefinition, from_document
from ratchet_core.store.clock import now_us
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.driver import Query
from ratchet_core.store.schema import namespaces, snapshots, workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One version as it is stored."""

    id: str  #: UUID of the snapshot
    workflow_id: str  #: UUID of the workflow
    definition: WorkflowDefinition  #: the version as a value
    enabled: bool  #: of the workflow
    now_us: int  #: the database's time when it was looked up


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """What a sync needs to know of a stored version."""

    snapshot_id: str  #: UUID of the snapshot
    content_hash: str  #: of its document
    deleted: bool  #: a tombstone


_LATEST: Final = Query(
    "SELECT s.id, s.workflow_id, w.enabled, {now} FROM workflows w "
    "JOIN snapshots s ON s.id = w.latest_id WHERE w.namespace = :namespace AND w.name = :name"
)
_EXACT: Final = Query(
    "SELECT s.id, s.workflow_id, w.enabled, {now} FROM workflows w "
    "JOIN snapshots s ON s.workflow_id = w.id WHERE w.namespace = :namespace AND w.name = :name "
    "AND s.version = :version AND s.retired_at IS NULL AND s.deleted_at IS NULL"
)


class SnapshotCache:
    """Definitions by snapshot id: snapshots never change, so they are parsed once a process."""

    def __init__(self, limit: int = 2000) -> None:
        self._limit = limit
        self._known: dict[str, WorkflowDefinition] = {}

    def get(self, snapshot_id: str) -> WorkflowDefinition | None:
        """Return the definition if it was seen before."""
        return self._known.get(snapshot_id)

    def put(self, snapshot_id: str, document: str) -> WorkflowDefinition:
        """Parse a document, keep and return the definition."""
        definition = from_document(orjson.loads(document))
        if len(self._known) >= self._limit:
            self._known.clear()
        if self._limit > 0:
            self._known[snapshot_id] = definition
        return definition

    def load(self, tx: Tx, snapshot_ids: Iterable[str]) -> dict[str, WorkflowDefinition]:
        """Return the definitions of snapshots, reading those that are not known yet."""
        found: dict[str, WorkflowDefinition] = {}
        missing = []
        for snapshot_id in snapshot_ids:
            known = self._known.get(snapshot_id)
            if known is None:
                missing.append(snapshot_id)
            else:
                found[snapshot_id] = known
        if missing:
            statement = select(snapshots.c.id, snapshots.c.document)
            for row in tx.execute(statement.where(snapshots.c.id.in_(missing))):
                found[row.id] = self.put(row.id, row.document)
        return found


def find_snapshot(
    tx: Tx, cache: SnapshotCache, namespace: str, name: str, version: str | None
) -> Snapshot | None:
    """Return a version that new runs may be made of, or None.

    Args:
        tx: any transaction.
        cache: of this process.
        namespace: of the workflow.
        name: of the workflow.
        version: None means the latest.
    """
    values = {"namespace": namespace, "name": name, "version": version}
    if version is None:
        del values["version"]
    rows = (_LATEST if version is None else _EXACT).rows(tx, values)
    if not rows:
        return None
    snapshot_id, workflow_id, enabled, now = rows[0]
    return Snapshot(
        id=snapshot_id,
        workflow_id=workflow_id,
        definition=cache.load(tx, [snapshot_id])[snapshot_id],
        enabled=bool(enabled),
        now_us=now,
    )


def namespace_exists(tx: Tx, namespace: str) -> bool:
    """Tell whether any workflow that is not deleted is in the namespace."""
    statement = select(workflows.c.id).where(
        workflows.c.namespace == namespace, workflows.c.latest_id.is_not(None)
    )
    return tx.execute(statement.limit(1)).first() is not None


def stored_versions(tx: Tx) -> dict[tuple[str, str], tuple[str, dict[str, StoredVersion]]]:
    """Return every workflow's id and its current versions, by (namespace, name)."""
    statement = select(
        workflows.c.namespace,
        workflows.c.name,
        workflows.c.id.label("workflow_id"),
        snapshots.c.id,
        snapshots.c.version,
        snapshots.c.content_hash,
        snapshots.c.deleted_at,
    ).join_from(workflows, snapshots, snapshots.c.workflow_id == workflows.c.id)
    found: dict[tuple[str, str], tuple[str, dict[str, StoredVersion]]] = {}
    for row in tx.execute(statement.where(snapshots.c.retired_at.is_(None))):
        _, versions = found.setdefault((row.namespace, row.name), (row.workflow_id, {}))
        versions[row.version] = StoredVersion(
            snapshot_id=row.id,
            content_hash=row.content_hash,
            deleted=row.deleted_at is not None,
        )
    return found


def add_workflow(tx: Tx, workflow_id: str, definition: WorkflowDefinition) -> None:
    """Store a workflow without versions."""
    place = select(func.coalesce(func.max(workflows.c.place), 0) + 1)
    tx.execute(
        insert(workflows).values(
            id=workflow_id,
            namespace=definition.namespace,
            name=definition.name,
            enabled=True,
            place=place.scalar_subquery(),
            created_at=now_us(),
            updated_at=now_us(),
        )
    )


def add_snapshot(
    tx: Tx, snapshot_id: str, workflow_id: str, definition: WorkflowDefinition, content_hash: str
) -> None:
    """Store a version; an older snapshot of the same version is retired."""
    version = definition.version
    tx.execute(
        update(snapshots)
        .where(snapshots.c.workflow_id == workflow_id, snapshots.c.version == version)
        .where(snapshots.c.retired_at.is_(None))
        .values(retired_at=now_us())
    )
    tx.execute(
        insert(snapshots).values(
            id=snapshot_id,
            workflow_id=workflow_id,
            version=version,
            document=orjson.dumps(definition.to_document()).decode(),
            content_hash=content_hash,
            created_at=now_us(),
        )
    )


def refresh_latest(tx: Tx, workflow_id: str) -> None:
    """Point a workflow at its latest version, or at none when all are deleted."""
    statement = select(snapshots.c.id, snapshots.c.version).where(
        snapshots.c.workflow_id == workflow_id,
        snapshots.c.retired_at.is_(None),
        snapshots.c.deleted_at.is_(None),
    )
    by_version = {row.version: row.id for row in tx.execute(statement)}
    newest = latest(by_version)
    tx.execute(
        update(workflows)
        .where(workflows.c.id == workflow_id)
        .values(latest_id=by_version[newest] if newest else None, updated_at=now_us())
    )


def set_deleted(tx: Tx, workflow_id: str, version: str | None, *, deleted: bool) -> int:
    """Put tombstones on versions, or take them away; return how many changed.

    Args:
        tx: a write transaction.
        workflow_id: UUID of the workflow.
        version: None means all of them.
        deleted: False restores.
    """
    statement = (
        update(snapshots)
        .where(snapshots.c.workflow_id == workflow_id, snapshots.c.retired_at.is_(None))
        .values(deleted_at=now_us() if deleted else None)
    )
    tombstone = snapshots.c.deleted_at
    statement = statement.where(tombstone.is_(None) if deleted else tombstone.is_not(None))
    if version is not None:
        statement = statement.where(snapshots.c.version == version)
    return tx.execute(statement).rowcount


def workflow_row(tx: Tx, namespace: str, name: str) -> AnyRow | None:
    """Return the stored workflow, deleted or not."""
    statement = select(workflows).where(
        workflows.c.namespace == namespace, workflows.c.name == name
    )
    return tx.execute(statement).first()


def set_enabled(tx: Tx, workflow_id: str, *, enabled: bool) -> None:
    """Let a workflow take new runs, or refuse them."""
    tx.execute(
        update(workflows)
        .where(workflows.c.id == workflow_id)
        .values(enabled=enabled, updated_at=now_us())
    )


def put_namespaces(tx: Tx, descriptions: Mapping[str, str]) -> None:
    """Store the descriptions of namespaces; an empty text leaves a known one alone."""
    known = {row.name: row.description for row in tx.execute(select(namespaces))}
    for name, description in descriptions.items():
        if name not in known:
            tx.execute(insert(namespaces).values(name=name, description=description))
        elif description and description != known[name]:
            tx.execute(
                update(namespaces).where(namespaces.c.name == name).values(description=description)
            )


def sorted_versions(versions: Iterable[str]) -> tuple[str, ...]:
    """Return versions, latest first."""
    return tuple(sorted(versions, key=Version, reverse=True))
