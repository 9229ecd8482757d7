from __future__ import annotations

import hashlib
import json
from importlib.resources import files

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet

PAGES = {"/docs": "/openapi.json", "/tasker/api-docs": "/tasker/api-docs.json"}


@pytest.mark.parametrize("path", PAGES)
def test_tasker_055_the_page_shows_the_document_and_loads_nothing_from_elsewhere(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert f'data-document="{PAGES[path]}"' in answer.text
    assert "://" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    for name in ("swagger-ui-bundle.js", "swagger.js", "swagger-ui.css"):
        asset = client.get(f"{path}/{name}")
        assert (asset.status_code, f"{path}/{name}" in answer.text) == (200, True)


@pytest.mark.parametrize("name", ["vendor.json", "__init__.py", "..%2f__init__.py", "nope"])
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code == 404
    assert client.get(f"/tasker/api-docs/{name}").status_code == 404


def test_the_page_follows_the_mount_of_a_host_application(ratchet: Ratchet) -> None:
    host = Flask("host")
    Extension(ratchet, host, tasker_prefix="/wf")
    client = host.test_client()

    page = client.get("/wf/api-docs", environ_overrides={"SCRIPT_NAME": "/shop"})

    assert 'data-document="/shop/wf/api-docs.json"' in page.text
    assert 'src="/shop/wf/api-docs/swagger-ui-bundle.js"' in page.text


def test_the_programs_are_those_whose_checksums_are_noted() -> None:
    static = files("ratchet_core.api.door.static")
    notes = json.loads(static.joinpath("vendor.json").read_text("utf-8"))

    found = {
        name: hashlib.sha256(static.joinpath(name).read_bytes()).hexdigest()
        for note in notes
        for name in note["files"]
    }

    assert found == {name: digest for note in notes for name, digest in note["files"].items()}
    assert [note["package"].partition("@")[0] for note in notes] == ["swagger-ui-dist"]


@pytest.mark.parametrize(
    "path",
    [
        "/openapi.json",
        "/openapi.yaml",
        "/tasker/api-docs.json",
        "/tasker/handlers",
        "/tasker/handlers/shop",
        "/tasker/handlers/shop/diamond",
    ],
)
def test_what_a_client_has_already_is_answered_304(client: FlaskClient, path: str) -> None:
    first = client.get(path)

    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(path, headers={"If-None-Match": '"something else"'})

    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.data == b""
    assert again.headers["ETag"] == first.headers["ETag"]
