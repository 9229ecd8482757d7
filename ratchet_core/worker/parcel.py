"""Sending one parcel: the plugin gets a view, and what it answers becomes the attempt's end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from ratchet_core.domain.delivery import (
    DeliveryEnd,
    DeliveryPolicy,
    Destination,
    secret_texts,
)
from ratchet_core.domain.outcome import cut
from ratchet_core.domain.template import TemplateFailed, TemplateInvalid
from ratchet_core.engine.deliver import GRACE_S, Parcel
from ratchet_core.engine.hidden import Hidden
from ratchet_core.redaction import mask_text, redact
from ratchet_core.sdk.context import RunInfo
from ratchet_core.sdk.errors import PermanentError, StepError
from ratchet_core.sdk.output import (
    Delivered,
    DeliveryFailed,
    DeliveryView,
    OutputDestination,
)
from ratchet_core.store.clock import known_datetime, to_datetime

#: The key of a destination's signature.
SecretOf = Callable[[Destination], bytes]
_GONE: Final = DeliveryEnd(
    ok=False,
    code="DESTINATION_GONE",
    message="no destination of that name is configured any more",
    retryable=False,
)


class Sender:
    """Lets plugins send.

    Args:
        kinds: what plugins deliver to.
        policy: where a destination names none.
        timeout_s: for one attempt, where a destination names none.
        secret_of: keys of signatures.
        environment: name of this environment, for templates.
        environ: the process's, whose `RATCHET_*` templates may read as `env_*`.
    """

    def __init__(
        self,
        kinds: Mapping[str, OutputDestination],
        policy: DeliveryPolicy,
        timeout_s: float,
        secret_of: SecretOf,
        *,
        environment: str,
        environ: Mapping[str, str],
    ) -> None:
        self._kinds = kinds
        self._policy = policy
        self._timeout_s = timeout_s
        self._secret_of = secret_of
        self._environment = environment
        self._plain_environ = {
            f"env_{name.removeprefix('RATCHET_').lower()}": value
            for name, value in environ.items()
            if name.startswith("RATCHET_") and redact(value, name.lower()) == value
        }
        #: How long the end of an attempt may take to be stored before others take over.
        self.patience_s = GRACE_S / 2

    def send(self, parcel: Parcel) -> tuple[DeliveryEnd, DeliveryPolicy]:
        """Send one parcel and return how it ended, and by which policy it is tried again."""
        destination = parcel.destination
        if destination is None:
            return _GONE, self._policy
        policy = self._policy.overridden(destination.options)
        kind = self._kinds.get(destination.kind)
        if parcel.off is not None:
            reason = f"the destination is switched off: {parcel.off}"
            return _refused("DESTINATION_DISABLED", reason), policy
        if kind is None:
            reason = f"no plugin delivers to '{destination.kind}'"
            return _refused("NO_SUCH_KIND", reason), policy
        try:
            view = self._view(parcel, destination)
        except Exception as error:  # noqa: BLE001 - one that cannot be shown fails alone
            hidden = Hidden()
            hidden.hide_texts(secret_texts(destination.options, kind.secret_options))
            return _raised(error, hidden), policy
        return end_of_delivery(kind, view), policy

    def _view(self, parcel: Parcel, destination: Destination) -> DeliveryView:
        claimed, run = parcel.claimed, parcel.run
        body = _body(parcel)
        timeout_s = destination.timeout_s(self._timeout_s)
        return DeliveryView(
            id=claimed.id,
            attempt=claimed.attempts,
            destination=claimed.destination,
            options=destination.options,
            run=RunInfo(
                id=claimed.run_id,
                namespace=claimed.namespace,
                workflow=claimed.name,
                version=claimed.version,
            ),
            state=claimed.run_state,
            body=body,
            variables=self._variables(parcel, body),
            secret=self._secret_of(destination),
            created_at=known_datetime(run.completed_at or claimed.created_at),
            timeout_s=timeout_s,
            deadline=time.monotonic() + timeout_s,
        )

    def _variables(self, parcel: Parcel, body: bytes) -> dict[str, Any]:
        """Return what templates may read."""
        claimed, run = parcel.claimed, parcel.run
        at = known_datetime(run.completed_at or claimed.created_at)
        duration_ms = (at - (to_datetime(run.started_at) or at)).total_seconds() * 1000
        name = claimed.name
        if claimed.namespace != "default":
            name = f"{claimed.namespace}.{claimed.name}"
        return {
            **self._plain_environ,
            **_moment(at),
            "job_id": claimed.run_id,
            "job_uuid": claimed.run_id,
            "task_id": name,
            "task_name": claimed.name,
            "task_version": claimed.version,
            "execution_id": parcel.attempt_id or claimed.run_id,
            "priority": run.priority,
            "schedule_id": run.schedule_id or "",
            "environment": self._environment,
            "env": self._environment,
            "hostname": socket.gethostname(),
            "status": claimed.run_state,
            "duration_ms": round(duration_ms),
            "duration_secs": round(duration_ms / 1000, 3),
            "output_data": orjson.loads(body),
            "output_size": len(body),
            **_meta(run.origin),
        }


def end_of_delivery(kind: OutputDestination, view: DeliveryView) -> DeliveryEnd:
    """Let a plugin send, and return how that ended, whatever it answers or raises.

    What stands under its `secret_options` is in nothing that is stored or shown of it.
    """
    hidden = Hidden()
    hidden.hide_texts(secret_texts(view.options, kind.secret_options))
    try:
        outcome = kind.deliver(view)
    except BaseException as error:  # noqa: BLE001 - SystemExit of a plugin ends no process
        return _raised(error, hidden)
    return _end_of(outcome, kind, hidden)


def _moment(at: datetime) -> dict[str, Any]:
    utc = at.astimezone(UTC)
    return {
        "timestamp": utc.strftime("%Y%m%d_%H%M%S"),
        "iso_timestamp": utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "unix_timestamp": int(utc.timestamp()),
        "date": utc.strftime("%Y-%m-%d"),
        "time": utc.strftime("%H-%M-%S"),
        "year": utc.strftime("%Y"),
        "month": utc.strftime("%m"),
        "day": utc.strftime("%d"),
        "hour": utc.strftime("%H"),
        "minute": utc.strftime("%M"),
        "second": utc.strftime("%S"),
    }


def _meta(origin: str | None) -> dict[str, Any]:
    given = orjson.loads(origin) if origin else {}
    return {f"meta_{key}": value for key, value in given.items() if isinstance(key, str)}


def _body(parcel: Parcel) -> bytes:
    """Return the run's output; of one that has none, how it ended."""
    run, state = parcel.run, parcel.claimed.run_state
    if state == "completed":
        return (run.result or "null").encode()
    error = orjson.loads(run.error) if run.error else None
    return orjson.dumps({"job_id": run.id, "status": state, "error": error})


def _refused(code: str, message: str) -> DeliveryEnd:
    return DeliveryEnd(ok=False, code=code, message=message, retryable=False)


def _raised(error: BaseException, hidden: Hidden) -> DeliveryEnd:
    if isinstance(error, StepError):
        return DeliveryEnd(
            ok=False,
            code=str(error.code),
            message=_text(error, hidden),
            retryable=not isinstance(error, PermanentError),
            retry_after_s=error.retry_after_s,
        )
    is_template = isinstance(error, TemplateFailed | TemplateInvalid)
    return DeliveryEnd(
        ok=False,
        code="TEMPLATE_FAILED" if is_template else "DELIVERY_FAILED",
        message=_text(error, hidden),
        retryable=not is_template,
    )


def _text(error: BaseException, hidden: Hidden) -> str:
    return cut(mask_text(hidden.clean(f"{type(error).__name__}: {error}")))


def _end_of(outcome: object, kind: OutputDestination, hidden: Hidden) -> DeliveryEnd:
    if isinstance(outcome, Delivered):
        return DeliveryEnd(ok=True, details=hidden.clean_value(outcome.details))
    if isinstance(outcome, DeliveryFailed):
        return DeliveryEnd(
            ok=False,
            code=outcome.code,
            message=cut(mask_text(hidden.clean(outcome.message))),
            retryable=outcome.retryable,
            retry_after_s=outcome.retry_after_s,
            disable=outcome.disable,
            details=hidden.clean_value(outcome.details),
        )
    reason = f"the plugin of '{kind.name}' answered with {type(outcome).__name__}, no outcome"
    return DeliveryEnd(ok=False, code="PLUGIN_ERROR", message=reason)
