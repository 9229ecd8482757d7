"""From the brokers through `ratchet up` and back to the brokers: the seed's script, and outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.kafka_broker import KafkaBroker
from tests.processes import Running, ratchet_up
from tests.waiting import wait_for

pytestmark = pytest.mark.server  # all on one cluster

EXAMPLES = Path(__file__).resolve().parents[3] / "contrib" / "examples"
TOPICS = ("user-events", "order-events", "gossip")
CONFIGURATION = """\
input:
  sources:
    - name: events
      type: kafka
      workflow: kafka-event-processor
      ack: result
      options:
        bootstrap_servers: "{servers}"
        group_id: processors
        topics: [user-events, order-events, gossip]
        dead_letter_topic: refused
        session_timeout_seconds: 3
        max_poll_interval_seconds: 5
output:
  global_destinations:
    - name: results
      destination:
        type: kafka
        bootstrap_servers: "{servers}"
        topic: results
        key: "{{{{task_name}}}}"
        delivery_timeout_seconds: 2
  default_retry_policy:
    max_attempts: 4
    initial_delay_ms: 50
    max_delay_ms: 200
"""
LOST = """\
name: lost
output_destinations:
  - name: lost
    destination:
      type: kafka
      bootstrap_servers: "{servers}"
      topic: lost
      delivery_timeout_seconds: 1
      retry_policy: {{max_attempts: 2, initial_delay_ms: 50}}
step_templates:
  - name: step
    handler_class: javascript
    handler_config: {{script: step.js}}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaBroker]:
    broker = KafkaBroker()
    for topic in (*TOPICS, "refused", "results", "lost"):
        broker.order("topic", topic, 2)
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def up(cluster: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a `ratchet up` that reads events and delivers every output."""
    folder = tmp_path_factory.mktemp("whole-way")
    definitions = folder / "definitions"
    definitions.mkdir()
    name = "kafka-event-processor"
    shutil.copytree(EXAMPLES / name, definitions / name)
    for script in ("echo.js", "step.js"):
        (definitions / script).write_text("(input) => input", encoding="utf-8")
    text = LOST.format(servers=cluster.servers)
    (definitions / "lost.yaml").write_text(text, encoding="utf-8")
    config = folder / "ratchet.yaml"
    config.write_text(CONFIGURATION.format(servers=cluster.servers), encoding="utf-8")
    variables = {
        "RATCHET_CONFIG": str(config),
        "RATCHET_PATH": str(definitions),
        "RATCHET_WORKER_COUNT": "1",
    }
    with ratchet_up(folder / "up", **variables) as started:
        yield started


def get(up: Running, path: str) -> Any:
    answer = requests.get(f"{up.base}{path}", timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def execute(up: Running, task: str, value: Any) -> str:
    url = f"{up.base}/api/v1/tasks/{task}/execute?wait=20"
    answer = requests.post(url, json={"input": value}, timeout=30)
    assert answer.status_code == 200, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def delivery(up: Running, job_id: str, destination: str) -> dict[str, Any]:
    """Return the delivery of a job to a destination, once it is there."""

    def look() -> dict[str, Any] | None:
        found = get(up, f"/api/v1/deliveries?job_id={job_id}")["items"]
        return next((item for item in found if item["destination"] == destination), None)

    return wait_for(look, f"the delivery to {destination}")


def jobs(up: Running) -> dict[str, dict[str, Any]]:
    """Return the jobs that messages made, by their topic."""
    found = get(up, "/api/v1/jobs?limit=1000")["items"]
    return {
        job["input"]["kafka_event"]["topic"]: job for job in found if "kafka_event" in job["input"]
    }


def all_ended(up: Running) -> dict[str, dict[str, Any]] | None:
    """Return the jobs of all topics, once they have ended."""
    found = jobs(up)
    is_over = all(job["status"] in {"completed", "failed"} for job in found.values())
    return found if is_over and found.keys() == set(TOPICS) else None


def test_ratchet_083_the_seeds_script_runs_from_the_brokers_to_acknowledgement(
    up: Running, cluster: KafkaBroker
) -> None:
    user = {"type": "renamed", "user_id": 7, "name": "Ann"}
    cluster.write("user-events", 1, key="7", value=json.dumps(user), headers={"trace": "t-1"})
    cluster.write("order-events", 1, value=json.dumps({"order_id": 9, "state": "paid"}))
    cluster.write("gossip", 1, key="who", value="no { json")

    ended = wait_for(lambda: all_ended(up), "the jobs of all topics to end")

    event = ended["user-events"]["input"]["kafka_event"]
    assert event.pop("partition") in (0, 1)
    assert event == {
        "topic": "user-events",
        "offset": 0,
        "key": "7",
        "value": user,
        "headers": {"trace": "t-1"},
    }
    assert ended["order-events"]["status"] == "completed"
    gossip = get(up, f"/api/v1/jobs/{ended['gossip']['id']}")
    assert gossip["status"] == "failed"
    assert "Unknown topic: gossip" in str(gossip)

    # the outputs are in their topic, what failed is in that of refused messages
    outputs = [json.loads(message.value()) for message in cluster.read("results", 2)]
    assert sorted(output["entity"] for output in outputs) == ["order", "user"]
    [refused] = cluster.read("refused", 1)
    assert (refused.key(), refused.value()) == (b"who", b"no { json")
    assert b"did not complete" in dict(refused.headers())["x-ratchet-reason"]
    wait_for(
        lambda: [cluster.committed("processors", topic) for topic in TOPICS] == [1, 1, 1],
        "all messages to be committed",
    )


def test_ratchet_080_an_output_is_tried_again_until_silent_brokers_answer(
    up: Running, cluster: KafkaBroker
) -> None:
    before = execute(up, "echo", {"n": 1})
    wait_for(lambda: delivery(up, before, "results")["status"] == "delivered", "the first output")
    cluster.freeze()
    try:
        job_id = execute(up, "echo", {"n": 2})
        wait_for(lambda: delivery(up, job_id, "results")["attempts"] >= 2, "an attempt to fail")
    finally:
        cluster.thaw()
    wait_for(lambda: delivery(up, job_id, "results")["status"] == "delivered", "the output")

    found = delivery(up, job_id, "results")
    attempts = get(up, f"/api/v1/deliveries/{found['id']}")["attempt_list"]
    assert len(attempts) >= 2
    assert attempts[-1]["details"]["topic"] == "results"
    assert get(up, f"/api/v1/jobs/{job_id}")["status"] == "completed"
    ids = [dict(one.headers())["x-ratchet-delivery"].decode() for one in cluster.read("results", 4)]
    assert found["id"] in ids  # once or twice: the brokers may have taken what they did not answer


def test_ratchet_080_what_never_arrives_is_kept_and_delivered_on_demand(
    up: Running, cluster: KafkaBroker
) -> None:
    cluster.order("unknown", "lost")
    job_id = execute(up, "lost", {"n": 3})
    wait_for(
        lambda: delivery(up, job_id, "lost")["status"] == "failed", "the output to be given up"
    )
    found = delivery(up, job_id, "lost")
    assert found["attempts"] == 2
    assert "has no topic 'lost'" in found["error"]["message"]

    cluster.order("known", "lost")
    url = f"{up.base}/api/v1/deliveries/{found['id']}/redeliver"
    assert requests.post(url, timeout=10).ok
    wait_for(lambda: delivery(up, job_id, "lost")["status"] == "delivered", "the output")
    [message] = cluster.read("lost", 1)
    assert dict(message.headers())["x-ratchet-run"].decode() == job_id
