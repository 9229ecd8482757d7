"""Webhooks against real servers: what is sent, how it is signed, and what answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryView,
    EgressRefused,
    NetworkFailure,
    PermanentError,
    TemplateFailed,
)
from ratchet_webhook import WebhookDestination
from tests.http_server import Answer, HttpServer, Received, serve

Make = Callable[..., DeliveryView]


def sent(
    webhook: WebhookDestination, delivery: Make, options: Mapping[str, Any], **fields: Any
) -> Received:
    """Deliver to a server that takes everything, and return what it got."""
    with serve(lambda _request: Answer()) as server:
        given = {"url": f"{url_of(server)}/in", **options}
        assert webhook.deliver(delivery(given, **fields)) == Delivered(details={"status": 200})
        return server.received[0]


def url_of(server: HttpServer) -> str:
    return f"{server.scheme}://127.0.0.1:{server.port}"


def test_the_output_is_sent_as_it_is(webhook: WebhookDestination, delivery: Make) -> None:
    got = sent(webhook, delivery, {})

    assert (got.method, got.path, got.body) == ("POST", "/in", b'{"total":42}')
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-ratchet-delivery"] == "0190-delivery"


def test_the_signature_is_the_hmac_of_the_exact_body(
    webhook: WebhookDestination, delivery: Make
) -> None:
    got = sent(webhook, delivery, {"headers": {"X-Signature": "sha256={{signature}}"}})

    expected = hmac.new(b"key", got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-signature"] == f"sha256={expected}"


def test_a_standard_secret_is_verified_by_the_reference(
    webhook: WebhookDestination, delivery: Make
) -> None:
    secret = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
    got = sent(webhook, delivery, {}, secret=secret.encode())

    assert Webhook(secret).verify(got.body, dict(got.headers)) == {"total": 42}


def test_a_standard_secret_that_is_no_base64_is_said_so(
    webhook: WebhookDestination, delivery: Make
) -> None:
    with pytest.raises(PermanentError, match="no base64"):
        webhook.deliver(delivery({"url": "http://127.0.0.1:1"}, secret=b"whsec_??"))


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": "t1"}, "authorization", "Bearer t1"),
        (
            {"type": "basic", "username": "u", "password": "p:w"},
            "authorization",
            "Basic " + base64.b64encode(b"u:p:w").decode(),
        ),
        ({"type": "api_key", "header": "X-Key", "value": "v"}, "x-key", "v"),
        ({"type": "api_key", "header": "X-Key", "key": "v"}, "x-key", "v"),
        (
            {"type": "signature", "secret": "s"},
            "x-hub-signature-256",
            "sha256=" + hmac.new(b"s", b'{"total":42}', "sha256").hexdigest(),
        ),
        (
            {"type": "signature", "secret": "s", "algorithm": "hmac-sha1"},
            "x-hub-signature",
            "sha1=" + hmac.new(b"s", b'{"total":42}', "sha1").hexdigest(),
        ),
    ],
)
def test_credentials(
    webhook: WebhookDestination,
    delivery: Make,
    auth: Mapping[str, Any],
    header: str,
    value: str,
) -> None:
    assert sent(webhook, delivery, {"auth": auth}).headers[header] == value


def test_headers_of_the_author_take_the_place_of_ours(
    webhook: WebhookDestination, delivery: Make
) -> None:
    got = sent(webhook, delivery, {"headers": {"content-type": "text/x", "X-Job": "{{job_id}}"}})

    assert got.headers["content-type"] == "text/x"
    assert got.headers["x-job"] == "run-1"


def test_methods_without_a_body_send_none(webhook: WebhookDestination, delivery: Make) -> None:
    got = sent(webhook, delivery, {"method": "get"})

    assert (got.method, got.body) == ("GET", b"")


def test_templates_of_the_url_are_rendered(webhook: WebhookDestination, delivery: Make) -> None:
    with serve(lambda _request: Answer()) as server:
        webhook.deliver(delivery({"url": url_of(server) + "/{{task_name}}/{{job_id}}"}))

    assert server.received[0].path == "/w/run-1"


@pytest.mark.parametrize(
    ("status", "retryable", "disable"),
    [
        (301, False, False),
        (400, False, False),
        (404, False, False),
        (408, True, False),
        (410, False, True),
        (429, True, False),
        (500, True, False),
        (503, True, False),
    ],
)
def test_what_answers_mean(
    webhook: WebhookDestination, delivery: Make, status: int, *, retryable: bool, disable: bool
) -> None:
    headers = {"Location": "/elsewhere", "Retry-After": "7"}
    with serve(lambda _request: Answer(status=status, headers=headers)) as server:
        outcome = webhook.deliver(delivery({"url": url_of(server)}))

    assert isinstance(outcome, DeliveryFailed)
    assert (outcome.retryable, outcome.disable) == (retryable, disable)
    assert len(server.received) == 1
    assert outcome.details == {"status": status}
    if retryable:
        assert outcome.retry_after_s == 7.0


def test_nobody_there_is_tried_again(webhook: WebhookDestination, delivery: Make) -> None:
    with pytest.raises(NetworkFailure):
        webhook.deliver(delivery({"url": "http://127.0.0.1:1/"}))


def test_the_egress_policy_holds(webhook: WebhookDestination, delivery: Make) -> None:
    with pytest.raises(EgressRefused):
        webhook.deliver(delivery({"url": "http://169.254.169.254/latest"}))


def test_a_template_without_value_is_said_so(webhook: WebhookDestination, delivery: Make) -> None:
    with pytest.raises(TemplateFailed):
        webhook.deliver(delivery({"url": "http://127.0.0.1:1/{{nothing}}"}))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "url: is missing"),
        ({"url": "ftp://x"}, "url: must start with http"),
        ({"url": "http://x", "method": "BREW"}, "method: must be one of"),
        ({"url": "http://x", "headers": {"a": []}}, "headers.a: must be a text"),
        ({"url": "http://x", "auth": {"type": "magic"}}, "auth.type: must be one of"),
        ({"url": "http://x", "auth": {"type": "bearer"}}, "auth.token: is missing"),
        ({"url": "http://x", "auth": {"type": "api_key", "header": "h"}}, "auth.value: is missing"),
        ({"url": "http://x", "timeout_seconds": 0}, "timeout_seconds: must be a number"),
        ({"url": "http://x", "retry_policy": {"often": 1}}, "retry_policy.often: unknown key"),
        ({"url": "http://x", "colour": "red"}, "colour: unknown key"),
    ],
)
def test_bad_options_are_named(
    webhook: WebhookDestination, options: Mapping[str, Any], problem: str
) -> None:
    [found] = webhook.check(options)

    assert found.startswith(problem)


def test_good_options_have_no_problem(webhook: WebhookDestination) -> None:
    options = {
        "url": "https://{{task_name}}.example.com",
        "method": "put",
        "headers": {"X-N": 1},
        "auth": {"type": "signature", "secret": "s", "algorithm": "hmac-sha1"},
        "retry_policy": {"max_attempts": 5},
        "secret": "s",
        "timeout_seconds": 5,
    }

    assert webhook.check(options) == []
