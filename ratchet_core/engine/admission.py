"""Admission: new runs are refused for a queue whose oldest ready step waits too long.

What is accepted is kept whatever happens, so the time to say no is before. Each process looks at
a queue once a second at most, however much is submitted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ratchet_core.errors import Overloaded
from ratchet_core.store.backlog import oldest_ready_age_s
from ratchet_core.store.claims import count_ready
from ratchet_core.store.database import Tx

#: For how long one look holds, in seconds.
LOOK_S: Final = 1.0
#: Longest time that anybody is told to wait, in seconds.
LONGEST_WAIT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Look:
    at_s: float  #: on the clock of this process
    age_s: float  #: of the oldest ready step
    shrinks: float  #: seconds of waiting that go away in a second; 0: none do


class Admission:
    """Remembers how long the queues wait.

    Args:
        max_age_s: new runs are refused while the oldest ready step has waited longer; None: never.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self, max_age_s: float | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_age_s = max_age_s
        self._monotonic = monotonic
        self._looks: dict[str, _Look] = {}

    def refusals(self, tx: Tx, queues: Collection[str]) -> Mapping[str, Overloaded]:
        """Return, for each of the queues that takes no runs now, how to say so.

        Args:
            tx: any transaction.
            queues: those that runs are to be put into.
        """
        if self._max_age_s is None:
            return {}
        looks = {queue: self._look(tx, queue) for queue in queues}
        return {
            queue: _refusal(queue, look, self._max_age_s)
            for queue, look in looks.items()
            if look.age_s > self._max_age_s
        }

    def _look(self, tx: Tx, queue: str) -> _Look:
        now_s = self._monotonic()
        last = self._looks.get(queue)
        if last is not None and now_s - last.at_s < LOOK_S:
            return last
        age_s = oldest_ready_age_s(tx, queue) or 0.0
        shrinks = 0.0
        if last is not None:
            shrinks = max(0.0, (last.age_s - age_s) / (now_s - last.at_s))
        look = _Look(now_s, age_s, shrinks)
        self._looks[queue] = look
        return look


def full_queues(
    tx: Tx, queues: Collection[str], most_ready: int | None
) -> Mapping[str, Overloaded]:
    """Return, for each of the queues in which too many steps wait, how to say so.

    Args:
        tx: any transaction.
        queues: those that runs are to be put into.
        most_ready: so many steps are too many; None: no number is.
    """
    if most_ready is None:
        return {}
    return {
        queue: Overloaded(
            f"{most_ready:,} steps or more wait in queue '{queue}' (input.max_waiting_steps)",
            LOOK_S,
        )
        for queue in queues
        if count_ready(tx, queue, most_ready) >= most_ready
    }


def _refusal(queue: str, look: _Look, max_age_s: float) -> Overloaded:
    over_s = look.age_s - max_age_s
    wait_s = over_s / look.shrinks if look.shrinks else over_s
    return Overloaded(
        f"The oldest step in queue '{queue}' has waited {look.age_s:.0f} s; new runs are taken "
        f"again when it is at most {max_age_s:g} s (limits.max_ready_age_s)",
        min(LONGEST_WAIT_S, max(LOOK_S, wait_s)),
    )
