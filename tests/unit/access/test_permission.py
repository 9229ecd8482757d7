"""Roles and permissions: the table of decisions.md section 5, written out a second time by hand."""

from __future__ import annotations

import itertools

import pytest

from ratchet_core.access.permission import (
    PERMISSIONS,
    ROLES,
    RoleCoordinator,
    fits_namespace,
    is_permission,
    is_role,
)
from ratchet_core.sdk import Principal

ALL, OPERATORS, AUTHORS, ADMINS = (
    "viewer operator author admin",
    "operator author admin",
    "author admin",
    "admin",
)
EXPECTED = {
    "workflow:read": ALL,
    "workflow:run": OPERATORS,
    "workflow:write": AUTHORS,
    "workflow:delete": AUTHORS,
    "run:read": ALL,
    "run:cancel": OPERATORS,
    "run:retry": OPERATORS,
    "run:resolve": OPERATORS,
    "run:delete": ADMINS,
    "step:read": ALL,
    "step:update": ADMINS,
    "step:retry": OPERATORS,
    "step:resolve": OPERATORS,
    "step:complete": ADMINS,
    "schedule:read": ALL,
    "schedule:write": AUTHORS,
    "schedule:delete": AUTHORS,
    "delivery:read": ALL,
    "delivery:redeliver": OPERATORS,
    "plugin:read": ALL,
    "plugin:write": ADMINS,
    "metrics:read": ALL,
    "analytics:read": ALL,
    "audit:read": ADMINS,
    "key:read": ADMINS,
    "key:write": ADMINS,
}


def may(permission: str, namespace: str = "payments", **said: object) -> bool:
    principal = Principal(id="alice", **said)  # type: ignore[arg-type]
    return RoleCoordinator().allows(principal, permission, namespace)


def test_the_permissions_are_those_of_the_table() -> None:
    assert set(PERMISSIONS) == EXPECTED.keys()


@pytest.mark.parametrize(("role", "permission"), list(itertools.product(ROLES, EXPECTED)))
def test_each_role_has_exactly_its_permissions(role: str, permission: str) -> None:
    assert may(permission, roles=(role,)) == (role in EXPECTED[permission].split())


def test_nobody_without_a_role_may_do_anything() -> None:
    assert not any(may(permission) for permission in PERMISSIONS)


@pytest.mark.parametrize("role", ["", "root", "Admin", "admin ", "viewer,admin", "*"])
def test_a_role_that_is_none_grants_nothing(role: str) -> None:
    assert not any(may(permission, roles=(role,)) for permission in PERMISSIONS)


def test_a_permission_that_is_none_is_granted_to_nobody() -> None:
    assert not may("run:explode", roles=("admin",), permissions=("*", "run:*"))


@pytest.mark.parametrize(
    ("grant", "granted"),
    [
        ("run:read", {"run:read"}),
        ("run:*", {p for p in PERMISSIONS if p.startswith("run:")}),
        ("*:cancel", {"run:cancel"}),
        ("*", set(PERMISSIONS)),
        ("*:*", set(PERMISSIONS)),
        ("run", set()),
        ("run:rea*", set()),
        ("", set()),
    ],
)
def test_a_permission_may_be_a_wildcard_as_a_whole(grant: str, granted: set[str]) -> None:
    assert {p for p in PERMISSIONS if may(p, permissions=(grant,))} == granted
    assert is_permission(grant) == bool(granted)


@pytest.mark.parametrize(
    ("limit", "namespace", "fits"),
    [
        ("payments", "payments", True),
        ("payments", "payments2", False),
        ("payments", "Payments", False),
        ("pay*", "payments", True),
        ("pay*", "repay", False),
        ("*", "payments", True),
        ("*", "", True),
        ("pay*", "", False),
        ("", "payments", False),
        ("", "", False),
    ],
)
def test_a_limit_lets_its_namespaces_through(limit: str, namespace: str, fits: bool) -> None:
    assert fits_namespace(limit, namespace) == fits


def test_a_role_may_be_limited_to_a_namespace() -> None:
    assert may("run:cancel", "payments", roles=("operator@payments", "viewer"))
    assert not may("run:cancel", "reports", roles=("operator@payments", "viewer"))
    assert may("run:read", "reports", roles=("operator@payments", "viewer"))
    assert is_role("operator@payments")


def test_the_namespaces_of_the_credentials_limit_every_grant() -> None:
    limited = {"roles": ("admin",), "permissions": ("*",), "namespaces": ("payments",)}

    assert may("run:delete", "payments", **limited)
    assert not may("run:delete", "reports", **limited)
    assert not may("key:write", "", **limited)


def test_no_namespaces_at_all_are_none_and_not_all() -> None:
    assert not any(may(p, roles=("admin",), namespaces=()) for p in PERMISSIONS)
