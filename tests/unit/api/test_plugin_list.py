"""`/api/v1/plugins`: what is installed, what it provides, and whether it works."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_plugins_are_listed_with_what_they_provide(client: FlaskClient) -> None:
    answer = client.get("/api/v1/plugins").get_json()

    found = {item["name"]: item for item in answer["items"]}
    assert answer["total"] == len(answer["items"])
    assert found["javascript"]["state"] == "active"
    assert any("javascript" in text for text in found["javascript"]["provides"])


def test_one_plugin_is_shown_and_an_unknown_one_is_404(client: FlaskClient) -> None:
    listed = client.get("/api/v1/plugins").get_json()["items"]

    shown = client.get("/api/v1/plugins/javascript").get_json()
    missing = client.get("/api/v1/plugins/nobody")

    assert shown["name"] in {item["name"] for item in listed}
    assert missing.status_code == 404
    assert "nobody" in missing.get_json()["error"]["message"]


def test_the_values_of_settings_are_not_shown(client: FlaskClient) -> None:
    for item in client.get("/api/v1/plugins").get_json()["items"]:
        assert all(isinstance(key, str) and "=" not in key for key in item["settings"])
