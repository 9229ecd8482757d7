"""Routes that are closed, in our own application and in somebody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from flask import Blueprint, Flask

from ratchet_core.api.door.access import OPEN, declare
from ratchet_core.api.door.call import Requirement
from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.errors import ConfigurationError, PluginError
from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet

SECRET = "canary-jwt-secret-0123456789-0123456789"
HEADERS = {
    "Authorization": "Bearer "
    + jwt.encode({"sub": "alice", "exp": int(time.time()) + 7 * 86_400}, SECRET, "HS256")
}


def made(folder: Path, **variables: str) -> Ratchet:
    settings = load_settings(None, {"RATCHET_DATA_DIR": str(folder), **variables}).settings
    runtime = Ratchet(settings)
    runtime.prepare_database()
    return runtime


@pytest.fixture
def ratchet(tmp_path: Path) -> Iterator[Ratchet]:
    runtime = made(tmp_path, RATCHET_JWT_SECRET=SECRET)
    yield runtime
    runtime.close()


def with_route(app: Flask, *, is_declared: bool) -> Flask:
    blueprint = Blueprint("other", __name__)
    blueprint.add_url_rule("/other", "other", lambda: "served")
    if is_declared:
        declare(blueprint, "other", Requirement(permission=OPEN, operation="other"))
    app.register_blueprint(blueprint)
    return app


def test_a_route_that_declares_nothing_is_closed_to_everybody(ratchet: Ratchet) -> None:
    client = with_route(create_app(ratchet), is_declared=False).test_client()

    assert client.get("/other").status_code == 401
    assert client.get("/other", headers=HEADERS).status_code == 403


def test_a_route_may_be_declared_open(ratchet: Ratchet) -> None:
    client = with_route(create_app(ratchet), is_declared=True).test_client()

    assert client.get("/other").data == b"served"


def test_no_route_can_need_what_is_no_permission() -> None:
    with pytest.raises(ValueError, match="run:explode"):
        declare(
            Blueprint("other", __name__), "x", Requirement(permission="run:explode", operation="x")
        )


def test_what_does_not_exist_is_told_to_known_callers_alone(ratchet: Ratchet) -> None:
    client = create_app(ratchet).test_client()

    assert client.get("/nope").status_code == 401
    assert client.get("/nope", headers=HEADERS).status_code == 404
    assert client.put("/api/v1/jobs").status_code == 401
    assert client.put("/api/v1/jobs", headers=HEADERS).status_code == 405


def test_one_secret_is_enough_to_close_everything(ratchet: Ratchet) -> None:
    client = create_app(ratchet).test_client()

    assert client.get("/api/v1/jobs").status_code == 401
    assert client.get("/api/v1/jobs", headers=HEADERS).status_code == 200
    document = client.get("/openapi.json").get_json()
    assert document["security"] == [{"bearerAuth": []}, {"apiKeyAuth": []}]


def test_without_authentication_there_is_no_token_to_be_had(tmp_path: Path) -> None:
    runtime = made(tmp_path)
    client = create_app(runtime).test_client()

    assert client.post("/api/v1/auth/refresh", headers=HEADERS).status_code == 404
    assert client.get("/api/v1/jobs", headers={"Authorization": "Bearer x"}).status_code == 200
    runtime.close()


def test_documents_can_be_closed_too(tmp_path: Path) -> None:
    runtime = made(tmp_path, RATCHET_JWT_SECRET=SECRET, RATCHET_SERVER_PUBLIC_DOCS="false")
    client = create_app(runtime).test_client()

    for path in ("/openapi.json", "/openapi.yaml", "/tasker/api-docs.json", "/graphql/playground"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=HEADERS).status_code == 200
    assert client.get("/health/live").status_code == 200
    runtime.close()


def test_the_doors_in_somebody_else_s_application_are_closed_and_nothing_else_is(
    ratchet: Ratchet,
) -> None:
    host = with_route(Flask("host"), is_declared=False)
    Extension(ratchet, host, tasker_prefix="/wf", api_prefix="/ratchet")
    client = host.test_client()

    assert client.get("/other").data == b"served"
    for path in ("/wf/handlers", "/ratchet/jobs", "/wf/nope"):
        assert client.get(path).status_code == 401
    assert client.get("/wf/handlers", headers=HEADERS).status_code == 200
    assert client.get("/ratchet/jobs", headers=HEADERS).status_code == 200


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"RATCHET_AUTH_AUTHENTICATOR_CLASS": "jwt"}, "no key"),
        ({"RATCHET_AUTH_AUTHENTICATOR_CLASS": "ldap"}, "no authenticator 'ldap'"),
        ({"RATCHET_AUTH_AUTHENTICATOR_CLASS": "nowhere.Class"}, "cannot be imported"),
        ({"RATCHET_AUTH_AUTHENTICATOR_CLASS": "pathlib.Path"}, "cannot be made"),
        ({"RATCHET_AUTH_AUTHENTICATOR_CLASS": "builtins.repr"}, "is no authenticator"),
        (
            {"RATCHET_AUTH_AUTHENTICATOR_CLASS": "jwt", "RATCHET_PLUGINS_DENY": "jwt"},
            "no authenticator 'jwt'",
        ),
        (
            {
                "RATCHET_AUTH_AUTHENTICATOR_CLASS": "api-key",
                "RATCHET_AUTH_AUTHORIZATION_ENABLED": "true",
                "RATCHET_AUTH_AUTHORIZATION_COORDINATOR_CLASS": "builtins.object",
            },
            "no AuthorizationCoordinator",
        ),
    ],
)
def test_what_cannot_be_made_refuses_the_start(
    tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    runtime = made(tmp_path, RATCHET_AUTH_AUTHENTICATION_ENABLED="true", **variables)

    with pytest.raises((ConfigurationError, PluginError), match=says):
        create_app(runtime)
    runtime.close()
