"""One key and the one algorithm that it is good for.

The kind of key and the algorithm are checked against each other when a key is read, so that a
public key can never be taken for an HMAC secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ratchet_core.sdk import ConfigurationError

Algorithm = Literal["HS256", "RS256", "ES256"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
MIN_SECRET_LENGTH: Final = 32
MIN_RSA_BITS: Final = 2048
_PEM: Final = "-----BEGIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyingKey:
    """A key that tokens are checked with, and perhaps made with."""

    algorithm: Algorithm  #: the only one that is accepted with it
    kid: str | None  #: tokens that name another one are not checked with it
    material: Any = field(repr=False)  #: secret text, or a public key
    signing: Any = field(default=None, repr=False)  #: secret text or private key; None: none


def secret_key(secret: str, kid: str | None = None) -> VerifyingKey:
    """Return an HS256 key.

    Raises:
        ConfigurationError: it is too short, or looks like a public key.
    """
    if len(secret) < MIN_SECRET_LENGTH:
        raise ConfigurationError(f"the secret must have at least {MIN_SECRET_LENGTH} characters")
    if _PEM in secret:
        raise ConfigurationError("a PEM file is no secret: name RS256 or ES256 with it")
    return VerifyingKey(algorithm="HS256", kid=kid, material=secret, signing=secret)


def pem_key(algorithm: Algorithm, pem: bytes, kid: str | None = None) -> VerifyingKey:
    """Return an RS256 or ES256 key of a PEM text that holds a public or a private key.

    Raises:
        ConfigurationError: it is no such key, or not one for the algorithm.
    """
    try:
        private = load_pem_private_key(pem, None) if b"PRIVATE KEY" in pem else None
        public = private.public_key() if private is not None else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError("the file holds no PEM key that can be read") from None
    check_kind(algorithm, public)
    return VerifyingKey(algorithm=algorithm, kid=kid, material=public, signing=private)


def check_kind(algorithm: str, public: object) -> None:
    """Refuse a key that is not one for the algorithm.

    Raises:
        ConfigurationError: says what would be one.
    """
    if algorithm == "RS256" and isinstance(public, rsa.RSAPublicKey):
        if public.key_size < MIN_RSA_BITS:
            raise ConfigurationError(f"an RSA key must have at least {MIN_RSA_BITS} bits")
        return
    if algorithm == "ES256" and isinstance(public, ec.EllipticCurvePublicKey):
        if not isinstance(public.curve, ec.SECP256R1):
            raise ConfigurationError("ES256 needs a key on the curve P-256")
        return
    raise ConfigurationError(f"the key is not one for {algorithm}")
