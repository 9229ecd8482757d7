"""Many subscribers on one API process, some of whom do not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.integration.graphql.conftest import Site
from tests.waiting import wait_for

SUBSCRIBERS = 500
SLOW_READERS = 20
JOBS = 3
#: What one subscriber may cost the server: its threads and what they hold.
BYTES_PER_SUBSCRIBER = 300_000
#: Each job is told about several times, so slow readers are sent more than any socket holds.
LARGE_INPUT = "x" * 500_000
QUICK = 'subscription { runEvents(after: "%s") { cursor name job_id } }'
SLOW = """subscription {
  jobs(after: "0") { a: input b: input c: input d: input e: input f: input g: input h: input }
}"""


@pytest.fixture(scope="module")
def site(new_site: Callable[..., Site]) -> Site:
    """Give a server with that many places, and a worker."""
    return new_site(RATCHET_GRAPHQL_MAX_SUBSCRIPTIONS=str(SUBSCRIBERS + SLOW_READERS))


async def subscribe(site: Site, query: str) -> ClientConnection:
    client = await connect(
        site.socket_url,
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item] # a NewType of str
        compression=None,
        open_timeout=40,
        max_queue=1,
        ping_interval=None,
        proxy=None,
    )
    await client.send(json.dumps({"type": "connection_init"}))
    assert json.loads(await client.recv()) == {"type": "connection_ack"}
    sent = {"id": "1", "type": "subscribe", "payload": {"query": query}}
    await client.send(json.dumps(sent))
    return client


async def events_until(client: ClientConnection, job_id: str) -> list[dict[str, Any]]:
    """Return what one subscriber hears until a job is completed."""
    seen: list[dict[str, Any]] = []
    while True:
        seen.append(json.loads(await client.recv())["payload"]["data"]["runEvents"])
        if seen[-1]["job_id"] == job_id and seen[-1]["name"] == "run.completed":
            return seen


def none_reads(clients: list[ClientConnection]) -> bool:
    """Tell whether none of the clients takes anything from its socket any more."""
    return not any(client.transport.is_reading() for client in clients)


def memory_of(site: Site) -> int:
    """Return the bytes that the processes of the API server hold."""
    root = psutil.Process(site.server.pid)
    return sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))


def last_cursor(site: Site, job: str) -> str:
    found = site.ask("query($id: ID!) { job(id: $id) { events { cursor } } }", id=job)
    cursor: str = found["data"]["job"]["events"][-1]["cursor"]
    return cursor


async def crowd(site: Site, after: str) -> tuple[list[list[dict[str, Any]]], list[str], int, int]:
    """Return what all quick subscribers heard, the jobs, and the memory before and at the most."""
    before = memory_of(site)
    clients: list[ClientConnection] = []
    try:
        async with asyncio.timeout(45):
            clients += [await subscribe(site, SLOW) for _ in range(SLOW_READERS)]
            quick = await asyncio.gather(
                *(subscribe(site, QUICK % after) for _ in range(SUBSCRIBERS))
            )
            clients += quick
            slow = clients[:SLOW_READERS]
            await asyncio.to_thread(wait_for, lambda: none_reads(slow), "slow readers to stall")
            jobs = [await asyncio.to_thread(site.execute, "echo", {"n": n}) for n in range(JOBS)]
            heard = await asyncio.gather(*(events_until(client, jobs[-1]) for client in quick))
            assert none_reads(slow)
            return heard, jobs, before, memory_of(site)
    finally:
        for client in clients:
            client.transport.abort()


def test_five_hundred_subscribers_are_served_though_some_do_not_read(site: Site) -> None:
    for n in range(3):
        large = site.execute("echo", {"n": n, "text": LARGE_INPUT})
        site.finished(large)

    heard, jobs, before, most = asyncio.run(crowd(site, last_cursor(site, large)))

    assert len(heard) == SUBSCRIBERS
    for events in heard:
        cursors = [int(event["cursor"]) for event in events]
        assert cursors == sorted(set(cursors))
        created = [event["job_id"] for event in events if event["name"] == "run.created"]
        assert created == jobs
    assert most - before < (SUBSCRIBERS + SLOW_READERS) * BYTES_PER_SUBSCRIBER
