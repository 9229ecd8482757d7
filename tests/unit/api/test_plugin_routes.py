"""Routes of plugins: below their own path, and never beyond it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet

TEXT = """
from flask import Blueprint
from ratchet_core.sdk import hookimpl

blueprint = Blueprint("mine", __name__)

@blueprint.get("/ok")
def ok():
    return {"a": 1}

@blueprint.get("/broken")
def broken():
    raise ValueError("s3cret")

@hookimpl
def ratchet_register_blueprints(services):
    return [blueprint]
"""


def serve(folder: Path, text: str) -> tuple[FlaskClient, Ratchet]:
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "mine.py").write_text(textwrap.dedent(text), encoding="utf-8")
    environ = {
        "RATCHET_PLUGINS_DIRECTORY": str(plugins),
        "RATCHET_DATA_DIR": str(folder / "data"),
        "RATCHET_PLUGINS_ALLOW": "mine",
    }
    ratchet = Ratchet(load_settings(None, environ).settings)
    return create_app(ratchet).test_client(), ratchet


def test_they_stand_below_the_name_of_the_plugin_and_fail_in_our_words(tmp_path: Path) -> None:
    client, ratchet = serve(tmp_path, TEXT)

    assert client.get("/plugins/mine/ok").get_json() == {"a": 1}
    answer = client.get("/plugins/mine/broken")

    assert answer.status_code == 500
    assert "s3cret" not in answer.get_data(as_text=True)
    [plugin] = [state for state in ratchet.hooks.plugins if state.name == "mine"]
    assert (plugin.state, plugin.errors, plugin.provides) == ("active", 1, ["routes /plugins/mine"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("blueprint.before_app_request(lambda: 1 / 0)", "touches requests or errors of all"),
        ("blueprint = 5", "it returned int"),
    ],
)
def test_what_reaches_further_is_quarantined_and_the_rest_is_served(
    tmp_path: Path, line: str, reason: str
) -> None:
    client, ratchet = serve(tmp_path, f"{TEXT}\n{line}\n")

    assert client.get("/health/live").status_code == 200
    assert client.get("/plugins/mine/ok").status_code == 404
    [plugin] = [state for state in ratchet.hooks.plugins if state.name == "mine"]
    assert plugin.state == "quarantined"
    assert reason in plugin.reason
