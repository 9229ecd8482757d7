"""Keys, settings and tokens for the tests of this plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from ratchet_core.sdk import (
    AuthenticatorSettings,
    HttpRequest,
    HttpResponse,
    NetworkFailure,
    Principal,
    Secret,
)
from ratchet_jwt.authenticator import JwtAuthenticator


class NoKeys:
    """A store without API keys."""

    def is_key(self, text: str) -> bool:
        return False

    def find(self, text: str) -> Principal | None:
        return None


class Published:
    """An identity provider that answers with a key set, or not at all."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.body: bytes | None = None
        self.status = 200
        self.is_down = False
        self.asked = 0

    def request(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        if self.is_down:
            raise NetworkFailure("it is down")
        body = self.body if self.body is not None else orjson.dumps({"keys": self.keys})
        return HttpResponse(status=self.status, reason="", headers={}, body=body, url=request.url)


class Pair:
    """A private key in the forms that tests need."""

    def __init__(self, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        self.private_pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.public_pem = private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    def jwk(self, kid: str, **more: Any) -> dict[str, Any]:
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            shown: dict[str, Any] = RSAAlgorithm.to_jwk(public, as_dict=True)
        else:
            shown = ECAlgorithm.to_jwk(public, as_dict=True)
        return {**shown, "kid": kid, **more}


@pytest.fixture(scope="session")
def rsa_pair() -> Pair:
    return Pair(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="session")
def other_rsa_pair() -> Pair:
    return Pair(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="session")
def ec_pair() -> Pair:
    return Pair(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def published() -> Published:
    return Published()


Make = Callable[..., JwtAuthenticator]


@pytest.fixture
def make(tmp_path: Path, published: Published) -> Make:
    """Give a maker of authenticators: `make(secret=…)`, or any settings of the plugin."""

    def made(jwt_secret: str | None = None, **own: Any) -> JwtAuthenticator:
        settings = AuthenticatorSettings(
            own=own,
            jwt_secret=None if jwt_secret is None else Secret(jwt_secret),
            http=published,
            data_dir=tmp_path,
            keys=NoKeys(),
        )
        return JwtAuthenticator(settings)

    return made


@pytest.fixture
def pem_file(tmp_path: Path) -> Callable[[bytes], str]:
    def written(pem: bytes) -> str:
        path = tmp_path / f"{abs(hash(pem))}.pem"
        path.write_bytes(pem)
        return str(path)

    return written
