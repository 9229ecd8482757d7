"""What a request says about who sends it: credentials and signatures over the exact body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from ratchet_core.sdk import PermanentError
from ratchet_webhook.config import ALGORITHMS

#: A secret that begins so also signs as Standard Webhooks say; the rest is base64.
_PREFIX: Final = b"whsec_"


def credentials(auth: Mapping[str, Any], body: bytes) -> dict[str, str]:
    """Return the headers of `auth`.

    Args:
        auth: checked, with its templates rendered.
        body: the exact bytes that are sent.
    """
    kind = auth.get("type", "none")
    if kind == "bearer":
        return {"Authorization": f"Bearer {auth['token']}"}
    if kind == "basic":
        pair = f"{auth['username']}:{auth['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if kind == "api_key":
        return {str(auth["header"]): str(auth.get("value") or auth["key"])}
    if kind == "signature":
        digest, header = ALGORITHMS[auth.get("algorithm", "sha256")]
        made = hmac.new(str(auth["secret"]).encode(), body, digest).hexdigest()
        return {header: f"{digest}={made}"}
    return {}


def standard_headers(secret: bytes, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks, where the secret is one of theirs.

    Args:
        secret: `whsec_` and base64; any other gives no headers.
        message_id: the same for every attempt.
        at: seconds since 1970.
        body: the exact bytes that are sent.

    Raises:
        PermanentError: what follows `whsec_` is no base64.
    """
    if not secret.startswith(_PREFIX):
        return {}
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        message = "the destination's secret begins with whsec_, but what follows is no base64"
        raise PermanentError(message, code="BAD_SECRET") from None
    signed = f"{message_id}.{at}.".encode() + body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{made}",
    }
