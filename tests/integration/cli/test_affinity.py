"""`ratchet serve` keeps to one processor, and its setting lets it go where it likes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.processes import Running, environment, running
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) <= 1,
    reason="Linux with two processors or more is needed",
)


def places(server: Running) -> set[tuple[int, ...]]:
    """Return the processors that each thread of the API process may use."""
    [worker] = server.children()
    return {tuple(sorted(os.sched_getaffinity(thread.id))) for thread in worker.threads()}


@pytest.mark.parametrize("together", ["true", "false"])
def test_the_threads_of_a_server_stay_together_where_that_is_wanted(
    tmp_path: Path, together: str
) -> None:
    env = environment(tmp_path, RATCHET_SERVER_ONE_PROCESSOR=together)
    with running(["serve", "--port", "0"], tmp_path, env) as server:
        wait_for(lambda: "serving http://" in server.text() and server.children(), "the server")
        found = places(server)

    everywhere = tuple(sorted(os.sched_getaffinity(0)))
    assert all(len(place) == (1 if together == "true" else len(everywhere)) for place in found)
    assert together == "false" or len(found) == 1
