"""The one module that plugins and step code import.

    from ratchet_core.sdk import PermanentError, StepContext, StepHandler, hookimpl

What is named here is stable: it grows, and nothing in it is renamed or removed within a major
version. `API_VERSION` is what a plugin may ask for.
"""

from __future__ import annotations

from ratchet_core.domain.catalogue import Event
from ratchet_core.domain.outcome import Completed, Failed, FailureKind, Outcome
from ratchet_core.domain.retry import RetryDecision
from ratchet_core.domain.retry_after import parse_retry_after
from ratchet_core.domain.template import (
    TemplateFailed,
    TemplateInvalid,
    render_template,
    template_problems,
)
from ratchet_core.domain.workflow import CustomEvent, StepDefinition, WorkflowDefinition
from ratchet_core.errors import AuthenticationFailed, ConfigurationError, Refused
from ratchet_core.redaction import Secret, is_secret_name, redact
from ratchet_core.sdk import option_check
from ratchet_core.sdk.authentication import (
    Authenticator,
    AuthenticatorSettings,
    AuthorizationCoordinator,
    IssuedTokens,
    KeyLookup,
    Principal,
    RequestView,
    TokenIssuer,
)
from ratchet_core.sdk.context import (
    Reporter,
    RunInfo,
    StepContext,
    StepInfo,
)
from ratchet_core.sdk.errors import (
    AttemptCancelled,
    AttemptTimedOut,
    PermanentError,
    RetryableError,
    StepError,
)
from ratchet_core.sdk.handler import FunctionHandler, StepHandler, step_handler
from ratchet_core.sdk.http import (
    EgressRefused,
    HttpClient,
    HttpRequest,
    HttpResponse,
    HttpTimeout,
    NetworkFailure,
)
from ratchet_core.sdk.input import (
    Accepted,
    Feed,
    FeedStopped,
    InboundMessage,
    InputSource,
    SourceSettings,
    VerifiedWebhook,
    WebhookRequest,
    WebhookSource,
)
from ratchet_core.sdk.marker import API_VERSION, hookimpl
from ratchet_core.sdk.moment import AttemptInfo, Submission
from ratchet_core.sdk.output import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
)
from ratchet_core.sdk.services import PluginServices
from ratchet_core.sdk.subscriber import EventSubscriber
from ratchet_core.sdk.workflow import WorkflowBuilder, workflow

__all__ = [
    "API_VERSION",
    "Accepted",
    "AttemptCancelled",
    "AttemptInfo",
    "AttemptTimedOut",
    "AuthenticationFailed",
    "Authenticator",
    "AuthenticatorSettings",
    "AuthorizationCoordinator",
    "Completed",
    "ConfigurationError",
    "CustomEvent",
    "Delivered",
    "DeliveryFailed",
    "DeliveryOutcome",
    "DeliveryView",
    "EgressRefused",
    "Event",
    "EventSubscriber",
    "Failed",
    "FailureKind",
    "Feed",
    "FeedStopped",
    "FunctionHandler",
    "HttpClient",
    "HttpRequest",
    "HttpResponse",
    "HttpTimeout",
    "InboundMessage",
    "InputSource",
    "IssuedTokens",
    "KeyLookup",
    "NetworkFailure",
    "Outcome",
    "OutputDestination",
    "PermanentError",
    "PluginServices",
    "Principal",
    "Refused",
    "Reporter",
    "RequestView",
    "RetryDecision",
    "RetryableError",
    "RunInfo",
    "Secret",
    "SourceSettings",
    "StepContext",
    "StepDefinition",
    "StepError",
    "StepHandler",
    "StepInfo",
    "Submission",
    "TemplateFailed",
    "TemplateInvalid",
    "TokenIssuer",
    "VerifiedWebhook",
    "WebhookRequest",
    "WebhookSource",
    "WorkflowBuilder",
    "WorkflowDefinition",
    "hookimpl",
    "is_secret_name",
    "option_check",
    "parse_retry_after",
    "redact",
    "render_template",
    "step_handler",
    "template_problems",
    "workflow",
]
