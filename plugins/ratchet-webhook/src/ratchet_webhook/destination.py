"""The output destination `webhook`: one request per attempt, and what its answer means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    HttpClient,
    HttpRequest,
    HttpResponse,
    OutputDestination,
    parse_retry_after,
)
from ratchet_webhook.config import WITH_BODY, WebhookOptions, problems
from ratchet_webhook.credentials import credentials, standard_headers

#: Most that is read of an answer; nothing is done with it.
_MAX_ANSWER_BYTES: Final = 1_048_576
_GONE: Final = 410
#: Answers after which another attempt may help, besides all of the 5xx.
_RETRYABLE: Final = frozenset({408, 425, 429})


class WebhookDestination(OutputDestination):
    """Sends outputs to URLs.

    Args:
        http: obeys the egress policy.
        clock: seconds since 1970, for Standard Webhooks.
    """

    name: ClassVar[str] = "webhook"
    secret_options: ClassVar[Sequence[str]] = ("secret", "signing_secret", "auth", "headers")

    def __init__(self, http: HttpClient, clock: Callable[[], float] = time.time) -> None:
        self._http = http
        self._clock = clock

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        return problems(options)

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Send one output; redirects are not followed (decisions.md section 10)."""
        options = WebhookOptions.read(delivery.options)
        body = delivery.body if options.method in WITH_BODY else b""
        request = HttpRequest(
            method=options.method,
            url=str(delivery.render(options.url, body)),
            headers=self._headers(delivery, options, body),
            body=body or None,
            timeout_s=max(0.001, delivery.remaining_s),
            max_redirects=0,
            max_body_bytes=_MAX_ANSWER_BYTES,
        )
        return _judge(self._http.request(request))

    def _headers(
        self, delivery: DeliveryView, options: WebhookOptions, body: bytes
    ) -> dict[str, str]:
        own = {"X-Ratchet-Delivery": delivery.id, "X-Ratchet-Attempt": str(delivery.attempt)}
        if body:
            own["Content-Type"] = options.content_type
        own |= standard_headers(delivery.secret, delivery.id, int(self._clock()), body)
        own |= credentials(delivery.render(options.auth, body), body)
        # a header that the author names takes the place of ours, however either is spelt
        named = {key: str(value) for key, value in delivery.render(options.headers, body).items()}
        spelt = {key.lower() for key in named}
        return {key: value for key, value in own.items() if key.lower() not in spelt} | named


def _judge(response: HttpResponse) -> DeliveryOutcome:
    """Say what an answer means."""
    status = response.status
    details = {"status": status}
    if 200 <= status < 300:  # noqa: PLR2004 - the range of success
        return Delivered(details=details)
    message = f"the destination answered {status} {response.reason}".rstrip()
    if status == _GONE:
        return DeliveryFailed(
            message=f"{message}: it wants nothing more",
            code="DESTINATION_GONE",
            retryable=False,
            disable=True,
            details=details,
        )
    return DeliveryFailed(
        message=message,
        code="HTTP_ERROR",
        retryable=status in _RETRYABLE or status >= 500,  # noqa: PLR2004 - the server's faults
        retry_after_s=parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC)),
        details=details,
    )
