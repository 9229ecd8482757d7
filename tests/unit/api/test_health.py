from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.config import Settings
from ratchet_core.config.destination import DestinationSettings
from ratchet_core.config.logs import DevelopmentSettings
from ratchet_core.config.outgoing import OutputSettings
from ratchet_core.config.server import DatabaseSettings
from ratchet_core.domain.workflow import single_step
from ratchet_core.runtime import Ratchet

DEBUG = ("config", "workers", "queue", "errors")


@pytest.fixture
def debugged(ratchet: Ratchet) -> Iterator[FlaskClient]:
    """Give a client of a server with debug endpoints, and with a secret in its settings."""
    development = DevelopmentSettings(enable_debug_endpoints=True)
    redis = replace(ratchet.settings.redis, url="redis://:hunter2@127.0.0.1:1/0")
    runtime = Ratchet(replace(ratchet.settings, development=development, redis=redis))
    yield create_app(runtime).test_client()
    runtime.close()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[FlaskClient]:
    """Give a client of a server that knows three workflows, and nobody else adds to them."""
    runtime = Ratchet(Settings(data_dir=tmp_path))
    runtime.upgrade_database()
    definitions = [single_step(f"flow-{number}", "test") for number in range(3)]
    runtime.engine.sync_definitions(definitions, {}, on_change="replace")
    yield create_app(runtime).test_client()
    runtime.close()


def test_ratchet_098_health_names_each_part(client: FlaskClient) -> None:
    body = client.get("/health").get_json()

    assert set(body) == {"status", "timestamp", "version", "checks"}
    assert set(body["checks"]) == {"database", "redis", "plugins"}
    assert body["status"] == "healthy"


def test_ratchet_098_detailed_health_adds_definitions_workers_and_times(
    three: FlaskClient,
) -> None:
    answer = three.get("/health/detailed")

    body = answer.get_json()
    assert answer.status_code == 200
    assert set(body["checks"]) >= {"database", "redis", "registry", "workers"}
    assert all(check["response_time_ms"] >= 0 for check in body["checks"].values())
    assert body["checks"]["registry"]["workflows"] == 3
    assert body["checks"]["workers"] == {
        **body["checks"]["workers"],
        "status": "down",
        "message": "no worker is at work",
        "alive": 0,
    }
    assert body["status"] == "degraded"


def test_detailed_health_survives_a_database_that_is_away(tmp_path: Path) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    runtime = Ratchet(Settings(data_dir=tmp_path, database=DatabaseSettings(url=url)))
    client = create_app(runtime).test_client()

    answer = client.get("/health/detailed")

    runtime.close()
    body = answer.get_json()
    assert answer.status_code == 503
    assert body["status"] == "unhealthy"
    assert {body["checks"][name]["status"] for name in ("database", "registry")} == {"down"}


@pytest.mark.parametrize("name", DEBUG)
def test_nothing_is_there_to_debug_unless_it_is_asked_for(client: FlaskClient, name: str) -> None:
    assert client.get(f"/debug/{name}").status_code == 404


@pytest.mark.parametrize("name", DEBUG)
def test_ratchet_113_debug_endpoints_answer_this_machine(debugged: FlaskClient, name: str) -> None:
    answer = debugged.get(f"/debug/{name}")

    assert answer.status_code == 200
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("name", DEBUG)
def test_debug_endpoints_answer_no_other_machine_while_authentication_is_off(
    debugged: FlaskClient, name: str
) -> None:
    answer = debugged.get(f"/debug/{name}", environ_overrides={"REMOTE_ADDR": "192.0.2.7"})

    assert answer.status_code == 403


def test_debug_shows_what_is_in_force(debugged: FlaskClient) -> None:
    config = debugged.get("/debug/config").get_json()["config"]

    assert config["development"]["enable_debug_endpoints"] is True
    assert debugged.get("/debug/errors?limit=0").status_code == 400
    assert debugged.get("/debug/errors?limit=3").get_json() == {"errors": []}


def test_debug_shows_no_option_that_a_plugin_calls_secret(ratchet: Ratchet) -> None:
    options = {"url": "https://hooks.example/in", "headers": {"X-Shop": "h-91bc4e"}}
    output = OutputSettings(global_destinations=(DestinationSettings("hook", "webhook", options),))
    development = DevelopmentSettings(enable_debug_endpoints=True)
    runtime = Ratchet(replace(ratchet.settings, development=development, output=output))

    answer = create_app(runtime).test_client().get("/debug/config")
    runtime.close()

    [shown] = answer.get_json()["config"]["output"]["global_destinations"]
    assert shown["options"] == {"url": "https://hooks.example/in", "headers": "********"}
