"""Doors over a real runtime: SQLite in a folder of the test, definitions made here, no worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.config import Settings
from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition, single_step
from ratchet_core.runtime import Ratchet

CITY_SCHEMA = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string"}},
}


def _step(name: str, *parents: str) -> StepDefinition:
    return StepDefinition(name=name, handler="Shop::Handler", depends_on=parents)


DEFINITIONS = (
    single_step("echo", "javascript"),
    single_step("weather-api", "javascript", input_schema=CITY_SCHEMA, version="1.9.0"),
    single_step("weather-api", "javascript", input_schema=CITY_SCHEMA, version="1.10.0"),
    WorkflowDefinition(
        name="diamond",
        namespace="shop",
        version="2.1.0",
        description="Fans out and in",
        input_schema=CITY_SCHEMA,
        steps=(
            _step("start"),
            _step("left", "start"),
            _step("right", "start"),
            _step("end", "left", "right"),
        ),
    ),
)


@pytest.fixture(scope="session")
def ratchet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ratchet]:
    """Give one runtime to all tests of this folder; each makes runs of its own."""
    folder: Path = tmp_path_factory.mktemp("doors")
    made = Ratchet(Settings(data_dir=folder))
    made.upgrade_database()
    descriptions = {"shop": "Things for sale", "default": ""}
    made.engine.sync_definitions(DEFINITIONS, descriptions, on_change="replace")
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_app(ratchet: Ratchet) -> Flask:
    """Give our own application; who changes one makes one of his own."""
    return create_app(ratchet)


@pytest.fixture
def client(shared_app: Flask) -> FlaskClient:
    """Give a client of our own application."""
    return shared_app.test_client()
