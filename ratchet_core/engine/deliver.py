"""Deliver: hand over the outputs of ended runs, and end the attempts to bring them somewhere.

Which runs have something to deliver is a mark in their row, so that handing over is one
transaction with its rows: nothing is delivered twice and nothing is forgotten. Sending happens
outside of transactions (`worker.deliverer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ratchet_core.domain.delivery import (
    DELIVERY_ENDED,
    DeliveryEnd,
    DeliveryPolicy,
    DeliveryState,
    Destination,
    decide_delivery,
)
from ratchet_core.domain.events import EventName
from ratchet_core.domain.states import RunState
from ratchet_core.engine.core import Core
from ratchet_core.errors import Conflict, DeliveryNotFound
from ratchet_core.store import deliveries as stored
from ratchet_core.store import frames
from ratchet_core.store.database import AnyRow, Tx
from ratchet_core.store.deliveries import ClaimedDelivery, DueRun
from ratchet_core.store.runs import entry

_US: Final = 1_000_000
#: Runs handed over, and deliveries taken over, in one transaction.
_BATCH: Final = 100
#: How long an attempt may be silent beyond its time limit.
GRACE_S: Final = 15.0

_EVENTS: Final = {
    DeliveryState.DELIVERED: EventName.DELIVERY_DELIVERED,
    DeliveryState.PENDING: EventName.DELIVERY_RETRYING,
    DeliveryState.FAILED: EventName.DELIVERY_FAILED,
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed delivery with what is needed to send it."""

    claimed: ClaimedDelivery
    destination: Destination | None  #: None: it is not configured any more
    run: AnyRow  #: the whole row
    attempt_id: str | None  #: of the run's latest attempt at a step
    off: str | None  #: why the destination is switched off


class Deliveries:
    """The verbs over deliveries."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def next_in_s(self) -> float | None:
        """Return in how many seconds there is something to do, at least 0; None: nothing."""
        with self._core.database.read() as tx:
            due = stored.next_in_us(tx)
        return None if due is None else max(0.0, due / _US)

    def hand_over(self) -> int:
        """Make deliveries of the outputs of runs that have ended; return of how many runs."""

        def work(tx: Tx) -> int:
            due = stored.due_runs(tx, _BATCH)
            if due:
                rows = [row for run in due for row in self._rows(tx, run)]
                stored.hand_over(tx, [run.id for run in due], rows)
            return len(due)

        return self._core.database.transact(work, polite=True)

    def _rows(self, tx: Tx, run: DueRun) -> list[dict[str, Any]]:
        core = self._core
        workflow = core.snapshots.load(tx, [run.snapshot_id])[run.snapshot_id]
        state = RunState(run.state)
        return [
            {
                "id": core.new_id(),
                "run_id": run.id,
                "namespace": run.namespace,
                "name": run.name,
                "version": run.version,
                "origin": one.origin.value,
                "place": one.place,
                "destination": one.name,
                "kind": one.kind,
                "run_state": "completed" if state is RunState.RESOLVED else state.value,
                "state": DeliveryState.PENDING.value,
                "attempts": 0,
                "failures": 0,
                "token": 0,
                "timeout_us": round(one.timeout_s(core.destinations.timeout_s) * _US),
                "ready_at": run.now_us,
                "created_at": run.now_us,
                "updated_at": run.now_us,
            }
            for one in core.destinations.of_run(workflow, run.output_destinations)
            if one.wants(state)
        ]

    def claim(self, count: int) -> list[Parcel]:
        """Start the next attempt of up to `count` deliveries."""
        core = self._core
        claimed = core.database.transact(
            lambda tx: stored.claim(tx, count, round(GRACE_S * _US)), durable=False, polite=True
        )
        if not claimed:
            return []
        with core.database.read() as tx:
            off = stored.disabled(tx)
            found = [self._parcel(tx, one, off) for one in claimed]
        return [parcel for parcel in found if parcel is not None]

    def _parcel(self, tx: Tx, one: ClaimedDelivery, off: dict[str, str]) -> Parcel | None:
        core = self._core
        run = stored.run_of(tx, one.run_id)
        if run is None:  # removed meanwhile, and the delivery with it
            return None
        workflow = core.snapshots.load(tx, [run.snapshot_id])[run.snapshot_id]
        destination = core.destinations.find(
            workflow, run.output_destinations, one.origin, one.destination
        )
        attempt_id = stored.latest_attempt_id(tx, one.run_id)
        return Parcel(one, destination, run, attempt_id, off.get(one.destination))

    def end(
        self,
        claimed: ClaimedDelivery,
        end: DeliveryEnd,
        policy: DeliveryPolicy,
        started_at_us: int | None = None,
        age_us: int = 0,
    ) -> bool:
        """Store how an attempt ended.

        Args:
            claimed: the delivery.
            end: of the attempt.
            policy: of its destination.
            started_at_us: when it began, in the database's time; None takes `age_us`.
            age_us: microseconds since it began.

        Returns:
            False when somebody else took the delivery over: the end is dropped.
        """
        core = self._core
        failures = claimed.failures + (not end.ok)
        decision = decide_delivery(policy, end, failures=failures, random=core.random())
        error = None if end.ok else _dumps({"code": end.code, "message": end.message})

        def work(tx: Tx) -> bool:
            # the run's lock lets the entries of its journal become visible in their order
            _, locked_at = frames.lock_runs(tx, [claimed.run_id])
            now = locked_at or stored.database_now(tx)
            row = {
                "id": claimed.id,
                "token": claimed.token,
                "state": decision.state.value,
                "failures": failures,
                "error": error,
                "delay": round(decision.delay_s * _US),
                "ended": decision.state in DELIVERY_ENDED,
            }
            attempt = {
                "delivery_id": claimed.id,
                "number": claimed.attempts,
                "run_id": claimed.run_id,
                "state": (DeliveryState.DELIVERED if end.ok else DeliveryState.FAILED).value,
                "error": error,
                "details": _dumps(dict(end.details)) if end.details else None,
                "started_at": now - age_us if started_at_us is None else started_at_us,
                "completed_at": now,
            }
            met = stored.end_attempt(
                tx, row, attempt, [_entry(claimed, decision.state, end, decision.delay_s, now)]
            )
            if met and end.disable:
                stored.disable(tx, claimed.destination, end.message)
            return met

        met = core.database.transact(work, polite=True)
        core.notify()
        return met

    def reap(self) -> int:
        """End attempts whose process was silent beyond its lease; return how many."""
        core = self._core
        with core.database.read() as tx:
            late = stored.expired(tx, _BATCH)
        lost = DeliveryEnd(
            ok=False,
            code="DELIVERY_LOST",
            message="the attempt overran its time, or its process ended; it may have arrived",
        )
        return sum(
            self.end(one, lost, core.destinations.policy, started_at) for one, started_at in late
        )

    def redeliver(self, delivery_id: str) -> None:
        """Ask for an ended delivery again, with all its attempts.

        Raises:
            DeliveryNotFound: no such delivery.
            Conflict: it has not ended.
        """

        def work(tx: Tx) -> None:
            if stored.ask_again(tx, [delivery_id]):
                return
            state = stored.state_of(tx, delivery_id)
            if state is None:
                raise DeliveryNotFound(delivery_id)
            message = f"Delivery '{delivery_id}' is {state}; only one that has ended is sent again"
            raise Conflict(message)

        self._core.database.transact(work)
        self._core.notify()

    def redeliver_many(self, delivery_ids: Sequence[str]) -> int:
        """Ask for deliveries again, those that have ended; return how many."""
        met = self._core.database.transact(lambda tx: stored.ask_again(tx, delivery_ids))
        self._core.notify()
        return met

    def enable(self, destination: str) -> bool:
        """Switch a destination on again; tell whether it was off."""
        return self._core.database.transact(lambda tx: stored.enable(tx, destination))


def _entry(
    claimed: ClaimedDelivery, state: DeliveryState, end: DeliveryEnd, delay_s: float, now: int
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "delivery_id": claimed.id,
        "destination": claimed.destination,
        "attempt": claimed.attempts,
    }
    if not end.ok:
        data["error"] = {"code": end.code, "message": end.message}
    if state is DeliveryState.PENDING:
        data["delay_s"] = round(delay_s, 3)
    return entry(claimed.run_id, None, _EVENTS[state], now, data)


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
