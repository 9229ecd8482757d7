"""Webhooks received: handshakes, figures, and the same inside somebody else's application."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.domain.workflow import single_step
from ratchet_core.flask import Ratchet as Extension
from ratchet_core.runtime import Ratchet

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CONFIGURATION = """
input:
  sources:
    - {name: talk, type: webhook, verify: slack, workflow: echo, options: {secret: %s}}
    - {name: idle, type: webhook, verify: slack, workflow: echo, options: {secret: %s}}
"""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Ratchet]:
    config = tmp_path / "ratchet.yaml"
    config.write_text(CONFIGURATION % (SECRET, SECRET), encoding="utf-8")
    environ = {"RATCHET_DATA_DIR": str(tmp_path / "data")}
    made = Ratchet(load_settings(config, environ).settings)
    made.upgrade_database()
    made.engine.sync_definitions([single_step("echo", "test")], {}, on_change="replace")
    yield made
    made.close()


def send(
    client: FlaskClient, value: object, secret: str = SECRET, path: str = "/webhooks/talk"
) -> TestResponse:
    body = json.dumps(value).encode()
    now = int(time.time())
    digest = hmac.new(secret.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": str(now), "X-Slack-Signature": f"v0={digest}"}
    return client.post(path, data=body, headers=headers, content_type="application/json")


CHALLENGE = {"token": "t", "challenge": "3eZbrw1aBm2r", "type": "url_verification"}


def test_a_handshake_is_answered_and_makes_no_run(runtime: Ratchet) -> None:
    client = create_app(runtime).test_client()

    answer = send(client, CHALLENGE)
    forged = send(client, CHALLENGE, secret="another")

    assert (answer.status_code, answer.get_json()) == (200, {"challenge": "3eZbrw1aBm2r"})
    assert forged.status_code == 401
    assert "3eZbrw1aBm2r" not in forged.text
    assert client.get("/api/v1/jobs").get_json()["items"] == []


def test_what_becomes_of_webhooks_is_counted_by_source(runtime: Ratchet) -> None:
    client = create_app(runtime).test_client()

    first = send(client, {"event_id": "Ev1"})
    again = send(client, {"event_id": "Ev1"})
    send(client, {"event_id": "Ev2"}, secret="another")
    send(client, CHALLENGE)

    assert (first.status_code, again.get_json()["duplicate"]) == (202, True)
    lines = client.get("/metrics").text.splitlines()
    counted = [line for line in lines if line.startswith("ratchet_webhooks_total{")]
    assert counted == [
        'ratchet_webhooks_total{outcome="stored",source="idle"} 0.0',
        'ratchet_webhooks_total{outcome="duplicate",source="idle"} 0.0',
        'ratchet_webhooks_total{outcome="rejected",source="idle"} 0.0',
        'ratchet_webhooks_total{outcome="stored",source="talk"} 1.0',
        'ratchet_webhooks_total{outcome="duplicate",source="talk"} 1.0',
        'ratchet_webhooks_total{outcome="rejected",source="talk"} 1.0',
    ]


@pytest.mark.parametrize("prefix", ["/webhooks", "/shop/hooks"])
def test_the_extension_takes_webhooks_below_its_prefix(runtime: Ratchet, prefix: str) -> None:
    host = Flask("host")
    Extension(runtime, host, webhook_prefix=prefix)
    client = host.test_client()

    answer = send(client, {"event_id": "Ev1"}, path=f"{prefix}/talk")
    forged = send(client, {"event_id": "Ev2"}, secret="another", path=f"{prefix}/talk")

    assert answer.status_code == 202
    assert runtime.reads.run(answer.get_json()["job_id"]).input["webhook"]["body"] == {
        "event_id": "Ev1"
    }
    assert (forged.status_code, forged.get_json()["error"]["type"]) == (401, "AuthenticationError")


def test_the_extension_leaves_webhooks_out_where_it_is_told_to(runtime: Ratchet) -> None:
    host = Flask("host")
    Extension(runtime, host, webhook_prefix=None)

    assert send(host.test_client(), {"event_id": "Ev1"}).status_code == 404
