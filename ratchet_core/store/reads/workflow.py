"""Reading workflows, their versions and namespaces; deleted ones count as absent."""

from __future__ import annotations

import functools

from sqlalchemy import bindparam, select

from ratchet_core.domain.query import Order, Window, WorkflowQuery
from ratchet_core.domain.views import NamespaceView, Page, WorkflowView
from ratchet_core.errors import NamespaceNotFound, RatchetError, WorkflowNotFound
from ratchet_core.store.clock import known_datetime
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.definitions import SnapshotCache, namespace_exists, sorted_versions
from ratchet_core.store.reads.page import Listed, fetch_listed
from ratchet_core.store.reads.page import listed as list_statements
from ratchet_core.store.schema import namespaces, snapshots, workflows

_VERSIONS = (
    select(
        workflows.c.id,
        workflows.c.namespace,
        workflows.c.name,
        workflows.c.enabled,
        workflows.c.created_at,
        snapshots.c.id.label("snapshot_id"),
        snapshots.c.version,
        snapshots.c.created_at.label("updated_at"),
        (snapshots.c.id == workflows.c.latest_id).label("is_latest"),
    )
    .join_from(workflows, snapshots, snapshots.c.workflow_id == workflows.c.id)
    .where(snapshots.c.retired_at.is_(None), snapshots.c.deleted_at.is_(None))
)
#: Built once: building a statement costs more than asking it.
_OF_IDS = _VERSIONS.where(workflows.c.id.in_(bindparam("ids", expanding=True)))
_OF_NAME = _VERSIONS.where(
    workflows.c.namespace == bindparam("namespace"), workflows.c.name == bindparam("name")
)


def _views(tx: Tx, cache: SnapshotCache, rows: list[AnyRow]) -> list[WorkflowView]:
    """Turn all live versions of some workflows into views, in the order of the rows."""
    definitions = cache.load(tx, {row.snapshot_id for row in rows})
    versions: dict[str, list[str]] = {}
    for row in rows:
        versions.setdefault(row.id, []).append(row.version)
    return [
        WorkflowView(
            id=row.id,
            version_id=row.snapshot_id,
            definition=definitions[row.snapshot_id],
            versions=sorted_versions(versions[row.id]),
            enabled=row.enabled,
            created_at=known_datetime(row.created_at),
            updated_at=known_datetime(row.updated_at),
        )
        for row in rows
    ]


def _choose(
    rows: list[AnyRow], views: list[WorkflowView], version: str | None
) -> WorkflowView | None:
    for row, view in zip(rows, views, strict=True):
        if row.version == version or (version is None and row.is_latest):
            return view
    return None


def _absent(tx: Tx, namespace: str, name: str, version: str | None) -> RatchetError:
    if not namespace_exists(tx, namespace):
        return NamespaceNotFound(namespace)
    return WorkflowNotFound(namespace, name, version)


def _absent_by_id(tx: Tx, workflow_id: str, version: str | None) -> WorkflowNotFound:
    """Return the error about a UUID; of a workflow that is deleted it knows the name."""
    statement = select(workflows.c.namespace, workflows.c.name)
    row = tx.execute(statement.where(workflows.c.id == workflow_id)).first()
    namespace, name = ("default", workflow_id) if row is None else (row.namespace, row.name)
    return WorkflowNotFound(namespace, name, version)


def one(
    tx: Tx, cache: SnapshotCache, namespace: str, name: str, version: str | None
) -> WorkflowView:
    """Return a workflow version; None means the latest."""
    rows = list(tx.execute(_OF_NAME, {"namespace": namespace, "name": name}))
    found = _choose(rows, _views(tx, cache, rows), version)
    if found is None:
        raise _absent(tx, namespace, name, version)
    return found


def by_id(tx: Tx, cache: SnapshotCache, workflow_id: str, version: str | None) -> WorkflowView:
    """Return a workflow version by the workflow's UUID."""
    rows = list(tx.execute(_OF_IDS, {"ids": [workflow_id]}))
    found = _choose(rows, _views(tx, cache, rows), version)
    if found is None:
        raise _absent_by_id(tx, workflow_id, version)
    return found


def every_version(
    tx: Tx, cache: SnapshotCache, namespace: str, name: str
) -> tuple[WorkflowView, ...]:
    """Return every live version of a workflow, latest first."""
    rows = list(tx.execute(_OF_NAME, {"namespace": namespace, "name": name}))
    if not rows:
        raise _absent(tx, namespace, name, None)
    views = _views(tx, cache, rows)
    order = {version: place for place, version in enumerate(views[0].versions)}
    return tuple(sorted(views, key=lambda view: order[view.definition.version]))


def listed(
    tx: Tx, cache: SnapshotCache, query: WorkflowQuery, window: Window
) -> Page[WorkflowView]:
    """Return a part of the list of workflows: one item each, at its latest version."""
    parts = _listed(query, window.order)
    chosen, total, cursor = fetch_listed(tx, parts, window, query.sort)
    ids = [row.id for row in chosen]
    rows = list(tx.execute(_OF_IDS, {"ids": ids}))
    views: dict[str, WorkflowView] = {}
    for row, view in zip(rows, _views(tx, cache, rows), strict=True):
        if row.is_latest:
            views[row.id] = view
    items = tuple(views[key] for key in ids if key in views)
    return Page(items=items, total=total, next_cursor=cursor)


@functools.lru_cache(maxsize=256)
def _listed(query: WorkflowQuery, order: Order) -> Listed:
    """Return the statements of a list; making them takes as long as asking them."""
    statement = select(workflows.c.id, workflows.c.name, workflows.c.created_at).where(
        workflows.c.latest_id.is_not(None)
    )
    if query.namespace is not None:
        statement = statement.where(workflows.c.namespace == query.namespace)
    if query.namespaces is not None:
        statement = statement.where(workflows.c.namespace.in_(query.namespaces))
    if query.name is not None:
        statement = statement.where(workflows.c.name == query.name)
    if query.name_like is not None:
        statement = statement.where(workflows.c.name.icontains(query.name_like, autoescape=True))
    if query.enabled is not None:
        statement = statement.where(workflows.c.enabled == query.enabled)
    key = workflows.c.name if query.sort == "name" else workflows.c.created_at
    return list_statements(statement, (key, workflows.c.id), order)


def all_namespaces(tx: Tx) -> tuple[NamespaceView, ...]:
    """Return the namespaces that hold a workflow, in order of their first definition."""
    described = {row.name: row.description for row in tx.execute(select(namespaces))}
    statement = (
        select(workflows.c.namespace, workflows.c.name)
        .where(workflows.c.latest_id.is_not(None))
        .order_by(workflows.c.place)
    )
    names: dict[str, list[str]] = {}
    for row in tx.execute(statement):
        names.setdefault(row.namespace, []).append(row.name)
    return tuple(
        NamespaceView(name=name, description=described.get(name, ""), workflows=tuple(found))
        for name, found in names.items()
    )


def namespace_names(tx: Tx) -> tuple[str, ...]:
    """Return the names of all namespaces in which a workflow was ever defined."""
    return tuple(tx.execute(select(namespaces.c.name).order_by(namespaces.c.name)).scalars())
