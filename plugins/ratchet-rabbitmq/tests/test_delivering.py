"""Outputs of real runs to brokers that are away, come back, and speak TLS."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from ratchet_core.sdk import Delivered, DeliveryFailed, DeliveryView, RunInfo
from ratchet_rabbitmq import RabbitDestination
from tests.processes import ratchet_up
from tests.rabbitmq import Broker, RabbitServer, new_server, private_rabbit
from tests.servers import free_port
from tests.waiting import wait_for

pytestmark = pytest.mark.server  # some start their own broker

CONFIGURATION = """\
output:
  global_destinations:
    - name: patient
      destination:
        type: rabbitmq
        url: "${{ORDERS_RABBITMQ_URL}}"
        queue: outputs
        declare: quorum
        retry_policy: {{max_attempts: 1000, initial_delay_ms: 200, max_delay_ms: 1000}}
    - name: hasty
      destination:
        type: rabbitmq
        url: "{other}"
        queue: outputs
        retry_policy: {{max_attempts: 2, initial_delay_ms: 50}}
"""


def statuses(base: str) -> dict[str, list[str]]:
    """Return the states of deliveries by their destination."""
    page = requests.get(f"{base}/api/v1/deliveries?limit=100", timeout=10).json()
    found: dict[str, list[str]] = {}
    for item in page["items"]:
        found.setdefault(item["destination"], []).append(item["status"])
    return found


@pytest.mark.timeout(240)
def test_outputs_wait_for_a_broker_that_is_away_and_are_dead_letters_after_the_last_attempt(
    tmp_path: Path, new_broker: Callable[[str], Broker]
) -> None:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "echo.js").write_text("(input) => input", encoding="utf-8")
    config = tmp_path / "ratchet.yaml"
    away = f"amqp://ada:hunter22@127.0.0.1:{free_port()}"
    config.write_text(CONFIGURATION.format(other=away), encoding="utf-8")
    with (
        new_server() as server,
        ratchet_up(
            tmp_path,
            RATCHET_CONFIG=str(config),
            RATCHET_PATH=str(definitions),
            ORDERS_RABBITMQ_URL=server.url,
        ) as up,
    ):
        for number in range(10):
            body = {"input": {"n": number}}
            requests.post(f"{up.base}/api/v1/tasks/echo/execute", json=body, timeout=10)
        # nothing listens there yet: all have been tried, and half is given up
        wait_for(lambda: statuses(up.base).get("hasty") == ["failed"] * 10, "the dead letters")
        assert "delivered" not in statuses(up.base)["patient"]
        server.start()
        wait_for(
            lambda: statuses(up.base)["patient"] == ["delivered"] * 10,
            "the outputs to be delivered",
            timeout_s=60,
        )
        broker = new_broker(server.url)
        found = {properties.message_id: body for properties, body in drained(broker, "outputs")}
        assert sorted(found.values()) == [b'{"n":%d}' % number for number in range(10)]
        page = requests.get(f"{up.base}/api/v1/deliveries?status=failed", timeout=10)
        assert "hunter22" not in page.text + up.text()
        assert server.url.partition("@")[0] not in page.text + up.text()


def drained(broker: Broker, queue: str) -> list[tuple[Any, bytes]]:
    return list(iter(lambda: broker.take(queue), None))


def view(options: dict[str, Any]) -> DeliveryView:
    return DeliveryView(
        id="0190-delivery",
        attempt=1,
        destination="d",
        options=options,
        run=RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
        state="completed",
        body=b"{}",
        variables={},
        created_at=dt.datetime.now(dt.UTC),
        deadline=time.monotonic() + 20,
    )


@pytest.mark.timeout(240)
def test_tls_with_certificates_of_both_sides(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "stranger", "key", "cert")}
    authority.cert_pem.write_to_path(files["ca"])
    stranger.cert_pem.write_to_path(files["stranger"])
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(files["key"])
    issued.cert_chain_pems[0].write_to_path(files["cert"])
    port = free_port()
    settings = f"""\
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {files["ca"]}
ssl_options.certfile = {files["cert"]}
ssl_options.keyfile = {files["key"]}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
"""
    mutual = {"cert_file": files["cert"], "key_file": files["key"]}
    shared = {"url": f"amqps://guest:guest@localhost:{port}", "queue": "q", "declare": "classic"}
    destination = RabbitDestination()
    with private_rabbit(settings):
        good = destination.deliver(view({**shared, **mutual, "ca_file": files["ca"]}))
        unknown = destination.deliver(view({**shared, **mutual, "ca_file": files["stranger"]}))
        alone = destination.deliver(view({**shared, "ca_file": files["ca"]}))
        absent = destination.deliver(view({**shared, "ca_file": str(tmp_path / "none.pem")}))
        destination.close()

    assert isinstance(good, Delivered)
    for outcome in (unknown, alone, absent):
        assert isinstance(outcome, DeliveryFailed)
        assert outcome.retryable
        assert "guest" not in outcome.message
    assert isinstance(unknown, DeliveryFailed)
    assert "CERTIFICATE_VERIFY_FAILED" in unknown.message
    assert isinstance(absent, DeliveryFailed)
    assert absent.code == "RABBITMQ_TLS"


def test_an_idle_connection_is_opened_again_after_its_loss(
    rabbit_server: RabbitServer, new_broker: Callable[[str], Broker]
) -> None:
    options = {"url": rabbit_server.url, "queue": "q", "declare": "classic"}
    destination = RabbitDestination()

    first = destination.deliver(view(options))
    rabbit_server.kill()
    between = destination.deliver(view(options))
    rabbit_server.start()
    last = destination.deliver(view(options))
    destination.close()

    assert isinstance(first, Delivered)
    assert isinstance(between, DeliveryFailed)
    assert between.code == "RABBITMQ_UNAVAILABLE"
    assert isinstance(last, Delivered)
    assert new_broker(rabbit_server.url).count("q") == 2
