"""acceptance.md, Ratchet: webhooks out, and the other output destinations."""

from __future__ import annotations

import hashlib
import hmac
import stat
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from tests.acceptance.conftest import DEFINITIONS, Api
from tests.acceptance.contract import Contract
from tests.http_server import Answer, HttpServer, Received, serve
from tests.processes import RATCHET, environment, ratchet_up
from tests.waiting import wait_for

#: As the seed has it ("Sending Webhooks"), but for the address.
SEED = """\
output:
  global_destinations:
    - name: "order_webhook"
      destination:
        type: webhook
        url: "https://partner-api.com/webhooks/orders"
        method: POST
        headers:
          "X-Webhook-Event": "order.processed"
          "X-Webhook-Signature": "{{signature}}"
        auth:
          type: bearer
          token: "${PARTNER_API_TOKEN}"
"""
MORE = """\
    - name: "archive"
      destination:
        type: filesystem
        path: "%s/{{task_name}}_{{job_uuid}}.json"
        permissions: "644"
        create_dirs: true
    - name: "failures"
      run_states: [failed]
      destination:
        type: webhook
        url: "%s/failures"
  default_retry_policy:
    max_attempts: 3
    initial_delay_ms: 50
    max_delay_ms: 200
  security:
    allow_localhost_webhooks: true
"""
TOKEN = "canary-partner-token"


class Partner:
    """The other side: answers as told, 200 by default."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.server: HttpServer | None = None

    def respond(self, request: Received) -> Answer:
        told = self.answers.get(request.path, [])
        return told.pop(0) if told else Answer()

    def of(self, path: str, job_id: str) -> list[Received]:
        """Return what came to a path about a job, told apart by the deliveries of the job."""
        assert self.server is not None
        return [got for got in list(self.server.received) if got.path == path and
                got.headers.get("x-job") in (None, job_id)]  # fmt: skip


@dataclass
class Place:
    """A stack with outputs."""

    api: Api
    partner: Partner
    folder: Path
    text: Any

    def deliveries(self, job_id: str) -> list[dict[str, Any]]:
        """Return the deliveries of a job, by the name of their destination."""
        page = self.api.get(f"/api/v1/deliveries?job_id={job_id}").json()
        return sorted(page["items"], key=lambda item: str(item["destination"]))

    def settled(self, job_id: str, count: int) -> list[dict[str, Any]]:
        """Return the deliveries of a job once so many have ended."""

        def look() -> list[dict[str, Any]] | None:
            found = self.deliveries(job_id)
            ended = [item for item in found if item["status"] in ("delivered", "failed")]
            return found if len(ended) == len(found) == count else None

        return wait_for(look, f"{count} deliveries of {job_id} to end")

    def run(self, task: str, value: Any, destinations: list[Mapping[str, Any]]) -> str:
        """Execute a task with destinations of the job's own; return the job's id."""
        body = {"input": value, "output_destinations": destinations}
        answer = self.api.post(f"/api/v1/tasks/{task}/execute?wait=20", json=body)
        assert answer.status_code == 200, answer.text
        job_id: str = answer.json()["job"]["id"]
        return job_id


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("outputs")
    partner = Partner()
    with serve(partner.respond) as server:
        partner.server = server
        base = f"http://127.0.0.1:{server.port}"
        block = SEED.replace("https://partner-api.com", base) + MORE % (folder / "archive", base)
        config = folder / "ratchet.yaml"
        config.write_text(block, encoding="utf-8")
        with ratchet_up(
            folder,
            RATCHET_PATH=str(DEFINITIONS),
            RATCHET_CONFIG=str(config),
            PARTNER_API_TOKEN=TOKEN,
        ) as started:
            document = requests.get(f"{started.base}/openapi.json", timeout=10).json()
            yield Place(Api(started.base, Contract(document)), partner, folder, started.text)


def hook(place: Place, path: str, **options: Any) -> dict[str, Any]:
    assert place.partner.server is not None
    url = f"http://127.0.0.1:{place.partner.server.port}{path}"
    headers = {"X-Job": "{{job_id}}"}
    return {"name": path.strip("/"), "destination": {
        "type": "webhook", "url": url, "headers": headers, **options}}  # fmt: skip


def run_command(folder: Path, config: str, *arguments: str, **variables: str) -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "ratchet.yaml").write_text(config, encoding="utf-8")
    return subprocess.run(
        [RATCHET, *arguments],
        cwd=folder,
        env=environment(folder, RATCHET_CONFIG=str(folder / "ratchet.yaml"), **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_ratchet_075_the_seed_s_block_loads_as_it_is(tmp_path: Path) -> None:
    done = run_command(tmp_path, SEED, "config", "validate", PARTNER_API_TOKEN="x")

    assert done.returncode == 0, done.stderr


def test_ratchet_079_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    done = run_command(tmp_path, SEED, "config", "validate")

    assert done.returncode != 0
    assert "PARTNER_API_TOKEN" in done.stderr


def test_a_destination_that_nothing_delivers_to_refuses_the_start(tmp_path: Path) -> None:
    config = textwrap.dedent(
        """\
        output:
          global_destinations:
            - name: lake
              destination: {type: s3, bucket: x}
        """
    )

    done = run_command(tmp_path, config, "serve", "--port", "1")

    assert done.returncode == 3
    assert "output.global_destinations[0] 'lake': type: no plugin delivers to 's3'" in done.stderr


def test_ratchet_076_077_078_079_the_seed_s_webhook_is_sent_signed(place: Place) -> None:
    job_id = place.run("echo", {"order": 7}, [])
    place.settled(job_id, 2)
    assert place.partner.server is not None
    result = place.api.job(job_id)["result"]
    found = [
        got
        for got in place.partner.server.received
        if got.path == "/webhooks/orders" and orjson.loads(got.body) == result
    ]

    assert len(found) == 1
    [got] = found
    assert got.method == "POST"
    assert got.headers["x-webhook-event"] == "order.processed"
    assert got.headers["authorization"] == f"Bearer {TOKEN}"
    [secret] = (place.folder / "data" / "secrets").glob("output-order_webhook")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    expected = hmac.new(secret.read_bytes(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-webhook-signature"] == expected


def test_the_secret_is_shown_to_who_configures(place: Place) -> None:
    place.settled(place.run("echo", {}, []), 2)
    folder = place.folder
    done = subprocess.run(
        [RATCHET, "outputs", "secret", "order_webhook"],
        cwd=folder,
        env=environment(
            folder, RATCHET_CONFIG=str(folder / "ratchet.yaml"), PARTNER_API_TOKEN=TOKEN
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    stored = (folder / "data" / "secrets" / "output-order_webhook").read_text(encoding="ascii")
    assert done.stdout.strip() == stored


def test_ratchet_080_failed_deliveries_are_tried_again_and_never_fail_the_job(
    place: Place,
) -> None:
    place.partner.answers["/flaky"] = [Answer(status=503), Answer(status=429)]
    place.partner.answers["/down"] = [Answer(status=500)] * 9
    job_id = place.run("echo", {}, [hook(place, "/flaky"), hook(place, "/down")])

    found = {item["destination"]: item for item in place.settled(job_id, 4)}

    assert place.api.job(job_id)["status"] == "completed"
    assert (found["flaky"]["status"], found["flaky"]["attempts"]) == ("delivered", 3)
    assert (found["down"]["status"], found["down"]["attempts"]) == ("failed", 3)
    assert found["down"]["error"]["message"] == "the destination answered 500 Internal Server Error"
    shown = place.api.get(f"/api/v1/deliveries/{found['flaky']['id']}").json()
    assert [one["details"].get("status") for one in shown["attempt_list"]] == [503, 429, 200]
    sent = place.partner.of("/flaky", job_id)
    assert {got.headers["x-ratchet-delivery"] for got in sent} == {found["flaky"]["id"]}

    events = place.api.get(f"/api/v1/jobs/{job_id}/events").json()["items"]
    names = [event["name"] for event in events]
    assert names.count("delivery.delivered") == 3
    assert names.count("delivery.failed") == 1


def test_ratchet_081_a_file_per_output(place: Place) -> None:
    job_id = place.run("echo", {"n": 1}, [])
    place.settled(job_id, 2)

    file = place.folder / "archive" / f"echo_{job_id}.json"
    assert orjson.loads(file.read_bytes()) == place.api.job(job_id)["result"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_failures_go_where_they_are_wanted(place: Place) -> None:
    body = {"input": {"repaired": "/nowhere/repaired"}}
    job_id = place.api.post("/api/v1/tasks/fragile/execute", json=body).json()["job"]["id"]
    place.api.finished(job_id)

    [delivery] = place.settled(job_id, 1)

    assert delivery["destination"] == "failures"
    assert place.partner.server is not None
    bodies = [orjson.loads(got.body) for got in place.partner.server.received
              if got.path == "/failures"]  # fmt: skip
    assert [body["status"] for body in bodies if body["job_id"] == job_id] == ["failed"]


def test_what_was_put_aside_is_sent_again_on_request(place: Place) -> None:
    place.partner.answers["/late"] = [Answer(status=400)]
    job_id = place.run("echo", {}, [hook(place, "/late")])
    [late] = [item for item in place.settled(job_id, 3) if item["destination"] == "late"]
    assert (late["status"], late["attempts"]) == ("failed", 1)

    answer = place.api.post(f"/api/v1/deliveries/{late['id']}/redeliver")

    assert answer.status_code == 200, answer.text
    [again] = [item for item in place.settled(job_id, 3) if item["destination"] == "late"]
    assert (again["status"], again["attempts"]) == ("delivered", 2)
    assert again["error"] is None


def test_many_are_sent_again_after_a_dry_run(place: Place) -> None:
    place.partner.answers["/many"] = [Answer(status=404)] * 3
    jobs = [place.run("echo", {}, [hook(place, "/many")]) for _ in range(3)]
    for job_id in jobs:
        place.settled(job_id, 3)
    body = {"filter": {"destination": "many"}}

    dry = place.api.post("/api/v1/deliveries/redeliver", json={**body, "dry_run": True}).json()
    done = place.api.post("/api/v1/deliveries/redeliver", json=body).json()

    assert dry == {"dry_run": True, "matched": 3, "redelivered": 0}
    assert done == {"dry_run": False, "matched": 3, "redelivered": 3}
    for job_id in jobs:
        found = {item["destination"]: item["status"] for item in place.settled(job_id, 3)}
        assert found["many"] == "delivered"


def test_deliveries_are_seen_and_sent_again_through_graphql(place: Place) -> None:
    place.partner.answers["/graph"] = [Answer(status=400)]
    job_id = place.run("echo", {}, [hook(place, "/graph")])
    place.settled(job_id, 3)
    seen = """query($id: ID!) { deliveries(jobId: $id) { total items {
      id destination status error { code } attempt_list { number status details } } } }"""
    again = "mutation($id: ID!) { redeliver(deliveryId: $id) { delivery { status } } }"
    many = """mutation($ids: [ID!]) { redeliverMany(ids: $ids, dryRun: true) {
      dry_run matched redelivered } }"""

    def ask(query: str, **variables: Any) -> Any:
        sent = {"query": query, "variables": variables}
        body = place.api.post("/graphql", json=sent).json()
        assert "errors" not in body, body
        return body["data"]

    page = ask(seen, id=job_id)["deliveries"]
    [late] = [item for item in page["items"] if item["destination"] == "graph"]
    dry = ask(many, ids=[late["id"]])["redeliverMany"]
    ask(again, id=late["id"])
    place.settled(job_id, 3)
    [sent] = [
        item
        for item in ask(seen, id=job_id)["deliveries"]["items"]
        if item["destination"] == "graph"
    ]

    assert page["total"] == 3
    assert late["status"] == "failed"
    assert late["error"]["code"]
    assert [one["details"]["status"] for one in late["attempt_list"]] == [400]
    assert dry == {"dry_run": True, "matched": 1, "redelivered": 0}
    assert sent["status"] == "delivered"
    assert [one["status"] for one in sent["attempt_list"]] == ["failed", "delivered"]
    names = ask("{ destinations { name type problems } }")["destinations"]
    assert {"name": "order_webhook", "type": "webhook", "problems": []} in names


def test_410_switches_a_destination_off_until_it_is_enabled(place: Place) -> None:
    place.partner.answers["/webhooks/orders"] = [Answer(status=410)]
    gone = place.run("echo", {}, [])
    place.settled(gone, 2)
    listed = place.api.get("/api/v1/destinations").json()["items"]
    off = {item["name"]: item["disabled_reason"] for item in listed}
    refused = place.run("echo", {}, [])
    [_, order] = place.settled(refused, 2)

    assert "410" in off["order_webhook"]
    assert (order["status"], order["error"]["code"]) == ("failed", "DESTINATION_DISABLED")
    answer = place.api.post("/api/v1/destinations/order_webhook/enable")
    assert answer.json()["disabled_reason"] is None
    place.api.post(f"/api/v1/deliveries/{order['id']}/redeliver")
    [_, order] = place.settled(refused, 2)
    assert order["status"] == "delivered"


def test_destinations_of_a_request_are_checked_before_anything_is_stored(place: Place) -> None:
    bad = [{"type": "webhook", "url": "ftp://x"}, {"type": "filesystem", "path": "/etc/cron.d/x"}]
    body = {"input": {}, "output_destinations": bad}

    answer = place.api.post("/api/v1/tasks/echo/execute", json=body)

    assert answer.status_code == 400
    details = str(answer.json()["error"]["details"])
    assert "url: must start with http" in details
    assert "only the configuration and workflows may deliver to 'filesystem'" in details


def test_destinations_can_be_tested_without_sending(place: Place) -> None:
    good, bad = {"type": "webhook", "url": "https://example.com"}, {"type": "s3"}
    body = {"destinations": [good, bad]}

    answer = place.api.post("/api/v1/jobs/test-output-destinations", json=body).json()

    assert answer["overall_success"] is False
    told = [(one["index"], one["destination_type"], one["success"]) for one in answer["results"]]
    assert told == [(0, "webhook", True), (1, "s3", False)]
    assert "no plugin delivers to 's3'" in answer["results"][1]["error"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/deliveries?status=lost", 400),
        ("/api/v1/deliveries?colour=red", 400),
        ("/api/v1/deliveries?limit=0", 400),
        ("/api/v1/deliveries/nonsense", 404),
        ("/api/v1/deliveries/01a20503-afd6-71c6-870c-000000000000", 404),
    ],
)
def test_bad_questions_about_deliveries(place: Place, path: str, status: int) -> None:
    assert place.api.get(path).status_code == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/deliveries/redeliver", {}, 400),
        ("/api/v1/deliveries/redeliver", {"ids": [], "filter": {}}, 400),
        ("/api/v1/deliveries/redeliver", {"filter": {"status": "lost"}}, 400),
        ("/api/v1/deliveries/redeliver", {"ids": ["nonsense"]}, 404),
        ("/api/v1/deliveries/nonsense/redeliver", None, 404),
        ("/api/v1/destinations/nowhere/enable", None, 404),
        ("/api/v1/jobs/test-output-destinations", {"destinations": []}, 400),
        ("/api/v1/jobs/test-output-destinations", {}, 400),
    ],
)
def test_bad_requests_about_outputs(place: Place, path: str, body: Any, status: int) -> None:
    options = {} if body is None else {"json": body}

    assert place.api.post(path, **options).status_code == status


def test_no_secret_is_in_a_log_or_an_answer(place: Place) -> None:
    place.partner.answers["/webhooks/orders"] = [Answer(status=500)]
    job_id = place.run("echo", {}, [])
    place.settled(job_id, 2)
    secret = (place.folder / "data" / "secrets" / "output-order_webhook").read_text("ascii")

    told = place.text() + str(place.deliveries(job_id)) + place.api.get("/api/v1/destinations").text
    for canary in (TOKEN, secret):
        assert canary not in told
