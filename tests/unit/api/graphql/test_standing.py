"""Tests of where jobs stood, told from the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ratchet_core.api.graphql.standing import Standing, Standings
from ratchet_core.domain.states import RunState
from ratchet_core.runtime import Ratchet

Ask = Callable[..., dict[str, Any]]


def test_what_was_forgotten_is_told_from_the_journal(ratchet: Ratchet, ask: Ask) -> None:
    made = ask('mutation { executeTask(taskId: "echo", input: {n: 1}) { job { id } } }')
    job = made["data"]["executeTask"]["job"]["id"]
    verbs = "pauseJob(jobId: $id) { job { id } } resumeJob(jobId: $id) { job { id } }"
    ask(f"mutation($id: ID!) {{ {verbs} cancelJob(jobId: $id) {{ job {{ id }} }} }}", id=job)
    asked_for: list[int] = []

    def at(run_id: str, place: int) -> Standing:
        asked_for.append(place)
        standing = Standing()
        for event in ratchet.reads.events(run_id, 0, 100):
            if event.sequence <= place:
                standing = standing.after(event, 1)
        return standing

    events = ratchet.reads.events(job, 0, 100)
    run = ratchet.reads.run(job)
    told = []
    for most in (10, 0):
        standings = Standings(at, most)
        told.append([standings.moved(run, event) for event in events])

    assert told[0] == told[1]
    assert [one.state for one in told[0] if one] == [
        RunState.PENDING,
        RunState.PAUSED,
        RunState.PENDING,
        RunState.CANCELLED,
    ]
    assert [one.awaited for one in told[0] if one] == [None, "resume", None, None]
    assert asked_for == [event.sequence - 1 for event in events[1:]]
