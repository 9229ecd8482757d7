"""References to workflows in paths and bodies, and ids of runs and attempts, as texts.

`name`, `namespace.name`, either with `@version`, and the workflow's UUID (decisions.md section 2).
Only syntax; whether the thing exists is asked elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from ratchet_core.domain.version import is_version
from ratchet_core.domain.workflow import MAX_NAME, is_name

#: The namespace that a bare name is in.
DEFAULT_NAMESPACE: Final = "default"
#: Longest reference: namespace, name and version with their separators.
MAX_REFERENCE: Final = 2 * MAX_NAME + 70
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A workflow as somebody names it."""

    namespace: str  #: exists or not
    name: str  #: exists or not
    version: str | None = None  #: None means the latest
    uuid: str | None = None  #: set where the text may be the UUID of a workflow
    other: Reference | None = None  #: second reading: a name in `default` that contains a dot


def read_reference(text: str) -> Reference | None:
    """Return what `text` names; None where nothing can be named so."""
    path, at, version = text.partition("@")
    if at and not is_version(version):
        return None
    wanted = version if at else None
    if not is_name(path) and not _are_names(path):
        return None
    if _UUID.fullmatch(path.lower()):
        return Reference(DEFAULT_NAMESPACE, path, wanted, uuid=path.lower())
    namespace, dot, name = path.partition(".")
    plain = Reference(DEFAULT_NAMESPACE, path, wanted)
    if not (dot and is_name(namespace) and is_name(name)):
        return plain if is_name(path) else None
    first = Reference(namespace, name, wanted)
    if not is_name(path) or namespace == DEFAULT_NAMESPACE:
        return first
    return replace(first, other=plain)


def name_of(namespace: str, name: str) -> str:
    """Return how `/api/v1` names a workflow: bare in the namespace `default`."""
    return name if namespace == DEFAULT_NAMESPACE else f"{namespace}.{name}"


def read_id(text: str) -> str | None:
    """Return `text` as the id of a run or an attempt; None where it cannot be one."""
    lowered = text.lower()
    return lowered if _UUID.fullmatch(lowered) else None


def _are_names(path: str) -> bool:
    namespace, dot, name = path.partition(".")
    return bool(dot) and is_name(namespace) and is_name(name)
