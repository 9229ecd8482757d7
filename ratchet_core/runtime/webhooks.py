"""Webhooks received: a verified request becomes a run; secrets reach attempts, and nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

import orjson

from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.engine.engine import Engine
from ratchet_core.engine.submit import Stored
from ratchet_core.errors import (
    AuthenticationFailed,
    NamespaceNotFound,
    NotFound,
    RatchetError,
    Unavailable,
    WorkflowDisabled,
    WorkflowNotFound,
)
from ratchet_core.runtime.inputs import Inputs
from ratchet_core.sdk.input import (
    Accepted,
    InboundMessage,
    VerifiedWebhook,
    WebhookRequest,
    WebhookSource,
)
from ratchet_core.store.database import Database
from ratchet_core.store.runs import first_principal

#: The way of verifying that verifies nothing; only callers on this machine may use it.
NONE: Final = "none"
#: Credentials of the call itself: they belong into no stored input.
_LEFT_OUT: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
#: How the input of a webhook's run begins.
_BEGINNING: Final = '{"webhook":'
#: Seconds after which a sender may try again where an operator has to mend something.
_MENDED_S: Final = 60.0

_log = logging.getLogger(__name__)


class SourceNotFound(NotFound):
    """No webhook source of that name is configured and in order."""

    code = "SOURCE_NOT_FOUND"

    def __init__(self, name: str) -> None:
        super().__init__(f"Webhook source '{name[:100]}' does not exist")


class Webhooks:
    """The configured sources that are called.

    Args:
        inputs: with the sources.
        engine: stores.
        database: tells whose run an attempt belongs to.
    """

    def __init__(self, inputs: Inputs, engine: Engine, database: Database) -> None:
        self._inputs = inputs
        self._engine = engine
        self._database = database
        self._lock = threading.Lock()
        self._made: dict[str, WebhookSource | None] = {}
        self._left_out: dict[str, str] = {}
        self._configured = {one.name: one for one in inputs.sources if one.is_webhook}
        self._secrets = {
            f"input:{one.name}": one.webhook_secret.reveal()
            for one in self._configured.values()
            if one.webhook_secret is not None
        }

    @property
    def is_used(self) -> bool:
        """Whether any source is configured."""
        return bool(self._configured)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources that are configured."""
        return tuple(sorted(self._configured))

    def health(self) -> tuple[bool, str]:
        """Return whether every source takes webhooks, and which do not."""
        for source in self._configured.values():
            self._verifier(source)
        bad = [f"{name}: {reason}" for name, reason in sorted(self._left_out.items())]
        return (False, f"left out: {'; '.join(bad)}") if bad else (True, "ok")

    def find(self, name: str) -> InputSourceSettings:
        """Return a source.

        Raises:
            SourceNotFound: there is none, or it cannot be made (the log says why).
        """
        source = self._configured.get(name)
        if source is None or self._verifier(source) is None:
            raise SourceNotFound(name)
        return source

    def receive(
        self, source: InputSourceSettings, request: WebhookRequest
    ) -> Accepted | Mapping[str, Any]:
        """Verify a request and store its run; or return what a handshake is answered with.

        Raises:
            AuthenticationFailed: it is not from that sender, too old, or altered.
            Unavailable: the workflow is not there, or switched off; the sender may try again.
            RatchetError: the run cannot be stored; as with any submit.
        """
        verified = self._verified(source, request)
        if verified.reply is not None:
            return verified.reply
        message = InboundMessage(input=input_of(request), identity=verified.identity)
        asked = self._inputs.reader(source).request(message)
        [answer] = self._engine.submit_fed([asked], most_ready=None)
        if isinstance(answer, Stored):
            return Accepted(run_id=answer.run_id, is_new=answer.created)
        if isinstance(answer, NamespaceNotFound | WorkflowNotFound | WorkflowDisabled):
            _log.warning("webhook source '%s': %s", source.name, answer.message)
            text = f"Source '{source.name}' cannot take webhooks now: its workflow takes no runs"
            raise Unavailable(text, _MENDED_S)
        raise answer

    def _verified(self, source: InputSourceSettings, request: WebhookRequest) -> VerifiedWebhook:
        verifier = self._verifier(source)
        assert verifier is not None  # noqa: S101 - `find` has looked
        try:
            return verifier.verify(request)
        except AuthenticationFailed as error:
            _log.warning("webhook to '%s' refused: %s", source.name, error.message)
        except Exception:  # noqa: BLE001 - see WebhookSource.verify
            text = "webhook to '%s': the plugin that verifies '%s' failed"
            _log.exception(text, source.name, source.kind)
        raise AuthenticationFailed("The webhook is not verified: signature, or time of sending")

    def _verifier(self, source: InputSourceSettings) -> WebhookSource | None:
        with self._lock:
            if source.name not in self._made:
                self._made[source.name] = self._make(source)
            return self._made[source.name]

    def _make(self, source: InputSourceSettings) -> WebhookSource | None:
        try:
            made = self._inputs.make(source)
        except Exception as error:  # noqa: BLE001 - hurts this source alone
            reason = error.message if isinstance(error, RatchetError) else type(error).__name__
            _log.error("webhook source '%s' is left out: %s", source.name, reason)
            self._left_out[source.name] = reason
            return None
        return made if isinstance(made, WebhookSource) else None

    def secrets_for(self, run_id: str, run_input: str) -> Mapping[str, Any]:
        """Return what an attempt at a step of a run is given besides the input.

        The principal of the run tells its source, which no caller can choose; a rerun has that of
        the run that it does again.

        Args:
            run_id: of the run.
            run_input: JSON text.
        """
        if not self._secrets or not run_input.startswith(_BEGINNING):
            return {}
        with self._database.read() as tx:
            principal = first_principal(tx, run_id)
        secret = self._secrets.get(principal or "")
        return {} if secret is None else {"webhook_secret": secret}


def input_of(request: WebhookRequest) -> dict[str, Any]:
    """Return the input of a webhook's run (decisions.md section 11)."""
    raw_body = request.body.decode("utf-8", "replace")
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = raw_body
    headers = {name: value for name, value in request.headers.items() if name not in _LEFT_OUT}
    return {
        "webhook": {
            "headers": headers,
            "body": body,
            "raw_body": raw_body,
            "method": request.method,
            "path": request.path,
        }
    }
