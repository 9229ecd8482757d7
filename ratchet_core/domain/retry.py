"""When a failed attempt is tried again: the one back-off formula and the decision.

The decision is data; `engine.conclude` applies it. Randomness is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ratchet_core.domain.outcome import Failed, FailureKind

#: How often an attempt may be lost with its worker before the step fails (decisions.md section 8).
LOSS_LIMIT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a retry waits: `base_s * factor ** (failures - 1)`, capped, with jitter.

    The defaults give 1, 2, 4, 8, 16, 32 s and so on up to 300 s, each ±10 %
    (decisions.md section 8).
    """

    base_s: float = 1.0  #: wait after the first failure
    factor: float = 2.0  #: growth per failure
    cap_s: float = 300.0  #: longest wait, also for `Retry-After`
    jitter: float = 0.1  #: share by which the wait may vary either way, 0 to 1

    def delay_s(self, failures: int, random: float) -> float:
        """Return how long to wait.

        Args:
            failures: failed attempts so far, at least one.
            random: uniform in 0 to 1; chooses the place within the jitter.
        """
        exponent = min(failures - 1, 64)  # beyond it every sane base is over the cap
        plain = min(self.cap_s, self.base_s * self.factor**exponent)
        return plain * (1 + self.jitter * (2 * random - 1))

    def to_document(self) -> dict[str, float]:
        """Return the policy as JSON values."""
        return {
            "base_s": self.base_s,
            "factor": self.factor,
            "cap_s": self.cap_s,
            "jitter": self.jitter,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Backoff:
        """Rebuild a policy from its document form."""
        return cls(**document)


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Whether a failed attempt is tried again, and when."""

    retry: bool  #: False ends the step
    delay_s: float = 0.0  #: seconds until the step is ready again

    @classmethod
    def after(cls, delay_s: float) -> RetryDecision:
        """Try again in `delay_s` seconds."""
        return cls(retry=True, delay_s=max(0.0, delay_s))

    @classmethod
    def stop(cls) -> RetryDecision:
        """Give up."""
        return cls(retry=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What one step allows."""

    retryable: bool  #: retries are allowed at all
    attempt_limit: int  #: highest number of attempts that count, at least one
    backoff: Backoff  #: how long a retry waits
    repeatable: bool = True  #: False for `commit: immediate`: a lost attempt may have acted


def decide_retry(
    policy: RetryPolicy, failure: Failed, *, failures: int, losses: int, random: float
) -> RetryDecision:
    """Decide what follows a failed attempt (decisions.md section 8).

    Args:
        policy: of the step.
        failure: of the attempt.
        failures: attempts that count against the limit, this one included.
        losses: attempts lost with their worker, this one included.
        random: uniform in 0 to 1.

    Returns:
        Retry with a delay, or stop.
    """
    if failure.kind is FailureKind.LOST:
        return _decide_lost(policy, losses)
    if failure.retryable is False or not policy.retryable or failures >= policy.attempt_limit:
        return RetryDecision.stop()
    if failure.retry_after_s is not None:
        return RetryDecision.after(min(failure.retry_after_s, policy.backoff.cap_s))
    return RetryDecision.after(policy.backoff.delay_s(failures, random))


def _decide_lost(policy: RetryPolicy, losses: int) -> RetryDecision:
    """Run a lost attempt again whatever `retryable` says, within a budget of its own."""
    if not policy.repeatable and not policy.retryable:
        return RetryDecision.stop()
    if losses >= LOSS_LIMIT:
        return RetryDecision.stop()
    return RetryDecision.after(0.0)
