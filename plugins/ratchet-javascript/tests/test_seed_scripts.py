"""The six scripts of seed 000, as they stand there, with the helpers that they leave open."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from javascript_attempt import PlainClient, attempt

from ratchet_core.sdk import HttpRequest, HttpResponse, PermanentError, StepError
from ratchet_javascript import JavaScriptHandler
from tests.http_server import Answer, HttpServer, Received, serve

EXAMPLES = Path(__file__).resolve().parents[3] / "contrib" / "examples"
HELPERS = """
function generateSignature(body, secret) {
    return crypto.hmacSha256Hex(secret, JSON.stringify(body));
}
function processPayment(body) { return { paid: body.amount } }
function processNewUser(body) { return { welcomed: body.name } }
function processMessage(message) { return typeof message === 'string' ? message : message.n * 2 }
function processUserEvent(value) { return { user: value.id } }
function processOrderEvent(value) { return { order: value.id } }
"""


def run(handler: JavaScriptHandler, name: str, value: Any, **changes: Any) -> Any:
    files = {
        "main.js": (EXAMPLES / name / "main.js").read_text(encoding="utf-8"),
        "lib/helpers.js": changes.pop("helpers", HELPERS),
    }
    assert list(handler.check({"script": "main.js"}, files)) == []
    return handler.process(attempt(files, value, **changes))


def webhook(kind: str, body: Any, **headers: str) -> dict[str, Any]:
    return {
        "webhook": {
            "headers": {"x-event-type": kind, **headers},
            "body": body,
            "method": "POST",
            "path": "/webhooks/shop",
        }
    }


def test_ratchet_069_the_webhook_processor_loads(handler: JavaScriptHandler) -> None:
    source = (EXAMPLES / "webhook-processor" / "main.js").read_text(encoding="utf-8")

    assert list(handler.check({"script": "main.js"}, {"main.js": source})) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            webhook("payment.completed", {}, **{"x-webhook-signature": "forged"}),
            "Invalid webhook signature",
        ),
        (webhook("order.lost", {}), "Unknown event type: order.lost"),
    ],
)
def test_ratchet_071_a_wrong_webhook_fails_with_its_exact_message_and_for_good(
    handler: JavaScriptHandler, given: Any, message: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        run(handler, "webhook-processor", given, secrets={"webhook_secret": "shop-secret"})

    assert str(caught.value) == message
    assert caught.value.error_type == "ValidationError"


def test_ratchet_072_a_webhook_is_routed_by_its_type(handler: JavaScriptHandler) -> None:
    paid = run(handler, "webhook-processor", webhook("payment.completed", {"amount": 12}))
    welcomed = run(handler, "webhook-processor", webhook("user.created", {"name": "Ada"}))

    assert paid == {"paid": 12}
    assert welcomed == {"welcomed": "Ada"}


def test_ratchet_072_a_signature_made_with_the_secret_is_accepted(
    handler: JavaScriptHandler,
) -> None:
    secrets = {"webhook_secret": "shop-secret"}
    sign = "(input) => crypto.hmacSha256Hex(input.webhook_secret, JSON.stringify({ amount: 3 }))"
    signature = handler.process(attempt(sign, {}, secrets=secrets))
    given = webhook("payment.completed", {"amount": 3}, **{"x-webhook-signature": signature})

    assert run(handler, "webhook-processor", given, secrets=secrets) == {"paid": 3}


def test_ratchet_073_a_missing_helper_is_named(handler: JavaScriptHandler) -> None:
    with pytest.raises(PermanentError, match="processPayment is not defined") as caught:
        run(handler, "webhook-processor", webhook("payment.completed", {}), helpers="")

    assert caught.value.error_type == "ReferenceError"


def test_ratchet_082_a_queue_message_is_parsed_and_acknowledged(
    handler: JavaScriptHandler,
) -> None:
    given = {
        "queue_name": "q",
        "message": '{"n": 21}',
        "headers": {"content-type": "application/json"},
    }

    result = run(handler, "rabbitmq-consumer", given)

    assert result.pop("processed_at").endswith("Z")
    assert result == {"ack": True, "result": 42}


def test_ratchet_082_a_queue_message_of_another_type_stays_text(
    handler: JavaScriptHandler,
) -> None:
    given = {"queue_name": "q", "message": "plain", "headers": {}}

    result = run(handler, "rabbitmq-consumer", given)

    assert result["result"] == "plain"
    dt.datetime.fromisoformat(result["processed_at"])


def test_ratchet_083_a_kafka_event_is_routed_by_its_topic(handler: JavaScriptHandler) -> None:
    event = {"topic": "order-events", "partition": 0, "offset": 5, "key": None, "headers": {}}

    assert run(
        handler, "kafka-event-processor", {"kafka_event": {**event, "value": {"id": 7}}}
    ) == {"order": 7}
    with pytest.raises(StepError, match=r"^Unknown topic: other$") as caught:
        run(handler, "kafka-event-processor", {"kafka_event": {**event, "topic": "other"}})
    assert caught.value.error_type == "Error"
    assert caught.value.retryable is None


def test_ratchet_084_a_message_that_is_no_json_is_a_syntax_error(
    handler: JavaScriptHandler,
) -> None:
    given = {
        "queue_name": "q",
        "message": "{broken",
        "headers": {"content-type": "application/json"},
    }

    with pytest.raises(PermanentError) as caught:
        run(handler, "rabbitmq-consumer", given)

    assert caught.value.error_type == "SyntaxError"


class Redirected(PlainClient):
    """Sends the fixed addresses of the seed's scripts to a server of the test."""

    def __init__(self, server: HttpServer) -> None:
        super().__init__()
        self.server = server

    def request(self, request: HttpRequest) -> HttpResponse:
        path = "/" + request.url.split("/", 3)[3]
        return super().request(
            HttpRequest(
                method=request.method,
                url=self.server.url(path),
                headers=request.headers,
                body=request.body,
                timeout_s=request.timeout_s,
            )
        )


PAGES: dict[str, Any] = {
    "/users": [
        {"id": 1, "full_name": "Ada", "email_address": "ada@example.com"},
        {"id": 2, "full_name": "Bob", "email_address": "bob@example.com"},
    ],
    "/api/v1/jobs?limit=1000": {
        "items": [
            {
                "status": "completed",
                "created_at": "2024-01-01T00:00:00.000Z",
                "completed_at": "2024-01-01T00:00:02.500Z",
            },
            {"status": "completed", "created_at": "2024-01-01T00:00:00Z", "completed_at": None},
            {"status": "failed"},
        ],
        "total": 3,
    },
    "/api/v1/tasks": {"items": [], "total": 9},
    "/api/v1/executions?limit=100": {
        "items": [
            {
                "task_id": "sum",
                "status": "completed",
                "created_at": "2024-01-01T00:00:00.500Z",
                "duration_ms": 1500,
            }
        ],
        "total": 1,
    },
}


def respond(received: Received) -> Answer:
    if received.path == "/api/v1/series":
        return Answer(status=403, body=b'{"errors":["Forbidden"]}')
    return Answer(
        headers={"Content-Type": "application/json"}, body=json.dumps(PAGES[received.path]).encode()
    )


def test_ratchet_087_database_sync_maps_the_fetched_array(handler: JavaScriptHandler) -> None:
    with serve(respond) as server:
        result = run(handler, "database-sync", {"api_token": "t-1"}, http=Redirected(server))

    assert server.received[0].headers["authorization"] == "Bearer t-1"
    assert result["synced_count"] == 2
    assert result["users"][0].pop("last_sync").endswith("Z")
    assert result["users"][0] == {"id": 1, "name": "Ada", "email": "ada@example.com"}


def test_ratchet_091_metrics_exporter_gets_two_answers_in_one_run(
    handler: JavaScriptHandler,
) -> None:
    with serve(respond) as server:
        result = run(handler, "metrics-exporter", {}, http=Redirected(server))

    assert result == {
        "metrics": (
            "# HELP ratchet_total_tasks Total number of tasks\n"
            "# TYPE ratchet_total_tasks gauge\n"
            "ratchet_total_tasks 9\n\n"
            "# HELP ratchet_jobs_total Total number of jobs by status\n"
            "# TYPE ratchet_jobs_total counter\n"
            'ratchet_jobs_total{status="completed"} 2\n'
            'ratchet_jobs_total{status="failed"} 1\n'
        ),
        "format": "prometheus",
    }


def test_ratchet_096_datadog_metrics_posts_and_reads_the_status_of_a_refusal(
    handler: JavaScriptHandler,
) -> None:
    with serve(respond) as server:
        given = {"environment": "test", "datadog_api_key": "key-1"}
        result = run(handler, "datadog-metrics", given, http=Redirected(server))

    posted = server.received[1]
    assert result == {"metrics_sent": 1, "status": 403}
    assert (posted.method, posted.headers["dd-api-key"]) == ("POST", "key-1")
    assert json.loads(posted.body) == {
        "series": [
            {
                "metric": "ratchet.execution.duration",
                "points": [[1704067200, 1.5]],
                "tags": ["task:sum", "status:completed", "environment:test"],
            }
        ]
    }
