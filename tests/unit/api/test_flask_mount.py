from __future__ import annotations

import pytest
from flask import Flask

from ratchet_core.errors import ConfigurationError
from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet


@pytest.fixture
def host(ratchet: Ratchet) -> Flask:
    """Give somebody else's application with both doors under prefixes of its own."""
    app = Flask("host")
    app.add_url_rule("/", "home", lambda: "<h1>Shop</h1>")
    Extension(ratchet, app, tasker_prefix="/wf", api_prefix="/engine/api")
    return app


def test_both_doors_answer_under_the_hosts_prefixes(host: Flask) -> None:
    client = host.test_client()

    assert client.get("/wf/handlers").status_code == 200
    assert client.get("/engine/api/tasks").status_code == 200


def test_the_hosts_own_pages_are_left_alone(host: Flask) -> None:
    home = host.test_client().get("/")
    missing = host.test_client().get("/nope")

    assert home.text == "<h1>Shop</h1>"
    assert "X-Request-ID" not in home.headers
    assert missing.mimetype == "text/html"


def test_unknown_routes_below_the_prefixes_are_told_in_json(host: Flask) -> None:
    answer = host.test_client().get("/wf/nope")

    assert answer.status_code == 404
    assert answer.mimetype == "application/json"


def test_the_host_application_owns_host_and_origin(host: Flask) -> None:
    headers = {"Host": "shop.example", "Origin": "https://shop.example"}

    answer = host.test_client().post("/wf/tasks", json={}, headers=headers)

    assert answer.status_code == 422


def test_tasker_056_057_the_mount_describes_its_own_routes_and_no_others(host: Flask) -> None:
    answer = host.test_client().get("/wf/api-docs.json")

    document = answer.get_json()
    assert document["openapi"].startswith("3.0")
    assert {
        "/wf/handlers",
        "/wf/handlers/{namespace}",
        "/wf/handlers/{namespace}/{name}",
        "/wf/tasks",
        "/wf/tasks/{id}",
    } <= set(document["paths"])
    assert [path for path in document["paths"] if not path.startswith("/wf/")] == []
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert "TaskerProblem" in document["components"]["schemas"]


def test_tasker_002_the_mount_point_is_free(host: Flask) -> None:
    assert host.test_client().get("/wf/handlers/shop/diamond").get_json()["id"] == "diamond"


def test_a_door_may_be_left_out(ratchet: Ratchet) -> None:
    app = Flask("host")
    Extension(ratchet, app, api_prefix=None)

    assert app.test_client().get("/tasker/handlers").status_code == 200
    assert app.test_client().get("/api/v1/tasks").status_code == 404


def test_graphql_is_mounted_only_when_asked_for(ratchet: Ratchet, host: Flask) -> None:
    app = Flask("host")
    Extension(ratchet, app, graphql_prefix="/engine/graph")
    client = app.test_client()

    answer = client.post("/engine/graph", json={"query": '{ task(id: "echo") { name } }'})
    refused = client.post("/engine/graph", json=7)
    page = client.get("/engine/graph/playground")

    assert answer.get_json() == {"data": {"task": {"name": "echo"}}}
    assert refused.get_json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert '{"endpoint": "/engine/graph"}' in page.text
    assert client.get("/engine/graph/playground/playground.js").status_code == 200
    assert host.test_client().post("/graphql", json={}).status_code == 404


@pytest.mark.parametrize("prefix", ["", "/", "tasker", "/tasker/", "/a//b"])
def test_an_unsound_prefix_is_refused(ratchet: Ratchet, prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="prefix"):
        Extension(ratchet, tasker_prefix=prefix)
