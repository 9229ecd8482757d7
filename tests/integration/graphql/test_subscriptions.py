"""Subscriptions over real connections: every change, resumption, refusals, ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.graphql.conftest import Site
from tests.integration.graphql.socket_client import Talk
from tests.integration.graphql.stream_client import events_of, stream
from tests.servers import private_redis
from tests.waiting import wait_for

UPDATES = """subscription($job: ID!, $after: String) {
  jobUpdates(jobId: $job, after: $after) { id status progress result error cursor }
}"""
LINES = """subscription($job: ID!, $after: String) {
  jobLogs(jobId: $job, after: $after) { cursor level attempt message }
}"""
EVENTS = "subscription($after: String) { runEvents(after: $after) { cursor name job_id } }"


@pytest.fixture(scope="module", params=["with Redis", "without Redis"])
def site(request: pytest.FixtureRequest, new_site: Callable[..., Site]) -> Iterator[Site]:
    """Give a server and a worker, with Redis and without."""
    if request.param == "without Redis":
        yield new_site()
        return
    with private_redis() as server:
        if server is None:
            pytest.skip("no Redis-protocol server")
        yield new_site(RATCHET_REDIS_URL=server.url)


@pytest.fixture
def talk(site: Site) -> Iterator[Callable[..., Talk]]:
    """Give a function that connects; all connections are closed at the end."""
    made: list[Talk] = []

    def connect(protocol: str = "graphql-transport-ws", **options: Any) -> Talk:
        made.append(Talk(site.socket_url, protocol, **options))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def test_a_job_is_followed_to_its_end(site: Site, talk: Callable[..., Talk], gate: Path) -> None:
    job = site.execute("gated", {"gate": str(gate)})
    client = talk()
    client.start(UPDATES, job=job)
    first = client.hear()["payload"]["data"]["jobUpdates"]
    wait_for(lambda: site.status(job) == "running", "the job to run")
    gate.touch()

    updates = [first, *client.results("jobUpdates")]

    statuses = list(dict.fromkeys(update["status"] for update in updates))
    assert statuses in (["pending", "running", "completed"], ["running", "completed"])
    assert updates[-1]["progress"] == 1.0
    assert updates[-1]["result"] == {"opened": True}
    assert [update["result"] for update in updates[:-1]] == [None] * (len(updates) - 1)
    progress = [update["progress"] for update in updates]
    assert progress == sorted(progress)
    cursors = [int(update["cursor"]) for update in updates]
    assert cursors == sorted(set(cursors))


def test_a_subscription_goes_on_after_its_last_cursor(site: Site) -> None:
    job = site.execute("echo", {"n": 1})
    site.finished(job)
    whole = [
        body["data"]["jobUpdates"]
        for name, body in events_of(stream(site.base, UPDATES, job=job, after="0"))
        if name == "next"
    ]

    for place, update in enumerate(whole):
        rest = [
            body["data"]["jobUpdates"]
            for name, body in events_of(stream(site.base, UPDATES, job=job, after=update["cursor"]))
            if name == "next"
        ]
        assert rest == whole[place + 1 :]
    assert whole[-1]["status"] == "completed"


def test_events_of_all_jobs_are_neither_missed_nor_repeated_over_broken_connections(
    site: Site,
) -> None:
    start = site.ask("{ jobs(limit: 1) { total } }")["data"]["jobs"]["total"]
    jobs = [site.execute("echo", {"n": n}) for n in range(10)]
    for job in jobs:
        site.finished(job)
    seen: list[tuple[int, str, str]] = []
    after = "0"

    for _ in range(3):
        with stream(site.base, EVENTS, after=after) as answer:
            for count, (_name, body) in enumerate(events_of(answer), 1):
                event = body["data"]["runEvents"]
                after = event["cursor"]
                seen.append((int(after), event["job_id"], event["name"]))
                if count == 10:
                    break
    with stream(site.base, EVENTS, after=after) as answer:
        for _name, body in events_of(answer):
            event = body["data"]["runEvents"]
            seen.append((int(event["cursor"]), event["job_id"], event["name"]))
            if (event["job_id"], event["name"]) == (jobs[-1], "run.completed"):
                break

    assert seen == sorted(set(seen))
    completed = {job for _cursor, job, name in seen if name == "run.completed"}
    assert completed >= set(jobs)
    assert len({job for _cursor, job, name in seen if name == "run.created"}) == start + 10


def test_a_job_is_followed_over_sockets_that_break(
    site: Site, talk: Callable[..., Talk], gate: Path
) -> None:
    job = site.execute("gated", {"gate": str(gate)})
    first = talk()
    first.start(UPDATES, job=job, after="0")
    seen = [first.hear()["payload"]["data"]["jobUpdates"]]
    first.break_off()
    second = talk()
    second.start(UPDATES, job=job, after=seen[-1]["cursor"])
    while seen[-1]["status"] != "running":
        seen.append(second.hear()["payload"]["data"]["jobUpdates"])
    second.break_off()
    gate.touch()
    site.finished(job)
    third = talk()
    third.start(UPDATES, job=job, after=seen[-1]["cursor"])
    seen += third.results("jobUpdates")

    whole = talk()
    whole.start(UPDATES, job=job, after="0")
    assert [pick(update) for update in seen] == [
        pick(update) for update in whole.results("jobUpdates")
    ]
    assert seen[-1]["status"] == "completed"


def pick(update: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(update[name] for name in ("cursor", "status", "progress", "result"))


def test_jobs_that_change_while_the_connection_is_down_are_told_after_it(
    site: Site, talk: Callable[..., Talk]
) -> None:
    query = """subscription($after: String) {
      jobs(taskId: "echo", statusIn: ["completed"], after: $after) { id cursor }
    }"""
    first = talk()
    first.start(query)
    first.be_heard()
    jobs = [site.execute("echo", {"n": 0})]
    seen = [first.hear()["payload"]["data"]["jobs"]]
    first.break_off()
    for n in range(1, 4):
        jobs.append(site.execute("echo", {"n": n}))
        site.finished(jobs[-1])
    second = talk()
    second.start(query, after=seen[-1]["cursor"])
    while len(seen) < len(jobs):
        seen.append(second.hear()["payload"]["data"]["jobs"])

    assert [update["id"] for update in seen] == jobs


def test_an_event_stream_shows_what_happens_from_now_on(site: Site) -> None:
    with stream(site.base, 'subscription { jobs(taskId: "echo") { id status cursor } }') as answer:
        events = events_of(answer)
        other = site.execute("fragile", {"repaired": "/nowhere"})
        job = site.execute("echo", {"n": 1})
        seen = [next(events)[1]["data"]["jobs"]]
        while seen[-1]["status"] != "completed":
            seen.append(next(events)[1]["data"]["jobs"])

    assert {update["id"] for update in seen} == {job}
    assert list(dict.fromkeys(update["status"] for update in seen)) == [
        "pending",
        "running",
        "completed",
    ]
    assert other != job


@pytest.mark.parametrize("way", ["socket", "stream"])
def test_what_happens_right_after_the_answer_is_never_missed(
    site: Site, talk: Callable[..., Talk], way: str
) -> None:
    query = 'subscription { runEvents(names: ["run.created"]) { job_id } }'
    for n in range(20):
        if way == "socket":
            client = talk()
            client.start(query)
            client.be_heard()
            job = site.execute("echo", {"n": n})
            first = client.hear()["payload"]["data"]["runEvents"]
        else:
            with stream(site.base, query) as answer:
                job = site.execute("echo", {"n": n})
                first = next(events_of(answer))[1]["data"]["runEvents"]

        assert first == {"job_id": job}


def test_jobs_are_followed_through_pause_and_progress(
    site: Site, talk: Callable[..., Talk], gate: Path
) -> None:
    client = talk()
    client.start(
        """subscription { jobs(taskId: "gated") { id status progress waiting_for result } }"""
    )
    client.be_heard()
    job = site.execute("gated", {"gate": str(gate)})
    seen = [client.hear()["payload"]["data"]["jobs"]]
    one = talk()
    one.start("subscription($id: ID!) { jobUpdates(jobId: $id) { waiting_for } }", id=job)
    while seen[-1]["progress"] < 0.5:
        seen.append(client.hear()["payload"]["data"]["jobs"])
    for verb in ("pauseJob", "resumeJob"):
        site.ask(f"mutation($id: ID!) {{ {verb}(jobId: $id) {{ job {{ id }} }} }}", id=job)
        seen.append(client.hear()["payload"]["data"]["jobs"])
    gate.touch()
    while seen[-1]["status"] != "completed":
        seen.append(client.hear()["payload"]["data"]["jobs"])

    mine = [update for update in seen if update["id"] == job]
    assert mine == seen
    assert [update["waiting_for"] for update in seen if update["waiting_for"]] == ["resume"]
    assert list(dict.fromkeys(update["status"] for update in seen)) == [
        "pending",
        "running",
        "completed",
    ]
    assert [update["progress"] for update in seen] == sorted(u["progress"] for u in seen)
    assert seen[-1]["result"] == {"opened": True}
    assert {"waiting_for": "resume"} in one.results("jobUpdates")


def test_a_finished_job_gives_its_final_state_at_once(
    site: Site, talk: Callable[..., Talk]
) -> None:
    job = site.execute("echo", {"n": 1})
    site.finished(job)
    client = talk()
    client.start(UPDATES, job=job)

    updates = client.results("jobUpdates")

    assert [update["status"] for update in updates] == ["completed"]
    assert updates[0]["result"] == {"n": 1}


def test_a_failed_job_ends_with_its_error(site: Site, talk: Callable[..., Talk]) -> None:
    job = site.execute("fragile", {"repaired": "/nowhere"})
    client = talk()
    client.start(UPDATES, job=job)

    updates = client.results("jobUpdates")

    assert updates[-1]["status"] == "failed"
    assert "it is broken" in updates[-1]["error"]


@pytest.mark.parametrize("job", ["01980000-0000-7000-8000-000000000000", "nonsense"])
def test_an_unknown_job_is_an_error(talk: Callable[..., Talk], job: str) -> None:
    client = talk()
    client.start(UPDATES, job=job)

    message = client.hear()

    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "JOB_NOT_FOUND"


def test_an_unknown_job_is_an_error_in_a_stream(site: Site) -> None:
    found = list(events_of(stream(site.base, UPDATES, job="nonsense")))

    assert [name for name, _ in found] == ["next", "complete"]
    assert found[0][1]["errors"][0]["extensions"]["code"] == "JOB_NOT_FOUND"


def test_the_older_subprotocol_is_spoken_too(site: Site, talk: Callable[..., Talk]) -> None:
    job = site.execute("echo", {"n": 1})
    site.finished(job)
    client = talk("graphql-ws")
    client.say("connection_init", payload={})
    greeting = [client.hear()["type"], client.hear()["type"]]
    client.say("start", id="a", payload={"query": UPDATES, "variables": {"job": job}})

    data, complete = client.hear(), client.hear()
    client.say("start", id="b", payload={"query": UPDATES, "variables": {"job": "nonsense"}})
    error = client.hear()
    client.say("connection_terminate")

    assert greeting == ["connection_ack", "ka"]
    assert data["type"] == "data"
    assert data["payload"]["data"]["jobUpdates"]["status"] == "completed"
    assert complete == {"id": "a", "type": "complete"}
    assert error["type"] == "error"
    assert error["payload"]["extensions"]["code"] == "JOB_NOT_FOUND"
    assert client.end_code() == 1000


def test_queries_run_over_a_socket_and_pings_are_answered(talk: Callable[..., Talk]) -> None:
    client = talk()
    client.start('{ task(id: "echo") { name } }')

    result, complete = client.hear(), client.hear()
    client.say("ping")

    assert result["payload"] == {"data": {"task": {"name": "echo"}}}
    assert complete == {"id": "1", "type": "complete"}
    assert client.hear() == {"type": "pong"}


def test_the_id_of_a_subscription_that_is_stopped_can_be_used_again(
    site: Site, talk: Callable[..., Talk], gate: Path
) -> None:
    job = site.execute("gated", {"gate": str(gate)})
    client = talk()
    client.start(UPDATES, job=job)
    client.hear()

    client.say("complete", id="1")
    client.subscribe('{ task(id: "echo") { name } }')

    messages = [client.hear()]
    while messages[-1]["type"] != "complete":
        messages.append(client.hear())
    assert messages[-2]["payload"] == {"data": {"task": {"name": "echo"}}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{ handlers }"}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "odd"}], 4400),
        ([{"no": "type"}], 4400),
        (["{"], 4400),
        (
            [
                {"type": "connection_init"},
                *(
                    {
                        "type": "subscribe",
                        "id": "1",
                        "payload": {"query": "subscription { runEvents { name } }"},
                    }
                    for _ in range(2)
                ),
            ],
            4409,
        ),
    ],
)
def test_a_client_that_breaks_the_protocol_is_sent_away(
    talk: Callable[..., Talk], messages: list[Any], code: int
) -> None:
    client = talk()
    for message in messages:
        client.channel.send(message if isinstance(message, str) else json.dumps(message))

    assert client.end_code() == code


def handshake(site: Site, protocol: str, origin: str) -> bytes:
    """Ask for a WebSocket and return what comes until the server pauses or hangs up."""
    host = site.base.removeprefix("http://")
    address, port = host.split(":")
    head = (
        f"GET /graphql HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\nOrigin: {origin}\r\n\r\n"
    )
    with socket.create_connection((address, int(port)), timeout=20) as raw:
        raw.sendall(head.encode())
        answer = raw.recv(4096)
        raw.settimeout(3)
        while b"101 " in answer and (part := _more(raw)):
            answer += part
    return answer


def _more(raw: socket.socket) -> bytes:
    try:
        return raw.recv(4096)
    except TimeoutError:
        return b""


def test_an_unknown_subprotocol_is_refused(site: Site) -> None:
    answer = handshake(site, "odd-protocol", site.base)

    assert (4406).to_bytes(2, "big") + b"Subprotocol not acceptable" in answer


def test_a_foreign_page_gets_no_socket(site: Site) -> None:
    foreign = handshake(site, "graphql-transport-ws", "https://evil.example")
    own = handshake(site, "graphql-transport-ws", site.base)

    assert foreign.startswith(b"HTTP/1.1 403 ")
    assert own.startswith(b"HTTP/1.1 101 ")


def test_a_reader_that_does_not_read_holds_up_nobody(site: Site, talk: Callable[..., Talk]) -> None:
    slow = talk()
    slow.start(EVENTS, after="0")
    quick = talk()
    quick.start(EVENTS)
    quick.be_heard()
    job = site.execute("echo", {"text": "x" * 100_000})

    def completed() -> bool:
        event = quick.hear()["payload"]["data"]["runEvents"]
        found: bool = event["job_id"] == job and event["name"] == "run.completed"
        return found

    wait_for(completed, "the event to reach the quick reader")


def test_the_server_ends_soon_though_somebody_listens(new_site: Callable[..., Site]) -> None:
    site = new_site()
    client = Talk(site.socket_url)
    client.start(EVENTS)
    answer = stream(site.base, EVENTS)
    site.server.terminate()

    code = client.end_code()

    assert answer.status_code == 200
    assert code == 1012
    assert [name for name, _ in events_of(answer)] == []
    assert site.server.wait(25) == 0


def test_lines_of_a_step_come_while_it_runs_until_its_job_has_ended(
    site: Site, talk: Callable[..., Talk], gate: Path
) -> None:
    job = site.execute("talking", {"gate": str(gate), "word": "graphql"})
    client = talk()
    client.start(LINES, job=job)
    early = [client.hear()["payload"]["data"]["jobLogs"] for _ in range(2)]
    assert site.status(job) == "running"
    gate.touch()

    lines = [*early, *client.results("jobLogs")]

    assert [(line["level"], line["attempt"], line["message"]) for line in lines] == [
        ("info", 1, "working on graphql"),
        ("warning", 1, "password=******** for graphql"),
        ("error", 1, "done with graphql"),
    ]
    assert site.status(job) == "completed"
    again = talk()
    again.start(LINES, job=job, after=early[1]["cursor"])
    assert again.results("jobLogs") == lines[2:]
