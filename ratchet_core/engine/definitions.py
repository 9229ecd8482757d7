"""Definitions in the database: sync with what was found in files, enable, delete, restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.engine.core import Core
from ratchet_core.errors import NamespaceNotFound, WorkflowNotFound
from ratchet_core.registry.found import content_hash
from ratchet_core.store import definitions as stored
from ratchet_core.store.database import Tx


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync changed; names are `namespace.name@version`."""

    added: tuple[str, ...] = ()  #: versions that were new
    replaced: tuple[str, ...] = ()  #: versions whose content had changed
    refused: tuple[str, ...] = ()  #: changed, but a running server keeps what it has
    deleted: tuple[str, ...] = ()  #: found in files, but a tombstone keeps them away


def sync(
    core: Core,
    found: Sequence[WorkflowDefinition],
    namespaces: Mapping[str, str],
    *,
    on_change: Literal["replace", "refuse"],
) -> SyncReport:
    """Store what was found in files and packages.

    Args:
        core: the shared parts.
        found: checked definitions.
        namespaces: descriptions by name.
        on_change: what to do with a changed definition under a known version: `replace` it for
            new runs (`ratchet up`), or `refuse` it (`ratchet serve`).
    """
    changes: dict[str, list[str]] = {"added": [], "replaced": [], "refused": [], "deleted": []}

    def work(tx: Tx) -> None:
        for names in changes.values():
            names.clear()
        known = stored.stored_versions(tx)
        described = {definition.namespace: "" for definition in found} | dict(namespaces)
        stored.put_namespaces(tx, described)
        touched: set[str] = set()
        for definition in found:
            _sync_one(core, tx, definition, known, changes, touched, replace=on_change == "replace")
        for workflow_id in sorted(touched):
            stored.refresh_latest(tx, workflow_id)

    core.database.transact(work)
    return SyncReport(**{kind: tuple(names) for kind, names in changes.items()})


def _sync_one(
    core: Core,
    tx: Tx,
    definition: WorkflowDefinition,
    known: dict[tuple[str, str], tuple[str, dict[str, stored.StoredVersion]]],
    changes: dict[str, list[str]],
    touched: set[str],
    *,
    replace: bool,
) -> None:
    key = (definition.namespace, definition.name)
    if key not in known:
        known[key] = (definition.uuid or core.new_id(), {})
        stored.add_workflow(tx, known[key][0], definition)
    workflow_id, versions = known[key]
    hashed = content_hash(definition)
    old = versions.get(definition.version)
    if old is not None and (old.deleted or old.content_hash == hashed or not replace):
        if old.deleted:
            changes["deleted"].append(definition.full_name)
        elif old.content_hash != hashed:
            changes["refused"].append(definition.full_name)
        return
    snapshot_id = core.new_id()
    stored.add_snapshot(tx, snapshot_id, workflow_id, definition, hashed)
    versions[definition.version] = stored.StoredVersion(
        snapshot_id=snapshot_id, content_hash=hashed, deleted=False
    )
    changes["added" if old is None else "replaced"].append(definition.full_name)
    touched.add(workflow_id)


def _workflow_id(tx: Tx, namespace: str, name: str) -> str:
    row = stored.workflow_row(tx, namespace, name)
    if row is None:
        if not stored.namespace_exists(tx, namespace):
            raise NamespaceNotFound(namespace)
        raise WorkflowNotFound(namespace, name)
    return str(row.id)


def set_enabled(core: Core, namespace: str, name: str, *, enabled: bool) -> None:
    """Let a workflow take new runs, or refuse them.

    Raises:
        WorkflowNotFound: no such workflow.
    """

    def work(tx: Tx) -> None:
        row = stored.workflow_row(tx, namespace, name)
        if row is None or row.latest_id is None:
            raise WorkflowNotFound(namespace, name)
        stored.set_enabled(tx, row.id, enabled=enabled)

    core.database.transact(work)


def delete(core: Core, namespace: str, name: str, version: str | None = None) -> None:
    """Put a tombstone on a workflow, or on one version; its runs stay readable.

    Raises:
        WorkflowNotFound: no such workflow or version, or deleted before.
    """
    _mark(core, namespace, name, version, deleted=True)


def restore(core: Core, namespace: str, name: str, version: str | None = None) -> None:
    """Take a tombstone away.

    Raises:
        WorkflowNotFound: nothing of that name was deleted.
    """
    _mark(core, namespace, name, version, deleted=False)


def _mark(core: Core, namespace: str, name: str, version: str | None, *, deleted: bool) -> None:
    def work(tx: Tx) -> None:
        workflow_id = _workflow_id(tx, namespace, name)
        if stored.set_deleted(tx, workflow_id, version, deleted=deleted) == 0:
            raise WorkflowNotFound(namespace, name, version)
        stored.refresh_latest(tx, workflow_id)

    core.database.transact(work)
