"""Published keys: rotation, cache, and a provider that is down."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from ratchet_core.sdk import RequestView
from ratchet_jwt.jwks import KeySet

URL = "https://login.example.com/keys"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(published: Any, clock: Callable[[], float]) -> KeySet:
    return KeySet(URL, "RS256", 300, published, clock)


def test_a_published_key_checks_tokens(make: Any, published: Any, rsa_pair: Any) -> None:
    published.keys = [rsa_pair.jwk("one", use="sig")]
    made = make(jwks_url=URL)
    claims = {"sub": "alice", "exp": int(time.time()) + 60}
    for headers in ({"kid": "one"}, {}):
        token = jwt.encode(claims, rsa_pair.private, "RS256", headers=headers)
        view = RequestView(method="GET", path="/", headers={"authorization": f"Bearer {token}"})

        assert made.authenticate(view).id == "alice"
    assert published.asked == 1


def test_a_key_that_was_rotated_in_is_found_at_once(
    keys: KeySet, published: Any, clock: Clock, rsa_pair: Any, ec_pair: Any
) -> None:
    published.keys = [rsa_pair.jwk("one")]
    assert keys.find("one") is not None
    published.keys.append(ec_pair.jwk("two"))
    clock.now += 11

    found = keys.find("two")

    assert found is not None
    assert found.algorithm == "ES256"
    assert keys.find("one") is not None


def test_a_key_that_was_taken_back_is_gone_when_the_cache_is_old(
    keys: KeySet, published: Any, clock: Clock, rsa_pair: Any
) -> None:
    published.keys = [rsa_pair.jwk("one")]
    assert keys.find("one") is not None
    published.keys = []

    assert keys.find("one") is not None
    clock.now += 301
    assert keys.find("one") is None


def test_made_up_names_do_not_flood_the_provider(
    keys: KeySet, published: Any, clock: Clock, rsa_pair: Any
) -> None:
    published.keys = [rsa_pair.jwk("one")]
    for number in range(50):
        assert keys.find(f"made-up-{number}") is None

    assert published.asked == 1
    clock.now += 11
    assert keys.find("made-up") is None
    assert published.asked == 2


def test_known_keys_outlive_a_provider_that_is_down_for_a_day(
    keys: KeySet, published: Any, clock: Clock, rsa_pair: Any
) -> None:
    published.keys = [rsa_pair.jwk("one")]
    assert keys.find("one") is not None
    published.is_down = True

    clock.now += 3600
    assert keys.find("one") is not None
    clock.now += 86_400
    assert keys.find("one") is None


def test_a_provider_that_was_never_reached_lets_nobody_in(keys: KeySet, published: Any) -> None:
    published.is_down = True

    assert keys.find("one") is None
    assert keys.find(None) is None


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"keys": 7}', b'{"keys": ["x", 7, null]}'])
def test_an_answer_that_is_no_key_set_gives_no_key(
    keys: KeySet, published: Any, body: bytes
) -> None:
    published.body = body

    assert keys.find("one") is None


def test_an_answer_with_an_error_gives_no_key(keys: KeySet, published: Any, rsa_pair: Any) -> None:
    published.keys = [rsa_pair.jwk("one")]
    published.status = 500

    assert keys.find("one") is None


def test_keys_of_other_kinds_and_uses_are_passed_over(
    keys: KeySet, published: Any, rsa_pair: Any, ec_pair: Any
) -> None:
    published.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "posing", "alg": "RS256"},
        rsa_pair.jwk("hmac", alg="HS256"),
        rsa_pair.jwk("encrypts", use="enc"),
        rsa_pair.jwk("crossed", alg="ES256"),
        rsa_pair.jwk("other", alg="RS512"),
        {**rsa_pair.jwk("broken"), "n": "!"},
        ec_pair.jwk("good"),
    ]

    names = ["oct", "posing", "hmac", "encrypts", "crossed", "other", "broken"]
    assert [keys.find(name) for name in names] == [None] * len(names)
    assert keys.find("good") is not None
