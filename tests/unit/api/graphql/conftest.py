"""What the tests of the GraphQL door share: one application, and a caller that unpacks answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.runtime import Ratchet

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def shared_app(ratchet: Ratchet) -> Flask:
    """Give one application to all tests of this folder: making one takes a second or two."""
    return create_app(ratchet)


@pytest.fixture
def client(shared_app: Flask) -> FlaskClient:
    """Give a client of the shared application."""
    return shared_app.test_client()


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Give a function that sends an operation and returns its answer."""

    def send(query: str, **variables: Any) -> dict[str, Any]:
        answer = client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        body: dict[str, Any] = answer.get_json()
        return body

    return send
