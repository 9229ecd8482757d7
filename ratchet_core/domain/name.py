"""Names of workflows as people write them: `name`, `namespace.name`, either with `@version`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkflowName:
    """Which workflow is meant, and which version of it."""

    namespace: str  #: `default` unless named
    name: str  #: within the namespace
    version: str | None = None  #: None: the latest


def parse_name(text: str) -> WorkflowName:
    """Read a name; in the default namespace it may not contain a dot."""
    plain, _, version = text.partition("@")
    namespace, dot, name = plain.partition(".")
    if not dot:
        namespace, name = "default", plain
    return WorkflowName(namespace, name, version or None)
