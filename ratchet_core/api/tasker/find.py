"""Handlers and namespaces by the names in a path, as far as the caller may know of them."""

from __future__ import annotations

from ratchet_core.api.door.access import reads
from ratchet_core.domain.version import is_version
from ratchet_core.domain.views import NamespaceView, WorkflowView
from ratchet_core.domain.workflow import is_name
from ratchet_core.errors import NamespaceNotFound, WorkflowNotFound


def find_namespace(name: str) -> NamespaceView:
    """Return a namespace.

    Raises:
        NamespaceNotFound: there is none that the caller may know of.
    """
    for view in reads().namespaces():
        if view.name == name:
            return view
    raise NamespaceNotFound(name[:100])


def find_handler(namespace: str, name: str, version: str | None) -> WorkflowView:
    """Return a version of a handler; None and `latest` are the latest.

    Raises:
        NamespaceNotFound, WorkflowNotFound: there is none that the caller may know of.
    """
    if not is_name(namespace):
        raise NamespaceNotFound(namespace[:100])
    wanted = None if version == "latest" else version
    if not is_name(name) or (wanted is not None and not is_version(wanted)):
        find_namespace(namespace)
        raise WorkflowNotFound(namespace, name[:100], wanted)
    return reads().workflow(namespace, name, wanted)
