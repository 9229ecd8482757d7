"""Output destinations: what a plugin is given to deliver, and what it answers.

A delivery is one run's output on its way to one destination. Deliveries are rows in the database:
claimed, leased, tried again and put aside by the engine, like steps. A plugin only sends.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import orjson

from ratchet_core.domain.template import render_template
from ratchet_core.sdk.context import RunInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One attempt to deliver one run's output to one destination.

    Options and secret hold credentials: they are left out of `repr` and belong into no log, error
    or result.
    """

    id: str  #: UUIDv7 of the delivery; the same for every attempt, so the other side can tell
    attempt: int  #: number of this attempt, from 1
    destination: str  #: name of the destination, as configured
    #: the keys below `destination`, but `type`; `${ENV}` is resolved, templates are not rendered
    options: Mapping[str, Any] = field(repr=False)
    run: RunInfo  #: the run whose output this is
    state: str  #: how the run ended: completed, failed or cancelled
    #: the run's output as JSON, UTF-8; of a run that did not complete `{job_id, status, error}`
    body: bytes
    #: what templates may read, by name (`job_id`, `task_name`, …); `signature` comes with `render`
    variables: Mapping[str, Any] = field(repr=False)
    secret: bytes = field(default=b"", repr=False)  #: key of the signature
    created_at: datetime  #: when the run ended; aware UTC
    timeout_s: float = 30.0  #: time limit of this attempt
    deadline: float = float("inf")  #: on `time.monotonic()`

    @property
    def output(self) -> Any:
        """The run's output as a JSON value."""
        return orjson.loads(self.body)

    @property
    def remaining_s(self) -> float:
        """Seconds left until the deadline, never below 0."""
        return max(0.0, self.deadline - time.monotonic())

    def signature(self, body: bytes | None = None) -> str:
        """Return the lower-case hex HMAC-SHA256 of a body (decisions.md section 10).

        Args:
            body: the exact bytes that are sent; None takes `body`.
        """
        return hmac.new(
            self.secret, self.body if body is None else body, hashlib.sha256
        ).hexdigest()

    def render(self, value: Any, body: bytes | None = None) -> Any:
        """Return a JSON value with the `{{name}}` templates in its texts rendered.

        Args:
            value: a text such as a URL or a header, or lists and objects of texts.
            body: the exact bytes that are sent, for `{{signature}}`; None takes `body`.

        Raises:
            TemplateFailed, TemplateInvalid: a template has no value, or cannot be read.
        """
        variables = {**self.variables, "signature": self.signature(body)}
        return render_template(value, variables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The other side has it."""

    #: JSON object about the answer, shown with the attempt: `status`, `message_id`; no secrets
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """The other side does not have it, or nobody knows."""

    message: str  #: what happened; shown to operators, so without secrets
    code: str = "DELIVERY_FAILED"  #: stable code
    retryable: bool = True  #: False: another attempt would fail the same way
    retry_after_s: float | None = None  #: wait that the other side asked for, in seconds
    disable: bool = False  #: the other side wants nothing more: the destination is switched off
    details: Mapping[str, Any] = field(default_factory=dict)  #: as with `Delivered`


DeliveryOutcome = Delivered | DeliveryFailed


class OutputDestination(ABC):
    """Delivers outputs to destinations of one kind.

    One instance per process serves every destination of its kind, several deliveries at a time
    from several threads: keep nothing of a delivery on it. A delivery happens at least once: send
    `delivery.id` along where the other side can drop doubles. It is made after a fork or before
    one: open connections in `deliver` (and keep them), never in the constructor.

    Runs in worker processes, in no transaction. It may block, up to `delivery.deadline`: give
    every call a time limit from `delivery.remaining_s`. An attempt that overruns is counted as
    failed and tried again, whatever it does later.
    """

    #: What `destination.type` calls it, in lower case: `webhook`.
    name: ClassVar[str]
    #: Keys of the options that hold secrets. Answers show a mask in place of their values, and what
    #: stands there is taken out of outcomes, errors and problems before they are stored or shown.
    secret_options: ClassVar[Sequence[str]] = ()
    #: Whether a request for a run may name such a destination; else configuration and workflows.
    named_by_runs: ClassVar[bool] = True

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options; nothing by default.

        Called when the configuration is loaded, when a definition or a run names a destination,
        and by the test endpoint; it does no I/O. Check templates with `template_problems`.

        Args:
            options: the keys below `destination`, but `type`.

        Returns:
            One sentence per problem, each beginning with its key: `url: must start with http`.
        """
        return ()

    @abstractmethod
    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Send one output.

        Returns:
            `Delivered` once the other side has it for good (a 2xx, a broker's confirmation, a
            file that was synced); else `DeliveryFailed`, which says whether to try again.

        Raises:
            RetryableError: as `DeliveryFailed`, with its `retry_after_s`.
            PermanentError: as `DeliveryFailed(retryable=False)`; TemplateFailed likewise.
            Exception: anything else is a failed attempt that is tried again. A failed delivery
                never fails the run.
        """

    def close(self) -> None:  # noqa: B027 - nothing to give back is the common case
        """Give back connections; called when the process ends. May not block over 5 s."""
