"""Settings that refuse the start."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ratchet_core.sdk import ConfigurationError

SECRET = "canary-hs256-secret-0123456789abcdef"


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({}, "no key"),
        ({"secret": "short"}, "32 characters"),
        ({"secret": ""}, "expected a text"),
        ({"secret": "-----BEGIN PUBLIC KEY-----\nxxxxxxxxxxxxxxxxxxx"}, "no secret"),
        ({"secret": SECRET, "algoritm": "HS256"}, "algoritm: unknown"),
        ({"keys": [{"algorithm": "none", "secret": SECRET}]}, "one of HS256"),
        ({"keys": [{"algorithm": "HS512", "secret": SECRET}]}, "one of HS256"),
        ({"keys": [{"secret": SECRET}]}, "one of HS256"),
        ({"keys": [{"algorithm": "RS256", "secret": SECRET}]}, "take `file`"),
        ({"keys": [{"algorithm": "RS256", "file": "/does/not/exist"}]}, "cannot be read"),
        ({"keys": ["x"]}, "expected a mapping"),
        ({"keys": "x"}, "expected a list"),
        ({"secret": SECRET, "keys": [{"algorithm": "HS256", "secret": SECRET}]}, "kid"),
        ({"jwks_url": "http://login.example.com/keys"}, "https"),
        ({"jwks_url": "file:///etc/passwd"}, "https"),
        ({"jwks_url": "https://x", "jwks_cache_s": 0}, "whole number"),
        ({"secret": SECRET, "leeway_s": 301}, "whole number"),
        ({"secret": SECRET, "leeway_s": True}, "whole number"),
    ],
)
def test_a_wrong_setting_refuses_the_start_and_says_why(
    make: Any, own: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        make(**own)

    assert SECRET not in refused.value.message


def test_a_key_of_the_wrong_kind_refuses_the_start(
    make: Any, pem_file: Any, rsa_pair: Any, ec_pair: Any
) -> None:
    made = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - refused
    weak = made.public_key()
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    pems = [
        ("ES256", rsa_pair.public_pem),
        ("RS256", ec_pair.public_pem),
        ("RS256", b"nonsense"),
        ("RS256", weak.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
        ("ES256", other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    ]
    for algorithm, pem in pems:
        with pytest.raises(ConfigurationError):
            make(keys=[{"algorithm": algorithm, "file": pem_file(pem)}])
