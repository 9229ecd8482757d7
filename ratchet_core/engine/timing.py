"""When a run may start and by when it must have ended, as its request asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import ValidationFailed
from ratchet_core.store import clock

#: Longest delay and longest time limit: ten years; more is a slip.
MAX_SECONDS: Final = 10 * 366 * 86_400
_US: Final = 1_000_000


def check_timing(request: SubmitRequest) -> None:
    """Check what needs no clock.

    Raises:
        ValidationFailed: naming the option.
    """
    details = dict(_problems(request))
    if details:
        message = "The times of the request do not make sense"
        raise ValidationFailed(message, {key: [text] for key, text in details.items()})


def times_of(request: SubmitRequest, now: int) -> tuple[int | None, int | None]:
    """Return when a run may start and its deadline, in microseconds; None where nothing is asked.

    Args:
        request: checked by `check_timing`.
        now: the database's time, in microseconds.

    Raises:
        ValidationFailed: the deadline comes before the run may start.
    """
    starts_at = None if request.scheduled_for is None else clock.to_us(request.scheduled_for)
    if request.delay_s is not None:
        starts_at = now + round(request.delay_s * _US)
    earliest = now if starts_at is None else max(now, starts_at)
    deadlines = []
    if request.deadline is not None:
        deadlines.append(clock.to_us(request.deadline))
        if deadlines[0] <= earliest:
            rule = "must be later than the time at which the run may start"
            raise ValidationFailed(f"The deadline {rule}", {"deadline": [rule]})
    if request.time_limit_s is not None:
        deadlines.append(earliest + round(request.time_limit_s * _US))
    return starts_at, min(deadlines, default=None)


def _problems(request: SubmitRequest) -> Iterator[tuple[str, str]]:
    delay_s, limit_s = request.delay_s, request.time_limit_s
    if delay_s is not None and request.scheduled_for is not None:
        yield "delay_s", "cannot be given together with scheduled_for"
    elif delay_s is not None and not 0 <= delay_s <= MAX_SECONDS:
        yield "delay_s", f"must be between 0 and {MAX_SECONDS} seconds"
    if limit_s is not None and not 0 < limit_s <= MAX_SECONDS:
        yield "time_limit_s", f"must be more than 0 and at most {MAX_SECONDS} seconds"
