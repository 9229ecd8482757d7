"""Incoming webhooks: the senders' published vectors, other bodies, secrets, times, and doubles."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.sdk import (
    AuthenticationFailed,
    SourceSettings,
    VerifiedWebhook,
    WebhookRequest,
    WebhookSource,
)
from ratchet_webhook import (
    GithubWebhook,
    HmacWebhook,
    SlackWebhook,
    StandardWebhook,
    StripeWebhook,
    UnverifiedWebhook,
)

NOW = 1_700_000_000.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#: docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#: docs.slack.dev, "Verifying requests from Slack", the worked example.
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_SENT_AT = 1_531_420_618
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def source(kind: type[WebhookSource], **options: Any) -> WebhookSource:
    assert kind.check(options) == [] or kind.check(options) == ()
    client = PinnedClient(EgressPolicy((), ()))
    return kind(SourceSettings(name="hook", options=options, http=client, data_dir=Path("x")))


def request(
    body: bytes, at: float = NOW, headers: Mapping[str, str] | None = None
) -> WebhookRequest:
    return WebhookRequest(
        method="POST", path="/webhooks/hook", headers=headers or {}, body=body, received_at=at
    )


def refused(verifier: WebhookSource, asked: WebhookRequest) -> str:
    with pytest.raises(AuthenticationFailed) as caught:
        verifier.verify(asked)
    return caught.value.message


def standard(body: bytes, at: float = NOW, secret: str = SECRET) -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": signature,
    }


def test_what_the_reference_library_signs_is_verified() -> None:
    verifier = source(StandardWebhook, secret=SECRET)

    found = verifier.verify(request(b'{"a":1}', headers=standard(b'{"a":1}')))

    assert found == VerifiedWebhook(identity="msg_1")


def test_the_vector_that_standard_webhooks_publish_is_verified() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    asked = request(b'{"test": 2432232314}', 1_614_265_330.0, headers)

    assert source(StandardWebhook, secret=SECRET).verify(asked).identity == headers["webhook-id"]


@pytest.mark.parametrize("late_s", [-301, 301])
def test_an_old_or_early_standard_webhook_is_refused(late_s: int) -> None:
    verifier = source(StandardWebhook, secret=SECRET)

    text = refused(verifier, request(b"{}", NOW + late_s, standard(b"{}")))

    assert "tolerance_seconds" in text
    verifier.verify(request(b"{}", NOW + 299 * late_s // 301, standard(b"{}")))


def test_one_of_several_secrets_and_signatures_suffices() -> None:
    other = "whsec_" + "b3RoZXIgc2VjcmV0IHRoYXQgaXMgbG9uZw=="
    verifier = source(StandardWebhook, secrets=[other, SECRET])
    headers = standard(b"{}")
    headers["webhook-signature"] = f"v1a,bm8= v1,bm8= {headers['webhook-signature']}"

    assert verifier.verify(request(b"{}", headers=headers)).identity == "msg_1"


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_of_a_standard_webhook_is_signed_and_needed(header: str) -> None:
    verifier = source(StandardWebhook, secret=SECRET)
    headers = standard(b"{}")
    changed = {
        **headers,
        header: headers[header][:-1] + ("0" if headers[header][-1] != "0" else "1"),
    }
    missing = {name: value for name, value in headers.items() if name != header}

    refused(verifier, request(b"{}", headers=changed))
    assert "is missing" in refused(verifier, request(b"{}", headers=missing))


def test_the_vector_that_github_publishes_is_verified() -> None:
    verifier = source(GithubWebhook, secret=GITHUB_SECRET)
    headers = {"x-hub-signature-256": GITHUB_SIGNATURE, "x-github-delivery": "72d3162e"}

    assert verifier.verify(request(GITHUB_BODY, headers=headers)).identity == "72d3162e"
    refused(verifier, request(GITHUB_BODY + b" ", headers=headers))
    refused(source(GithubWebhook, secret="other"), request(GITHUB_BODY, headers=headers))
    headers["x-hub-signature-256"] = "sha256=zz"
    refused(verifier, request(GITHUB_BODY, headers=headers))


def slack(body: bytes, secret: str = SLACK_SECRET) -> dict[str, str]:
    signed = f"v0:{int(NOW)}:".encode() + body
    return {
        "x-slack-request-timestamp": str(int(NOW)),
        "x-slack-signature": "v0=" + hmac.new(secret.encode(), signed, "sha256").hexdigest(),
    }


def test_the_challenge_of_slack_is_answered_once_its_signature_is_verified() -> None:
    verifier = source(SlackWebhook, secret=SLACK_SECRET)
    body = b'{"token":"t","challenge":"3eZbrw1aBm2rZgRN","type":"url_verification"}'

    found = verifier.verify(request(body, headers=slack(body)))

    assert found == VerifiedWebhook(identity=None, reply={"challenge": "3eZbrw1aBm2rZgRN"})
    refused(verifier, request(body, headers=slack(body, "another secret")))


def test_the_vector_that_slack_publishes_is_verified() -> None:
    verifier = source(SlackWebhook, secret=SLACK_SECRET)
    headers = {
        "x-slack-request-timestamp": str(SLACK_SENT_AT),
        "x-slack-signature": SLACK_SIGNATURE,
    }

    assert verifier.verify(request(SLACK_BODY, SLACK_SENT_AT + 10, headers)).identity
    refused(verifier, request(SLACK_BODY, SLACK_SENT_AT + 301, headers))
    refused(verifier, request(SLACK_BODY + b"&", SLACK_SENT_AT, headers))


def stripe_signature(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_a_stripe_event_is_verified_by_its_documented_scheme() -> None:
    verifier = source(StripeWebhook, secret="whsec_test_secret")
    body = b'{"id": "evt_test_webhook", "object": "event"}'
    good = stripe_signature("whsec_test_secret", int(NOW), body)
    headers = {"stripe-signature": f"t={int(NOW)},v0=abc,v1={'0' * 64},v1={good}"}

    assert verifier.verify(request(body, headers=headers)).identity == "evt_test_webhook"
    refused(verifier, request(body + b" ", headers=headers))
    refused(verifier, request(body, NOW + 301, headers))
    refused(verifier, request(body, headers={"stripe-signature": f"t={int(NOW)},v0={good}"}))
    refused(verifier, request(body, headers={"stripe-signature": f"v1={good}"}))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
def test_any_hmac_over_the_body_is_verified(algorithm: str) -> None:
    verifier = source(HmacWebhook, secret="key", header="X-Signature", algorithm=algorithm)
    made = hmac.new(b"key", b"body", algorithm).hexdigest()

    plain = verifier.verify(request(b"body", headers={"x-signature": made}))
    named = verifier.verify(
        request(b"body", headers={"x-signature": f"{algorithm}={made}", "x-webhook-id": "7"})
    )

    assert (plain.identity or "").startswith("body:")
    assert named.identity == "7"
    refused(verifier, request(b"other", headers={"x-signature": made}))


def test_an_hmac_may_sign_the_time_as_well() -> None:
    verifier = source(HmacWebhook, secret="key", timestamp_header="X-Time", tolerance_seconds=60)
    made = hmac.new(b"key", f"{int(NOW)}.body".encode(), "sha256").hexdigest()
    headers = {"x-webhook-signature": made, "x-time": str(int(NOW))}

    assert verifier.verify(request(b"body", headers=headers)).identity
    refused(verifier, request(b"body", NOW + 61, headers))
    refused(verifier, request(b"body", headers={**headers, "x-time": str(int(NOW) + 1)}))


def test_nothing_is_asked_where_nothing_is_verified() -> None:
    verifier = source(UnverifiedWebhook)

    assert verifier.verify(request(b"x")).identity is None
    assert verifier.verify(request(b"x", headers={"x-webhook-id": "7"})).identity == "7"


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (StandardWebhook, {}, "secret: is missing"),
        (StandardWebhook, {"secret": "a", "secrets": ["b"]}, "use one"),
        (StandardWebhook, {"secret": "a", "tolerance_second": 3}, "did you mean"),
        (StandardWebhook, {"secret": "a", "tolerance_seconds": 0}, "above 0"),
        (GithubWebhook, {"secrets": []}, "list of texts"),
        (HmacWebhook, {"secret": "a", "algorithm": "md5"}, "must be one of sha256"),
        (HmacWebhook, {"secret": "a", "header": 3}, "must be a text"),
        (UnverifiedWebhook, {"secret": "a"}, "unknown key"),
    ],
)
def test_wrong_options_are_named(
    kind: type[WebhookSource], options: Mapping[str, Any], problem: str
) -> None:
    assert problem in "; ".join(kind.check(options))


def test_verifying_takes_no_time_worth_naming() -> None:
    verifier = source(StandardWebhook, secret=SECRET)
    body = b"x" * 1_000_000
    asked = request(body, headers=standard(body))
    started = time.perf_counter()

    verifier.verify(asked)

    assert time.perf_counter() - started < 1.0
