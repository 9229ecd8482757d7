"""Every route says what its caller needs; only the listed ones are open (decisions.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from flask import Flask

from ratchet_core.access.permission import PERMISSIONS
from ratchet_core.api.door.access import AUTHENTICATED, OPEN, PUBLIC_DOCS, declared
from ratchet_core.api.door.call import Requirement
from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet

#: Asked of nobody. The WebSocket asks in its first message, refreshing for a token of its own; a
#: webhook is verified as its source is configured.
OPEN_ROUTES = {
    "/health/live",
    "/health/ready",
    "/tasker/health/live",
    "/tasker/health/ready",
    "/graphql",
    "/api/v1/auth/refresh",
    "/webhooks/<source>",
}
DOCS_ROUTES = {
    "/openapi.json",
    "/openapi.yaml",
    "/docs",
    "/docs/<name>",
    "/tasker/api-docs",
    "/tasker/api-docs/<name>",
    "/tasker/api-docs.json",
    "/graphql/playground",
    "/graphql/playground/<name>",
}
#: The route decides field by field, or tells nothing.
KNOWN_CALLERS = {"/", "/graphql"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("routes")
    settings = load_settings(None, {"RATCHET_DATA_DIR": str(folder)}).settings
    return create_app(Ratchet(settings))


@pytest.fixture(scope="module")
def requirements(app: Flask) -> Mapping[str, Requirement]:
    return declared(app)


def routes_with(app: Flask, permission: str) -> set[str]:
    found = declared(app)
    return {
        rule.rule
        for rule in app.url_map.iter_rules()
        if found[rule.endpoint].permission == permission
    }


def test_every_route_says_what_its_caller_needs(
    app: Flask, requirements: Mapping[str, Requirement]
) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}

    assert sorted(endpoints - requirements.keys()) == []
    assert sorted(requirements.keys() - endpoints) == []


def test_only_the_listed_routes_are_open(app: Flask) -> None:
    assert routes_with(app, OPEN) == OPEN_ROUTES
    assert routes_with(app, PUBLIC_DOCS) == DOCS_ROUTES
    assert routes_with(app, AUTHENTICATED) == KNOWN_CALLERS


def test_all_others_need_a_permission_of_the_table(
    requirements: Mapping[str, Requirement],
) -> None:
    words = {OPEN, PUBLIC_DOCS, AUTHENTICATED}

    assert {r.permission for r in requirements.values()} - words <= set(PERMISSIONS)


def test_what_changes_something_needs_more_than_reading(
    app: Flask, requirements: Mapping[str, Requirement]
) -> None:
    changing = {
        requirements[rule.endpoint].operation: requirements[rule.endpoint].permission
        for rule in app.url_map.iter_rules()
        if {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())
    }

    reading = {name for name, permission in changing.items() if permission.endswith(":read")}
    assert reading == set()
