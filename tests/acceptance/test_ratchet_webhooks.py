"""Webhooks received over HTTP: verified, made into jobs once, and their secrets kept."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from standardwebhooks import Webhook

from tests.acceptance.conftest import ENDS, ROOT
from tests.processes import Running, environment, ratchet_up, running
from tests.waiting import wait_for

SECRET = "a-secret-that-nobody-may-see"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIGURATION = """\
limits: {max_body_size: 100000}
input:
  sources:
    - name: payments
      type: webhook
      verify: hmac
      workflow: webhook-processor
      webhook_secret: "${WEBHOOK_SECRET}"
      options: {secret: "${WEBHOOK_SECRET}"}
    - {name: standard, type: webhook, verify: standard, workflow: echo, \
options: {secret: "${STANDARD}"}}
    - {name: open, type: webhook, verify: none, workflow: echo, webhook_secret: "${WEBHOOK_SECRET}"}
    - {name: absent, type: webhook, verify: none, workflow: nobody-defines-it}
    - {name: off, type: webhook, verify: none, workflow: echo, enabled: false}
    - {name: badkey, type: webhook, verify: standard, workflow: echo, \
options: {secret: "whsec_not base64!"}}
    - {name: careless, type: webhook, verify: none, workflow: careless, \
webhook_secret: "${WEBHOOK_SECRET}"}
"""
#: The seed's script without its helpers.
HELPLESS = (
    "(function(input) { return generateSignature(input.webhook.body, input.webhook_secret); })"
)
CARELESS = """(function(input) {
    console.log('the secret is ' + input.webhook_secret);
    if (input.webhook.body.fail) throw new Error('failed with ' + input.webhook_secret);
    return input;
})"""
ECHO = "(function(input) { return input; })"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a Ratchet that takes webhooks."""
    folder = tmp_path_factory.mktemp("webhooks")
    definitions = folder / "definitions"
    definitions.mkdir()
    (definitions / "webhook-processor").symlink_to(ROOT / "contrib/examples/webhook-processor")
    for name, text in (("echo", ECHO), ("careless", CARELESS), ("helpless", HELPLESS)):
        (definitions / f"{name}.js").write_text(text, encoding="utf-8")
    config = folder / "ratchet.yaml"
    text = CONFIGURATION.replace("max_body_size", "max_body_bytes")
    config.write_text(
        text + "    - {name: helpless, type: webhook, verify: none, workflow: helpless}\n",
        encoding="utf-8",
    )
    variables = {
        "RATCHET_PATH": str(definitions),
        "RATCHET_WORKER_COUNT": "1",
        "RATCHET_CONFIG": str(config),
        "WEBHOOK_SECRET": SECRET,
        "STANDARD": STANDARD,
    }
    with ratchet_up(folder / "up", **variables) as started:
        yield started


def signed(body: bytes, **headers: str) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Webhook-Signature": signature, **headers}


def send(site: Running, source: str, body: bytes, **headers: str) -> requests.Response:
    return requests.post(f"{site.base}/webhooks/{source}", data=body, headers=headers, timeout=10)


def ended(site: Running, answer: requests.Response) -> Any:
    assert answer.status_code == 202, answer.text
    url = f"{site.base}/api/v1/jobs/{answer.json()['job_id']}"

    def look() -> Any:
        job = requests.get(url, timeout=10).json()
        return job if job["status"] in ENDS else None

    return wait_for(look, "the job to end")


def dumps(value: object) -> bytes:
    return orjson.dumps(value)


def test_ratchet_070_072_074_a_signed_webhook_becomes_the_seed_s_input(site: Running) -> None:
    body = dumps({"payment": {"payment_id": "p1", "amount": 5}, "payment_id": "p1", "amount": 5})
    headers = signed(body, **{"X-Event-Type": "payment.completed", "X-Webhook-Id": "070"})

    job = ended(site, send(site, "payments", body, **headers))

    assert job["status"] == "completed", job["error"]
    assert job["result"]["payment_id"] == "p1"
    webhook = job["input"]["webhook"]
    assert set(job["input"]) == {"webhook"}
    assert webhook["headers"]["x-event-type"] == "payment.completed"
    assert (webhook["method"], webhook["path"]) == ("POST", "/webhooks/payments")
    assert webhook["body"] == orjson.loads(webhook["raw_body"])


def test_ratchet_071_an_unknown_event_fails_with_the_seed_s_message(site: Running) -> None:
    body = dumps({"a": 1})
    headers = signed(body, **{"X-Event-Type": "moon.landed", "X-Webhook-Id": "071"})

    job = ended(site, send(site, "payments", body, **headers))

    assert job["status"] == "failed"
    assert job["error"] == "Unknown event type: moon.landed"
    assert job["error_details"]["type"] == "ValidationError"
    assert job["error_details"]["attempt"] == 1


def test_ratchet_071_a_wrong_signature_never_becomes_a_job(site: Running) -> None:
    answer = send(site, "payments", b'{"a":1}', **signed(b'{"a":2}'))

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "AuthenticationError"
    assert "secret over" not in answer.text


def test_ratchet_073_an_absent_helper_fails_the_job_alone(site: Running) -> None:
    job = ended(site, send(site, "helpless", b"{}"))

    assert job["status"] == "failed"
    assert job["error_details"]["type"] == "ReferenceError"
    assert "generateSignature" in job["error"]


def test_a_webhook_that_is_sent_again_is_answered_with_its_job(site: Running) -> None:
    body = dumps({"n": 1})
    at = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_again",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(STANDARD).sign("msg_again", at, body.decode()),
    }

    first, second = (send(site, "standard", body, **headers) for _ in range(2))

    assert first.status_code == second.status_code == 202
    assert first.json()["job_id"] == second.json()["job_id"]
    assert [answer.json()["duplicate"] for answer in (first, second)] == [False, True]
    stale = str(int(time.time()) - 301)
    old = {
        **headers,
        "webhook-timestamp": stale,
        "webhook-signature": Webhook(STANDARD).sign(
            "msg_again", datetime.fromtimestamp(int(stale), UTC), body.decode()
        ),
    }
    assert send(site, "standard", body, **old).status_code == 401


@pytest.mark.parametrize("body", [b'{"fail":true}', b'{"fail":false}'])
def test_the_secret_is_in_no_result_error_log_or_database(site: Running, body: bytes) -> None:
    job = ended(site, send(site, "careless", body))

    logs = requests.get(f"{site.base}/api/v1/jobs/{job['id']}/logs", timeout=10)
    assert "the secret is [secret]" in logs.text
    assert SECRET not in f"{job} {logs.text} {site.text()}"
    for path in (site.log.parent / "data").rglob("ratchet.db*"):
        assert SECRET.encode() not in path.read_bytes()


def test_a_rerun_of_a_webhook_is_given_the_secret_again(site: Running) -> None:
    job = ended(site, send(site, "careless", b"{}"))

    again = requests.post(f"{site.base}/api/v1/jobs/{job['id']}/rerun", json={}, timeout=10)

    assert again.ok, again.text
    new = again.json()["job"]["id"]
    wait_for(
        lambda: (
            "the secret is [secret]"
            in requests.get(f"{site.base}/api/v1/jobs/{new}/logs", timeout=10).text
        ),
        "the rerun to log",
    )


def test_nobody_else_gets_the_secret_by_looking_like_a_webhook(site: Running) -> None:
    answer = requests.post(
        f"{site.base}/api/v1/tasks/careless/execute?wait=20",
        json={"input": {"webhook": {"body": {}}}, "metadata": {"input_source": "careless"}},
        timeout=30,
    )
    if answer.status_code == 400:  # the door may know no such key
        answer = requests.post(
            f"{site.base}/api/v1/tasks/careless/execute?wait=20",
            json={"input": {"webhook": {"body": {}}}},
            timeout=30,
        )

    assert answer.json()["job"]["result"] == {"webhook": {"body": {}}}


@pytest.mark.parametrize(
    ("source", "body", "headers", "status", "code"),
    [
        ("nobody", b"{}", {}, 404, "SOURCE_NOT_FOUND"),
        ("off", b"{}", {}, 404, "SOURCE_NOT_FOUND"),
        ("absent", b"{}", {}, 503, "SERVICE_UNAVAILABLE"),
        ("open", b"x" * 100_001, {}, 413, "PAYLOAD_TOO_LARGE"),
        ("open", b"{}", {"Origin": "http://evil.example"}, 401, "AUTHENTICATION_FAILED"),
        ("open", b"{}", {"Host": "evil.example"}, 401, "AUTHENTICATION_FAILED"),
        ("open", b"{}", {"X-Forwarded-For": "1.2.3.4"}, 401, "AUTHENTICATION_FAILED"),
        ("payments", b"{}", {}, 401, "AUTHENTICATION_FAILED"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_code(
    site: Running, source: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = send(site, source, body, **headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_other_methods_are_not_allowed(site: Running) -> None:
    answer = requests.get(f"{site.base}/webhooks/open", timeout=10)

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("body", [b"a=1&b=2", b"", b"\xff\x00binary", b"[1,"])
def test_any_content_type_is_taken_and_what_is_no_json_is_text(site: Running, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Bearer t"}

    job = ended(site, send(site, "open", body, **headers))

    webhook = job["input"]["webhook"]
    assert webhook["body"] == webhook["raw_body"] == body.decode("utf-8", "replace")
    assert "authorization" not in webhook["headers"]


def test_the_route_is_in_the_document(site: Running) -> None:
    document = requests.get(f"{site.base}/openapi.json", timeout=10).json()

    operation = document["paths"]["/webhooks/{source}"]["post"]
    assert operation["security"] == []
    assert {"202", "401", "404", "413"} <= set(operation["responses"])


def test_health_names_a_source_that_is_left_out(site: Running) -> None:
    health = requests.get(f"{site.base}/health", timeout=10).json()

    assert send(site, "badkey", b"{}").status_code == 404
    assert health["status"] == "degraded"
    assert "badkey: ValueError" in health["checks"]["webhooks"]["message"]
    assert "not base64" not in health["checks"]["webhooks"]["message"]


def test_a_source_that_can_take_nothing_refuses_the_start(tmp_path: Path) -> None:
    config = tmp_path / "ratchet.yaml"
    config.write_text(
        "input: {sources: [{name: a, type: webhook, verify: githup, workflow: echo},"
        " {name: b, type: webhook, verify: hmac, workflow: echo, options: {secrit: x}}]}",
        encoding="utf-8",
    )
    env = environment(tmp_path, RATCHET_CONFIG=str(config), RATCHET_SERVER_PORT="1")

    with running(["serve", "--port", "0"], tmp_path, env) as started:
        assert started.process.wait(30) != 0
        text = started.text()

    assert "input.sources 'a': verify: no plugin offers 'githup'; there are" in text
    assert "input.sources 'b': options.secrit: unknown key; did you mean 'secret'?" in text
