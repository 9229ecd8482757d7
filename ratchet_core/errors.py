"""The one tree of errors that Ratchet raises on purpose.

    RatchetError
    ├── InvalidRequest            unparseable or of the wrong type
    │   ├── ValidationFailed      well-formed, but against a schema or rule
    │   └── PayloadTooLarge
    ├── NotFound
    │   ├── NamespaceNotFound, WorkflowNotFound, RunNotFound, StepNotFound, AttemptNotFound,
    │   │   ScheduleNotFound, AnnotationNotFound, DeliveryNotFound
    ├── Conflict
    │   ├── IllegalTransition, IdempotencyConflict, ScheduleNameTaken, WorkflowDisabled,
    │   │   NothingMatches, CountMismatch
    ├── AuthenticationFailed
    ├── AuthorizationFailed
    │   └── Refused               by a plugin
    ├── RateLimited, Unavailable  both know how long to wait
    │   ├── Overloaded            (of RateLimited) what is accepted waits too long already
    ├── ConfigurationError
    ├── DefinitionError           a file that defines a workflow is wrong
    └── PluginError

`code` is what API clients match on and never changes. HTTP statuses live only in `api.door`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class RatchetError(Exception):
    """Root of every error we raise on purpose."""

    code = "INTERNAL_ERROR"
    #: Place, from 0, of the request that is to blame where a batch is refused as a whole.
    index: int | None = None

    @property
    def message(self) -> str:
        """What happened, to which id, and what to do; safe to show to a client."""
        return str(self.args[0]) if self.args else (self.__doc__ or "").split("\n", maxsplit=1)[0]


class InvalidRequest(RatchetError):
    """The request cannot be understood: malformed, or of the wrong type."""

    code = "BAD_REQUEST"


class ValidationFailed(InvalidRequest):
    """The request is well-formed but breaks a schema or a rule.

    Args:
        message: one sentence about the whole.
        details: field (a dotted path such as `input.city`) to the messages about it.
        code: replaces the class's code where a specification names its own.
    """

    code = "VALIDATION_FAILED"

    def __init__(
        self,
        message: str,
        details: Mapping[str, Sequence[str]] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.details: dict[str, list[str]] = {k: list(v) for k, v in (details or {}).items()}
        if code is not None:
            self.code = code


class PayloadTooLarge(InvalidRequest):
    """The body, or a value in it, is over a limit; the message names the limit."""

    code = "PAYLOAD_TOO_LARGE"


class NotFound(RatchetError):
    """No such thing, or none that the caller may know of."""

    code = "NOT_FOUND"


class NamespaceNotFound(NotFound):
    """No workflow was ever defined in that namespace."""

    code = "NAMESPACE_NOT_FOUND"

    def __init__(self, namespace: str) -> None:
        super().__init__(f"Namespace '{namespace}' does not exist")
        self.namespace = namespace


class WorkflowNotFound(NotFound):
    """No workflow of that name or version; deleted ones count as absent."""

    code = "WORKFLOW_NOT_FOUND"

    def __init__(self, namespace: str, name: str, version: str | None = None) -> None:
        at = f"@{version}" if version else ""
        super().__init__(f"Workflow '{namespace}.{name}{at}' does not exist")
        self.namespace, self.name, self.version = namespace, name, version


class RunNotFound(NotFound):
    """No run with that id."""

    code = "RUN_NOT_FOUND"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run '{run_id}' does not exist")
        self.run_id = run_id


class StepNotFound(NotFound):
    """The run has no step of that name or id."""

    code = "STEP_NOT_FOUND"

    def __init__(self, run_id: str, step: str) -> None:
        super().__init__(f"Run '{run_id}' has no step '{step}'")
        self.run_id, self.step = run_id, step


class AttemptNotFound(NotFound):
    """No attempt with that id."""

    code = "ATTEMPT_NOT_FOUND"

    def __init__(self, attempt_id: str) -> None:
        super().__init__(f"Attempt '{attempt_id}' does not exist")
        self.attempt_id = attempt_id


class AnnotationNotFound(NotFound):
    """The run has no annotation with that id."""

    code = "ANNOTATION_NOT_FOUND"

    def __init__(self, run_id: str, annotation_id: str) -> None:
        super().__init__(f"Run '{run_id}' has no annotation '{annotation_id}'")
        self.run_id, self.annotation_id = run_id, annotation_id


class ScheduleNotFound(NotFound):
    """No schedule with that id."""

    code = "SCHEDULE_NOT_FOUND"

    def __init__(self, schedule_id: str) -> None:
        super().__init__(f"Schedule '{schedule_id}' does not exist")
        self.schedule_id = schedule_id


class DeliveryNotFound(NotFound):
    """No delivery with that id."""

    code = "DELIVERY_NOT_FOUND"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"Delivery '{delivery_id}' does not exist")
        self.delivery_id = delivery_id


class Conflict(RatchetError):
    """The thing exists, but its state does not allow what was asked."""

    code = "CONFLICT"


class IllegalTransition(Conflict):
    """The state does not accept the signal: a late caller, or a bug."""

    code = "ILLEGAL_TRANSITION"

    def __init__(self, noun: str, state: str, signal: str) -> None:
        super().__init__(noun, state, signal)
        self.noun, self.state, self.signal = noun, state, signal

    @property
    def message(self) -> str:
        """Name the noun, its state and the refused signal."""
        return f"a {self.noun} that is {self.state} does not accept {self.signal}"

    def __str__(self) -> str:
        return self.message


class IdempotencyConflict(Conflict):
    """The idempotency key was used for another request."""

    code = "IDEMPOTENCY_CONFLICT"


class ScheduleNameTaken(Conflict):
    """Another schedule has that name."""

    code = "SCHEDULE_NAME_TAKEN"


class NothingMatches(Conflict):
    """The filter matches no run that the action applies to."""

    code = "NOTHING_MATCHES"


class CountMismatch(Conflict):
    """The filter matches another number of runs than the caller expects."""

    code = "COUNT_MISMATCH"


class WorkflowDisabled(Conflict):
    """The workflow is disabled: enable it before it is run."""

    code = "WORKFLOW_DISABLED"


class AuthenticationFailed(RatchetError):
    """No valid credentials came with the request."""

    code = "AUTHENTICATION_FAILED"


class AuthorizationFailed(RatchetError):
    """The caller is known but may not do this."""

    code = "AUTHORIZATION_FAILED"


class Refused(AuthorizationFailed):
    """A plugin refuses a request for a run, or an attempt; the message says why.

    Args:
        message: what is refused, why, and what to do; shown to the caller, so without secrets.
        code: stable code for clients, in place of `REFUSED`.
    """

    code = "REFUSED"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class RateLimited(RatchetError):
    """Too many requests; `retry_after_s` says when one will be served."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(RateLimited):
    """What was accepted waits too long already; `retry_after_s` is a fair guess."""

    code = "OVERLOADED"


class Unavailable(RatchetError):
    """A part that is needed does not answer now; `retry_after_s` is a fair guess."""

    code = "SERVICE_UNAVAILABLE"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConfigurationError(RatchetError):
    """The configuration is wrong; the message names file, key and what to write instead."""

    code = "CONFIGURATION_ERROR"


class DefinitionError(RatchetError):
    """A workflow definition is wrong.

    Args:
        reason: what is wrong and what to write instead.
        file: path of the file as the user knows it, or None when it came over the API.
        line: line in that file, counted from 1, where known.
        place: dotted place in the document, such as `step_templates[2].depends_on_step`.
    """

    code = "INVALID_DEFINITION"

    def __init__(
        self,
        reason: str,
        *,
        file: str | None = None,
        line: int | None = None,
        place: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.file, self.line, self.place = reason, file, line, place

    @property
    def message(self) -> str:
        """`file:line: place: reason`, as far as known."""
        at = self.file or ""
        if at and self.line is not None:
            at = f"{at}:{self.line}"
        return ": ".join(part for part in (at, self.place, self.reason) if part)

    def __str__(self) -> str:
        return self.message


class PluginError(RatchetError):
    """A plugin cannot be loaded or used."""

    code = "PLUGIN_ERROR"
