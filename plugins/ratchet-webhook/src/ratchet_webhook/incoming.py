"""Verification of incoming webhooks: one class per sender's manner, each by its published rules.

Digests are compared in constant time. Whatever an error says is logged by the server and told to
nobody.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from ratchet_core.sdk import (
    AuthenticationFailed,
    SourceSettings,
    VerifiedWebhook,
    WebhookRequest,
    WebhookSource,
)
from ratchet_webhook.incoming_options import option_problems

#: Age, in either direction, at which a request is too old; what all three senders recommend.
TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_LONGEST_IDENTITY: Final = 200


class _Signed(WebhookSource):
    """What all signed manners share: secrets, which may be several while they are rotated."""

    #: options besides `secret` and `secrets`, with the type of their value.
    own_options: ClassVar[Mapping[str, type]] = {}

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        options = settings.options
        secrets = options.get("secrets") or [options["secret"]]
        self._keys = [self._key(secret) for secret in secrets]
        self._tolerance_s = float(options.get("tolerance_seconds", TOLERANCE_S))

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options."""
        return option_problems(options, cls.own_options)

    @abstractmethod
    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check the signature and the age of a request."""

    def _key(self, secret: str) -> bytes:
        return secret.encode()

    def _check(self, signed: bytes, given: Sequence[bytes], algorithm: str = "sha256") -> None:
        """Refuse a text that no secret has signed with one of the given digests."""
        made = [hmac.new(key, signed, algorithm).digest() for key in self._keys]
        if not any(hmac.compare_digest(one, other) for one in made for other in given):
            raise AuthenticationFailed("the signature is not that of the secret over this body")

    def _check_age(self, text: str, received_at: float) -> None:
        if not (text.isascii() and text.isdigit() and len(text) <= 12):  # noqa: PLR2004 - year 33658
            raise AuthenticationFailed("the time of sending is no number of seconds since 1970")
        age_s = received_at - int(text)
        if abs(age_s) > self._tolerance_s:
            raise AuthenticationFailed(
                f"sent {age_s:.0f} s ago, more than {self._tolerance_s:g} (tolerance_seconds)"
            )


class StandardWebhook(_Signed):
    """Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

    name = "standard"
    own_options: ClassVar[Mapping[str, type]] = {"tolerance_seconds": float}

    def _key(self, secret: str) -> bytes:
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(
                "a secret of Standard Webhooks is base64, mostly behind whsec_"
            ) from None

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check `v1` signatures over id, time and body."""
        identity = _header(request, "webhook-id")
        sent_at = _header(request, "webhook-timestamp")
        self._check_age(sent_at, request.received_at)
        words = _header(request, "webhook-signature").split(" ")
        given = [_base64(word[3:]) for word in words if word.startswith("v1,")]
        self._check(f"{identity}.{sent_at}.".encode() + request.body, given)
        return VerifiedWebhook(identity=_identity(identity))


class GithubWebhook(_Signed):
    """GitHub: `X-Hub-Signature-256` over the body, `X-GitHub-Delivery` as the id."""

    name = "github"

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check the signature; GitHub signs neither id nor time."""
        given = _header(request, "x-hub-signature-256")
        self._check(request.body, [_hex(given.removeprefix("sha256="))])
        return VerifiedWebhook(identity=_identity(_header(request, "x-github-delivery")))


class StripeWebhook(_Signed):
    """Stripe: `Stripe-Signature: t=…,v1=…` over time and body, `id` of the event as the id."""

    name = "stripe"
    own_options: ClassVar[Mapping[str, type]] = {"tolerance_seconds": float}

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check `v1` signatures over time and body."""
        pairs = [part.partition("=") for part in _header(request, "stripe-signature").split(",")]
        sent_at = next((value for key, _, value in pairs if key.strip() == "t"), "")
        self._check_age(sent_at, request.received_at)
        given = [_hex(value) for key, _, value in pairs if key.strip() == "v1"]
        self._check(f"{sent_at}.".encode() + request.body, given)
        return VerifiedWebhook(identity=_identity(_member(request.body, "id") or _digest(request)))


class SlackWebhook(_Signed):
    """Slack: `X-Slack-Signature: v0=…` over version, time and body."""

    name = "slack"
    own_options: ClassVar[Mapping[str, type]] = {"tolerance_seconds": float}

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check the signature; an event has an id, which repeated deliveries share.

        A request that only verifies the address is answered with its challenge.
        """
        sent_at = _header(request, "x-slack-request-timestamp")
        self._check_age(sent_at, request.received_at)
        given = _header(request, "x-slack-signature")
        if not given.startswith("v0="):
            raise AuthenticationFailed("the signature is not of version v0")
        self._check(f"v0:{sent_at}:".encode() + request.body, [_hex(given[3:])])
        if _member(request.body, "type") == "url_verification":
            # docs.slack.dev, "url_verification": asked once, when the address is entered there
            challenge = _member(request.body, "challenge")
            return VerifiedWebhook(identity=None, reply={"challenge": challenge or ""})
        own = _member(request.body, "event_id")
        return VerifiedWebhook(identity=_identity(own or given))


class HmacWebhook(_Signed):
    """Any sender that signs the body, or `time.body`, with an HMAC."""

    name = "hmac"
    own_options: ClassVar[Mapping[str, type]] = {
        "header": str,
        "algorithm": str,
        "encoding": str,
        "id_header": str,
        "timestamp_header": str,
        "tolerance_seconds": float,
    }

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        options = settings.options
        self._header = str(options.get("header", "x-webhook-signature")).lower()
        self._algorithm = str(options.get("algorithm", "sha256"))
        self._decode = _base64 if options.get("encoding") == "base64" else _hex
        self._id_header = str(options.get("id_header", "x-webhook-id")).lower()
        self._timestamp_header = str(options.get("timestamp_header", "")).lower()

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Check the signature; without an id, a body that comes again is a double."""
        signed = request.body
        if self._timestamp_header:
            sent_at = _header(request, self._timestamp_header)
            self._check_age(sent_at, request.received_at)
            signed = f"{sent_at}.".encode() + signed
        given = _header(request, self._header).removeprefix(f"{self._algorithm}=")
        self._check(signed, [self._decode(given)], self._algorithm)
        identity = request.headers.get(self._id_header) or _digest(request, signed)
        return VerifiedWebhook(identity=_identity(identity))


class UnverifiedWebhook(WebhookSource):
    """No verification: for programs on this machine alone, which the server sees to."""

    name = "none"

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options: there are none but `id_header`."""
        return [f"{key}: unknown key; there is id_header" for key in options if key != "id_header"]

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        """Take the id that the sender names, if any."""
        header = str(self.settings.options.get("id_header", "x-webhook-id")).lower()
        given = request.headers.get(header)
        return VerifiedWebhook(identity=_identity(given) if given else None)


def _header(request: WebhookRequest, name: str) -> str:
    found = request.headers.get(name, "")
    if not found:
        raise AuthenticationFailed(f"the header {name} is missing")
    return found


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _member(body: bytes, key: str) -> str | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None


def _digest(request: WebhookRequest, signed: bytes | None = None) -> str:
    content = request.body if signed is None else signed
    return f"body:{hashlib.sha256(content).hexdigest()}"


def _identity(text: str) -> str:
    """Return an id as it is where it can be one of ours, else its digest."""
    if len(text) <= _LONGEST_IDENTITY and text.isprintable():
        return text
    return f"id:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"
