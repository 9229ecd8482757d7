"""Filters that the lists of jobs and of executions have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratchet_core.api.door.reference import Reference
from ratchet_core.api.ratchet.task import find_task, parse_task_id
from ratchet_core.errors import ValidationFailed, WorkflowNotFound


def of_task(query: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Return `namespace`, `name` and `version` that a list is filtered by.

    Raises:
        ValidationFailed: `task_id` contradicts `namespace` or `version`.
        WorkflowNotFound: nothing can be named as `task_id` says, so nothing can match.
    """
    given = {"namespace": query.get("namespace"), "name": None, "version": query.get("version")}
    if "task_id" not in query:
        return given
    task = _known_or_as_written(query["task_id"])
    named = {"namespace": task.namespace, "name": task.name, "version": task.version}
    for key in ("namespace", "version"):
        if given[key] and named[key] and given[key] != named[key]:
            message = f"task_id names the {key} '{named[key]}', but {key} is '{given[key]}'"
            raise ValidationFailed(message, {key: ["contradicts task_id"]})
    return {key: named[key] or given[key] for key in given}


def chosen_states(query: Mapping[str, Any]) -> Any:
    """Return the states that both `status` and `status_in` let through.

    None lets all through; an empty tuple lets nothing through.
    """
    groups = [{*query["status"]}] if "status" in query else []
    if "status_in" in query:
        groups.append({state for states in query["status_in"] for state in states})
    return tuple(sorted(set.intersection(*groups))) if groups else None


def _known_or_as_written(text: str) -> Reference:
    """Return the task that `text` names.

    The jobs of a deleted task stay listed, so a name that is not found is taken as written.
    """
    reference = parse_task_id(text)
    if reference.uuid is None and reference.other is None:
        return reference
    try:
        found = find_task(text).definition
    except WorkflowNotFound:
        return reference
    return Reference(found.namespace, found.name, reference.version)
