"""Ratchet plugin `policy`: house rules by configuration.

What may be submitted, in which queue it runs, how fast steps of a kind may start, and which errors
are tried again. Without settings it does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ratchet_core.sdk import (
    AttemptInfo,
    AuthorizationCoordinator,
    Failed,
    PluginServices,
    RetryDecision,
    StepHandler,
    Submission,
    hookimpl,
)
from ratchet_policy.maintenance import ReadOnly
from ratchet_policy.rules import SCHEMA, Rules

RATCHET_API = "~=1.0"

__all__ = ["RATCHET_API", "Policy", "ReadOnly", "Rules", "policy"]


class Policy:
    """The hooks, over the rules of this process."""

    RATCHET_API = RATCHET_API

    def __init__(self) -> None:
        self.rules = Rules({})

    @hookimpl
    def ratchet_register_settings(self) -> Mapping[str, Any]:
        """Say which rules there are."""
        return SCHEMA

    @hookimpl
    def ratchet_register_step_handlers(self, services: PluginServices) -> Iterable[StepHandler]:
        """Offer none: the rules are read here, because this is called in every process."""
        self.rules = Rules(services.settings)
        return ()

    @hookimpl
    def ratchet_register_authorization_coordinators(
        self,
    ) -> Iterable[type[AuthorizationCoordinator]]:
        """Offer `read-only`."""
        return [ReadOnly]

    @hookimpl
    def ratchet_before_submit(self, submission: Submission) -> None:
        """Refuse what the rules refuse."""
        self.rules.check_submission(submission)

    @hookimpl
    def ratchet_decide_queue(self, submission: Submission) -> str | None:
        """Choose the queue that the rules name."""
        return self.rules.queue_of(submission)

    @hookimpl
    def ratchet_before_attempt(self, attempt: AttemptInfo) -> None:
        """Hold back what would start too fast."""
        self.rules.check_attempt(attempt)

    @hookimpl
    def ratchet_decide_retry(self, attempt: AttemptInfo, failure: Failed) -> RetryDecision | None:
        """Decide about errors that the rules name."""
        return self.rules.decide(attempt, failure)


policy = Policy()
