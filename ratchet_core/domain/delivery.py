"""Deliveries: where the output of a run goes, and what follows an attempt to bring it there. Pure.

A destination is named in three places, its origin: in the configuration (`global`), in a workflow
or by a run. A failed delivery never fails the run (decisions.md section 10).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ratchet_core.domain.retry import Backoff
from ratchet_core.domain.states import RunState
from ratchet_core.errors import ValidationFailed
from ratchet_core.redaction import MASK, redact

#: Ends of a run after which its output may be delivered.
RUN_STATES: Final = ("completed", "failed", "cancelled")
_ITEM_KEYS: Final = ("name", "description", "enabled", "run_states", "destination")
_MAX_NAME: Final = 128
#: Longest time limit of an attempt, and longest wait that the other side may ask for, in seconds.
_LONGEST_WAIT_S: Final = 3600.0
#: Most destinations that a workflow or a run may name.
MAX_DESTINATIONS: Final = 20


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  #: waits for its first or next attempt
    RUNNING = "running"  #: an attempt is under way
    DELIVERED = "delivered"  #: the other side has it
    FAILED = "failed"  #: put aside: no attempt is left, or none would help


#: The table of legal moves.
DELIVERY_MOVES: Final = MappingProxyType(
    {
        DeliveryState.PENDING: frozenset({DeliveryState.RUNNING}),
        DeliveryState.RUNNING: frozenset(
            {DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.FAILED}
        ),
        DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),
        DeliveryState.FAILED: frozenset({DeliveryState.PENDING}),
    }
)
#: States in which a delivery may be asked for again.
DELIVERY_ENDED: Final = frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED})


class Origin(StrEnum):
    """Who names a destination."""

    GLOBAL = "global"  #: the configuration, for every run
    WORKFLOW = "workflow"  #: the workflow's definition
    RUN = "run"  #: the request that made the run


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How often, and how soon after each other, a delivery is tried."""

    attempt_limit: int = 3  #: highest number of attempts, at least one
    backoff: Backoff = field(default_factory=lambda: Backoff(cap_s=30.0))  #: waits in between

    def overridden(self, options: Mapping[str, Any]) -> DeliveryPolicy:
        """Return the policy with what a destination's `retry_policy` says (milliseconds)."""
        given = options.get("retry_policy")
        if not isinstance(given, Mapping):
            return self
        backoff = replace(
            self.backoff,
            base_s=_seconds(given, "initial_delay_ms", self.backoff.base_s),
            cap_s=_seconds(given, "max_delay_ms", self.backoff.cap_s),
            factor=float(given.get("backoff_multiplier", self.backoff.factor)),
        )
        limit = int(given.get("max_attempts", self.attempt_limit))
        return DeliveryPolicy(attempt_limit=max(1, limit), backoff=backoff)


def _seconds(given: Mapping[str, Any], key: str, default: float) -> float:
    return given[key] / 1000 if isinstance(given.get(key), int | float) else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One place that outputs go to."""

    name: str  #: unique in its list, 1 to 128 characters
    kind: str  #: what a plugin registers: `webhook`, `filesystem`, …
    origin: Origin  #: who names it
    place: int  #: in that list, from 0
    options: Mapping[str, Any] = field(repr=False)  #: may hold secrets
    run_states: tuple[str, ...] = ("completed",)  #: ends of a run after which it is delivered
    enabled: bool = True  #: whether anything is delivered

    def timeout_s(self, default_s: float) -> float:
        """Return the time limit of one attempt, in seconds."""
        named = self.options.get("timeout_seconds")
        if isinstance(named, bool) or not isinstance(named, int | float):
            return default_s
        return min(float(named), _LONGEST_WAIT_S) if named > 0 else default_s

    def wants(self, state: RunState) -> bool:
        """Tell whether a run that ended so is delivered here; resolved counts as completed."""
        shown = "completed" if state is RunState.RESOLVED else state.value
        return self.enabled and shown in self.run_states


def secret_texts(options: Mapping[str, Any], keys: Collection[str]) -> tuple[str, ...]:
    """Return every text that stands under options that hold secrets, at any depth.

    Of a URL its password is one besides, which messages like to name alone.

    Args:
        options: of a destination.
        keys: of those that hold secrets, as its plugin says.
    """
    found: list[str] = []
    left = [value for key, value in options.items() if key in keys]
    while left:
        value = left.pop()
        if isinstance(value, str):
            found += [value, *_passwords(value)]
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
    return tuple(found)


def _passwords(text: str) -> list[str]:
    try:
        password = urlsplit(text).password if "://" in text else None
    except ValueError:  # no URL after all
        return []
    return [password, unquote(password)] if password else []


def shown_options(options: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Return the options of a destination as anybody may see them.

    Args:
        options: of a destination.
        keys: of those that hold secrets, as its plugin says; what is called like a secret is
            masked besides.
    """
    return {
        str(key): MASK if key in keys and value is not None else redact(value, str(key))
        for key, value in options.items()
    }


def read_destinations(
    items: Sequence[Mapping[str, Any]], origin: Origin
) -> tuple[Destination, ...]:
    """Read the destinations of a workflow or a run.

    Args:
        items: objects with `destination: {type, …}` and maybe `name`, `run_states`, `enabled`;
            or the destination itself, `{type, …}`.
        origin: who names them.

    Raises:
        ValidationFailed: names each place that is wrong.
    """
    problems: dict[str, Any] = {}
    if len(items) > MAX_DESTINATIONS:
        problems["output_destinations"] = [f"at most {MAX_DESTINATIONS} destinations"]
    found: list[Destination] = []
    for place, item in enumerate(items[:MAX_DESTINATIONS]):
        wrong = list(_problems(item))
        if wrong:
            problems[f"output_destinations[{place}]"] = wrong
            continue
        found.append(_destination(item, origin, place))
    names = [one.name for one in found]
    for one in found:
        if names.count(one.name) > 1:
            key = f"output_destinations[{one.place}]"
            problems[key] = [f"name: '{one.name}' is used more than once"]
    if problems:
        raise ValidationFailed("The output destinations are not valid", problems)
    return tuple(found)


def _problems(item: Any) -> Sequence[str]:
    if not isinstance(item, Mapping):
        return ["expected an object with `destination`"]
    options = item.get("destination", item)
    if not isinstance(options, Mapping):
        return ["destination: expected an object with `type`"]
    if not isinstance(options.get("type"), str) or not options["type"]:
        return ["type: is missing; such as webhook or filesystem"]
    if "destination" not in item:
        return []
    return [*_item_problems(item)]


def _item_problems(item: Mapping[str, Any]) -> list[str]:
    wrong = [f"{key}: unknown key" for key in item if key not in _ITEM_KEYS]
    name = item.get("name")
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= _MAX_NAME):
        wrong.append(f"name: expected 1 to {_MAX_NAME} characters")
    if not isinstance(item.get("enabled", True), bool):
        wrong.append("enabled: expected true or false")
    states = item.get("run_states", ["completed"])
    if not isinstance(states, list | tuple) or not states or not set(states) <= set(RUN_STATES):
        wrong.append(f"run_states: expected a list of {', '.join(RUN_STATES)}")
    return wrong


def _destination(item: Mapping[str, Any], origin: Origin, place: int) -> Destination:
    options = dict(item.get("destination", item))
    kind = options.pop("type")
    outer = item if "destination" in item else {}
    return Destination(
        name=outer.get("name") or f"{kind}-{place + 1}",
        kind=kind,
        origin=origin,
        place=place,
        options=options,
        run_states=tuple(outer.get("run_states", ("completed",))),
        enabled=outer.get("enabled", True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEnd:
    """How one attempt to deliver ended."""

    ok: bool  #: the other side has it
    code: str = "DELIVERY_FAILED"  #: stable code of a failure
    message: str = ""  #: what happened, without secrets
    retryable: bool = True  #: another attempt may help
    retry_after_s: float | None = None  #: wait that the other side asked for
    disable: bool = False  #: the other side wants nothing more
    details: Mapping[str, Any] = field(default_factory=dict)  #: about the answer, without secrets


@dataclass(frozen=True, slots=True)
class DeliveryDecision:
    """What follows an attempt."""

    state: DeliveryState  #: where the delivery moves
    delay_s: float = 0.0  #: with PENDING: seconds until the next attempt


def decide_delivery(
    policy: DeliveryPolicy, end: DeliveryEnd, *, failures: int, random: float
) -> DeliveryDecision:
    """Decide what follows an attempt to deliver (decisions.md section 10).

    Args:
        policy: of the destination.
        end: of the attempt.
        failures: attempts that count against the limit, this one included if it failed.
        random: uniform in 0 to 1.
    """
    if end.ok:
        return DeliveryDecision(DeliveryState.DELIVERED)
    if not end.retryable or end.disable or failures >= policy.attempt_limit:
        return DeliveryDecision(DeliveryState.FAILED)
    if end.retry_after_s is not None:
        delay_s = min(max(0.0, end.retry_after_s), _LONGEST_WAIT_S)  # it knows better than our cap
        return DeliveryDecision(DeliveryState.PENDING, delay_s)
    return DeliveryDecision(DeliveryState.PENDING, policy.backoff.delay_s(failures, random))


@dataclass(frozen=True, slots=True)
class DeliveryError:
    """Why an attempt to deliver failed."""

    code: str  #: stable
    message: str  #: for people, without secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One delivery, as it is shown."""

    id: str  #: UUIDv7
    run_id: str  #: whose output it is
    namespace: str  #: of the workflow
    workflow: str  #: name of the workflow
    version: str  #: of the workflow
    destination: str  #: name of the destination
    kind: str  #: what delivers there
    origin: str  #: who names the destination
    run_state: str  #: how the run ended
    state: DeliveryState  #: where it stands
    attempts: int  #: started so far
    error: DeliveryError | None  #: of the latest attempt, where it failed
    next_at: datetime | None  #: while pending: when it is tried next
    created_at: datetime  #: when it was handed over
    updated_at: datetime  #: of its latest change
    completed_at: datetime | None  #: when it arrived or was put aside


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttemptView:
    """One attempt to deliver that has ended."""

    number: int  #: from 1
    state: DeliveryState  #: delivered or failed
    error: DeliveryError | None  #: why it failed
    details: Mapping[str, Any]  #: about the answer
    started_at: datetime  #: when it began
    completed_at: datetime  #: when it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQuery:
    """Filters of the list of deliveries; all given ones must hold."""

    states: tuple[DeliveryState, ...] | None = None  #: any of them
    run_id: str | None = None  #: of that run
    destination: str | None = None  #: to the destination of that name
    namespace: str | None = None  #: of the workflow
    name: str | None = None  #: of the workflow
    namespaces: tuple[str, ...] | None = None  #: what the caller may see
    created_from: datetime | None = None  #: handed over at or after
    created_to: datetime | None = None  #: handed over at or before


#: What templates of destinations may read; `env_*` and `meta_*` besides.
TEMPLATE_VARIABLES: Final = frozenset(
    {
        *("job_id", "job_uuid", "task_id", "task_name", "task_version", "execution_id"),
        *("priority", "schedule_id", "environment", "env", "hostname", "status"),
        *("timestamp", "iso_timestamp", "unix_timestamp", "date", "time"),
        *("year", "month", "day", "hour", "minute", "second"),
        *("duration_ms", "duration_secs", "output_data", "output_size", "signature"),
    }
)
