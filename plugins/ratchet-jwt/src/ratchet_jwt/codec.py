"""Reading and writing tokens with one key and one algorithm, by Flask-JWT-Extended.

Flask-JWT-Extended takes its configuration from an application; each key has a small one of its
own here, so that no key is ever offered a token of another algorithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Flask
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
)

from ratchet_core.sdk import AuthenticationFailed
from ratchet_jwt.config import JwtConfig
from ratchet_jwt.key import VerifyingKey


class Codec:
    """Reads, and where the key can sign, writes tokens."""

    def __init__(self, key: VerifyingKey, config: JwtConfig) -> None:
        self.key = key
        self._app = Flask("ratchet_jwt", static_folder=None)
        self._app.config.update(
            JWT_ALGORITHM=key.algorithm,
            JWT_DECODE_ALGORITHMS=[key.algorithm],
            JWT_DECODE_ISSUER=config.issuer,
            JWT_DECODE_AUDIENCE=config.audience,
            JWT_ENCODE_ISSUER=config.issuer,
            JWT_ENCODE_AUDIENCE=config.audience,
            JWT_DECODE_LEEWAY=config.leeway_s,
            JWT_IDENTITY_CLAIM=config.subject_claim,
            JWT_ENCODE_NBF=False,
            JWT_TOKEN_LOCATION=["headers"],
        )
        manager = JWTManager(self._app)
        manager.decode_key_loader(lambda _headers, _claims: key.material)
        manager.encode_key_loader(lambda _identity: key.signing)

    def decode(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature, times, issuer and audience are right.

        Raises:
            Exception: they are not.
        """
        with self._app.app_context():
            claims: Mapping[str, Any] = decode_token(token)
        # a token without an end is good in every library's eyes but ours
        if isinstance(claims.get("exp"), bool) or not isinstance(claims.get("exp"), int | float):
            raise AuthenticationFailed("the token names no time at which it ends")
        return claims

    def encode(
        self, subject: str, lifetime_s: int, claims: Mapping[str, Any], *, refresh: bool = False
    ) -> str:
        """Return a new token.

        Args:
            subject: whose it is.
            lifetime_s: in seconds.
            claims: what it says besides.
            refresh: it is only good for getting a new one.
        """
        make = create_refresh_token if refresh else create_access_token
        headers = {"kid": self.key.kid} if self.key.kid is not None else {}
        with self._app.app_context():
            made: str = make(
                subject,
                expires_delta=timedelta(seconds=lifetime_s),
                additional_claims=dict(claims),
                additional_headers=headers,
            )
        return made
