"""Tests of what counts as a secret and how it is masked."""

from __future__ import annotations

import time

import pytest

from ratchet_core.redaction import MASK, Secret, is_secret_name, mask_text, redact


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "X-Api-Key",
        "apiKey",
        "api_key",
        "DD-API-KEY",
        "password",
        "db_password",
        "token",
        "accessToken",
        "refresh-token",
        "jwt_secret",
        "webhook_secret",
        "Cookie",
        "Set-Cookie",
        "private_key",
        "secret_access_key",
        "PARTNER_API_TOKEN",
    ],
)
def test_names_of_secrets_are_recognised_in_any_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["run_id", "token_expiration", "max_tokens", "idempotency_key", "authenticator_class", "key"],
)
def test_names_that_only_speak_about_secrets_are_shown(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET with Authorization: Bearer abc.DEF-123 failed", "abc.DEF-123"),
        ("header bearer c2VjcmV0 refused", "c2VjcmV0"),
        ("connect postgresql+psycopg://ratchet:hunter2@db:5432/ratchet", "hunter2"),
        ("redis://:pa/ss@host failed as redis://:hunter2@host/0", "hunter2"),
        ("postgres://u:p@ssw0rd@host/db", "ssw0rd"),
        ("login password=hunter2&user=x", "hunter2"),
        ('{"api_key": "k-123456", "city": "Bern"}', "k-123456"),
        ("token: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "eyJzdWIiOiJ4In0"),
        ("keyed by whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ],
)
def test_credentials_inside_texts_are_masked(text: str, secret: str) -> None:
    masked = mask_text(text)

    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    ["run 0197 completed in 3 ms", "https://api.example/v1/tasks?limit=10", "mail a@b.example"],
)
def test_texts_without_credentials_stay_as_they_are(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "text",
    ["x" * 50_000, "eyJaaaaaa-" * 5_000, "token " * 9_000, "a://" * 9_000, "bearer " * 9_000],
)
def test_no_text_takes_long_to_mask(text: str) -> None:
    started = time.perf_counter()

    mask_text(text)

    assert time.perf_counter() - started < 2


def test_nested_values_are_masked_by_key_and_in_texts() -> None:
    value = {
        "headers": {"Authorization": "Bearer x", "Accept": "*/*"},
        "items": [{"password": 12345}, "Basic dXNlcjpwYXNz"],
        "ok": True,
        "secret": Secret("s"),
    }

    assert redact(value) == {
        "headers": {"Authorization": MASK, "Accept": "*/*"},
        "items": [{"password": MASK}, f"Basic {MASK}"],
        "ok": True,
        "secret": MASK,
    }


def test_a_value_that_holds_itself_is_cut_off() -> None:
    value: dict[str, object] = {}
    value["self"] = value

    assert MASK in str(redact(value))


def test_a_secret_shows_itself_in_no_form() -> None:
    secret = Secret("hunter2")

    assert "hunter2" not in f"{secret} {secret!r} {secret!s} {[secret]} {redact([secret])}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("other")
