"""Permissions, the roles made of them, and the rule that grants one (decisions.md section 5).

Pure: who asks, for what and where goes in, yes or no comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from ratchet_core.sdk.authentication import AuthorizationCoordinator, Principal

#: What can be done to each kind of thing.
RESOURCES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "workflow": ("read", "run", "write", "delete"),
        "run": ("read", "cancel", "retry", "resolve", "delete"),
        "step": ("read", "update", "retry", "resolve", "complete"),
        "schedule": ("read", "write", "delete"),
        "delivery": ("read", "redeliver"),
        "plugin": ("read", "write"),
        "metrics": ("read",),
        "analytics": ("read",),
        "audit": ("read",),
        "key": ("read", "write"),
    }
)
#: Every permission, as `resource:action`.
PERMISSIONS: Final = tuple(
    f"{resource}:{action}" for resource, actions in RESOURCES.items() for action in actions
)

#: Read by nobody but the role `admin`.
_ADMINS_ALONE: Final = frozenset({"audit:read", "key:read"})
_OPERATED: Final = ("run", "cancel", "retry", "resolve", "redeliver")


def _with_actions(actions: Iterable[str], resources: Iterable[str] = RESOURCES) -> frozenset[str]:
    wanted = {f"{resource}:{action}" for resource in resources for action in actions}
    return frozenset(wanted & set(PERMISSIONS))


_VIEWER: Final = _with_actions(("read",)) - _ADMINS_ALONE
_OPERATOR: Final = _VIEWER | _with_actions(_OPERATED)
_AUTHOR: Final = _OPERATOR | _with_actions(("write", "delete"), ("workflow", "schedule"))

#: What each role may do.
ROLES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "viewer": _VIEWER,
        "operator": _OPERATOR,
        "author": _AUTHOR,
        "admin": frozenset(PERMISSIONS),
    }
)


def is_role(grant: str) -> bool:
    """Tell whether `grant` names a role, limited to a namespace or not."""
    return grant.partition("@")[0] in ROLES


def is_permission(grant: str) -> bool:
    """Tell whether `grant` names at least one permission: `run:read`, `run:*@payments`, `*`."""
    pattern = grant.partition("@")[0]
    return any(_fits(pattern, permission) for permission in PERMISSIONS)


def fits_namespace(pattern: str, namespace: str) -> bool:
    """Tell whether a limit lets a namespace through.

    Args:
        pattern: a namespace, or text with `*` in it; `*` alone lets everything through.
        namespace: "" for what belongs to none, which only `*` lets through.
    """
    return pattern == "*" or (bool(namespace) and fnmatchcase(namespace, pattern))


def is_within(principal: Principal, namespace: str) -> bool:
    """Tell whether the namespaces that all of a caller's rights are limited to hold this one."""
    limits = principal.namespaces
    return limits is None or any(fits_namespace(limit, namespace) for limit in limits)


class RoleCoordinator(AuthorizationCoordinator):
    """Decides by the roles and permissions that the credentials name; others grant nothing."""

    def allows(self, principal: Principal, permission: str, namespace: str) -> bool:
        """Tell whether one of the caller's grants holds here."""
        if permission not in PERMISSIONS or not is_within(principal, namespace):
            return False
        return any(
            _grants(permission in ROLES.get(grant.partition("@")[0], ()), grant, namespace)
            for grant in principal.roles
        ) or any(
            _grants(_fits(grant.partition("@")[0], permission), grant, namespace)
            for grant in principal.permissions
        )


def _grants(names_it: bool, grant: str, namespace: str) -> bool:  # noqa: FBT001 - one condition
    if not names_it:
        return False
    _, limited, limit = grant.partition("@")
    return not limited or fits_namespace(limit, namespace)


def _fits(pattern: str, permission: str) -> bool:
    """Tell whether `*`, `run:*`, `*:read` or `run:read` means a permission."""
    if pattern == "*":
        return True
    resource, colon, action = pattern.partition(":")
    of, _, what = permission.partition(":")
    return bool(colon) and resource in {"*", of} and action in {"*", what}
