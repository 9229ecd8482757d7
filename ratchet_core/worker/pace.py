"""How much a drain takes at once and when it turns back to its queues: arithmetic, no effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: Work that one claim should be worth.
BATCH_WORK_S: Final = 0.010
#: What a step of an unknown kind is taken to last.
UNKNOWN_S: Final = 0.001
#: Steps of runs it already works at that a drain does before it looks at its queues again.
OWN_STEPS: Final = 50
#: Seconds that one chain may take before the drain looks at its queues again.
OWN_S: Final = 0.050

_RISE: Final = 0.5  # a kind that became slow must show at once
_FALL: Final = 0.1  # one quick step does not make a kind quick


class Pace:
    """Measures kinds of steps and tells how many to claim."""

    def __init__(self, max_batch: int = 300) -> None:
        self._max_batch = max_batch
        self._duration_s: dict[str, float] = {}
        self._mix: Counter[str] = Counter()

    def note(self, kind: str, duration_s: float) -> None:
        """Take a measured duration in."""
        known = self._duration_s.get(kind)
        if known is None:
            self._duration_s[kind] = duration_s
            return
        weight = _RISE if duration_s > known else _FALL
        self._duration_s[kind] = known + weight * (duration_s - known)

    def claimed(self, kinds: Iterable[str]) -> None:
        """Note what the last claim brought: the next one is expected to be like it."""
        self._mix = Counter(kinds)

    def mean_s(self) -> float:
        """Return how long a step of the last mix is expected to take."""
        steps = self._mix.total()
        if not steps:
            return UNKNOWN_S
        known = self._duration_s
        return sum(known.get(kind, UNKNOWN_S) * n for kind, n in self._mix.items()) / steps

    def batch(self) -> int:
        """Return how many steps to claim: about 10 ms of work, at least one."""
        return min(self._max_batch, max(1, int(BATCH_WORK_S / max(self.mean_s(), 1e-6))))


@dataclass(slots=True)
class Budget:
    """What a drain may do before it goes back to its queues' order."""

    claimed_at: float  #: on `time.monotonic()`
    own_steps: int = 0  #: steps that came from concluding, not from a queue
    worked_s: float = 0.0  #: time spent in step handlers

    def allows_own(self, now: float) -> bool:
        """Whether children of concluded steps may be kept for this drain."""
        return self.own_steps < OWN_STEPS and now < self.claimed_at + OWN_S

    @property
    def is_overdrawn(self) -> bool:
        """Whether the batch took so long that what is left is for others."""
        return self.worked_s > OWN_S
