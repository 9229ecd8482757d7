"""`POST /webhooks/{source}`: other systems tell us something, and a run is made of it.

The route is open: a source's verification is its authentication (decisions.md section 5). Rules
about Host, Origin and content type do not hold here, except for sources that verify nothing:
those are for callers on this machine alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request
from marshmallow import EXCLUDE, Schema, fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import OPEN
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.body import read_bytes
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, shown
from ratchet_core.api.door.metrics import count_webhook
from ratchet_core.api.door.origin import host_name
from ratchet_core.api.door.problem import Dialect
from ratchet_core.config import is_loopback
from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.errors import AuthenticationFailed
from ratchet_core.runtime.webhooks import NONE
from ratchet_core.sdk.input import Accepted, WebhookRequest

PREFIX: Final = "/webhooks"


class ReceivedSchema(AnswerSchema):
    """What became of a webhook."""

    job_id = shown(fields.String, "UUID of the job that was made; for a double the first one.")
    duplicate = shown(fields.Boolean, "Whether it had come before.")


class HandshakeSchema(AnswerSchema):
    """What the sender wants to hear before it sends anything; no job is made."""

    challenge = shown(fields.String, "What the sender has asked for; other plugins add theirs.")


class AnyQuery(Schema):
    """Senders may carry what they like in the URL."""

    class Meta:
        """Nothing of it is read."""

        unknown = EXCLUDE


def webhook_blueprint(dialect: Dialect, problem: type[AnswerSchema]) -> DoorBlueprint:
    """Return the route.

    Args:
        dialect: of its problems.
        problem: schema of its problems.
    """
    blueprint = DoorBlueprint(
        "webhooks", __name__, dialect=dialect, problem=problem, about="Webhooks of other systems."
    )

    @blueprint.operation(
        "POST",
        "/<source>",
        "receiveWebhook",
        permission=OPEN,
        query=AnyQuery,
        answers={200: HandshakeSchema, 202: ReceivedSchema},
        problems=(400, 401, 404, 413),
    )
    def receive(_query: object, source: str) -> Response:
        """Verify a webhook as its source is configured, and make one job of it.

        The same webhook sent again is answered with the job that it made.
        """
        webhooks = ratchet().webhooks
        configured = webhooks.find(source)
        if configured.kind == NONE:
            _check_near()
        body = read_bytes(request, ratchet().settings.limits.max_body_bytes)
        received = _counted(
            configured,
            WebhookRequest(
                method=request.method,
                path=request.path,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
                received_at=time.time(),
            ),
        )
        if not isinstance(received, Accepted):
            return answer.json(received, 200)
        return answer.json({"job_id": received.run_id, "duplicate": not received.is_new}, 202)

    return blueprint


def _counted(source: InputSourceSettings, sent: WebhookRequest) -> Accepted | Mapping[str, Any]:
    """Take a webhook, and count what became of it."""
    try:
        received = ratchet().webhooks.receive(source, sent)
    except Exception:
        count_webhook(source.name, "rejected")
        raise
    if isinstance(received, Accepted):
        count_webhook(source.name, "stored" if received.is_new else "duplicate")
    return received


def _check_near() -> None:
    """Refuse a caller of a source that verifies nothing, unless it is a program of this machine.

    Raises:
        AuthenticationFailed: it is elsewhere, or a page in a browser.
    """
    is_near = is_loopback(request.remote_addr or "") and is_loopback(host_name(request.host))
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if not is_near or is_forwarded or "Origin" in request.headers:
        message = "This source verifies nothing (`verify: none`), so only this machine may call it"
        raise AuthenticationFailed(message)
