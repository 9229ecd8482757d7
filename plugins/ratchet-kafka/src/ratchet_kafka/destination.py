"""Outputs become messages of a topic, each delivered once all in-sync replicas have it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from confluent_kafka import KafkaError, KafkaException

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    option_check,
)
from ratchet_kafka import client
from ratchet_kafka import options as check
from ratchet_kafka.outlet import Headers, Outlet

_CHECKS: Final[Mapping[str, option_check.Check]] = {
    "bootstrap_servers": check.servers,
    "topic": check.topic_template,
    "key": option_check.text,
    "headers": check.headers,
    "client": client.check,
    "delivery_timeout_seconds": option_check.number(1, 300),
    "max_message_bytes": option_check.integer(1_000, 1_000_000_000),
    "timeout_seconds": option_check.number(1, 3_600),
    "retry_policy": option_check.anything,
    "secret": option_check.text,
}
DELIVERY_TIMEOUT_S: Final = 20.0
MAX_MESSAGE_BYTES: Final = 1_000_000
_TOO_LARGE: Final = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.RECORD_LIST_TOO_LARGE,
}
_UNKNOWN_TOPIC: Final = {KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART}  # noqa: SLF001
_FORBIDDEN: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_TIMED_OUT: Final = {KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT}  # noqa: SLF001
#: Left of an attempt's time for telling how it went, in seconds.
_SPARE_S: Final = 0.5


class KafkaDestination(OutputDestination):
    """A message per output: its value is the output as JSON.

    Headers `x-ratchet-delivery` (the same for all attempts), `-run`, `-task` and `-state` come with
    those that are configured.
    """

    name = "kafka"
    secret_options: ClassVar[Sequence[str]] = ("client", "secret")
    named_by_runs: ClassVar[bool] = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outlets: dict[str, Outlet] = {}

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        return option_check.problems(options, _CHECKS, ("bootstrap_servers", "topic"))

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Send one output, and wait for the brokers to acknowledge it."""
        options = delivery.options
        topic = str(delivery.render(options["topic"]))
        if not check.is_topic(topic):
            return _refused("KAFKA_TOPIC_INVALID", f"no topic can be called '{topic[:249]}'")
        key = delivery.render(options["key"]) if options.get("key") is not None else None
        headers = _headers(delivery)
        try:
            outlet = self._outlet(options)
            receipt = outlet.send(topic, key, delivery.body, headers)
        except BufferError:
            return DeliveryFailed(message="too much waits to be sent", code="KAFKA_UNAVAILABLE")
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            return _failure(reason, topic, options, len(delivery.body))
        if not receipt.wait(max(0.0, delivery.remaining_s - _SPARE_S)):
            return _silence(outlet, options, "in the time of the attempt")
        if receipt.error is not None:
            if receipt.error.fatal() or outlet.is_broken:
                self._drop(outlet)
            if receipt.error.code() in _TIMED_OUT:
                return _silence(outlet, options, f"within {_delivery_timeout_s(options):g} s")
            return _failure(receipt.error, topic, options, len(delivery.body))
        place = {"topic": topic, "partition": receipt.partition, "offset": receipt.offset}
        return Delivered(details=place)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            outlets, self._outlets = list(self._outlets.values()), {}
        for outlet in outlets:
            outlet.close(timeout_s=1.0)

    def _outlet(self, options: Mapping[str, Any]) -> Outlet:
        """Return the client for these options; destinations that agree in them share one."""
        timeout_s = _delivery_timeout_s(options)
        most = int(options.get("max_message_bytes", MAX_MESSAGE_BYTES))
        shared = [client.properties(options), timeout_s, most]
        name = json.dumps(shared, sort_keys=True)
        with self._lock:
            if name not in self._outlets:
                self._outlets[name] = Outlet(options, timeout_s, most)
            return self._outlets[name]

    def _drop(self, outlet: Outlet) -> None:
        """Forget a client that can send nothing more: the next attempt makes another."""
        with self._lock:
            self._outlets = {key: one for key, one in self._outlets.items() if one is not outlet}
        outlet.close(timeout_s=0.0)


def _delivery_timeout_s(options: Mapping[str, Any]) -> float:
    return float(options.get("delivery_timeout_seconds", DELIVERY_TIMEOUT_S))


def _headers(delivery: DeliveryView) -> Headers:
    given: Mapping[str, str] = delivery.render(dict(delivery.options.get("headers") or {}))
    own = {
        "content-type": "application/json",
        "x-ratchet-delivery": delivery.id,
        "x-ratchet-run": delivery.run.id,
        "x-ratchet-task": delivery.run.task_id,
        "x-ratchet-state": delivery.state,
    }
    return [(key, str(value)) for key, value in {**own, **given}.items()]


def _refused(code: str, message: str) -> DeliveryFailed:
    return DeliveryFailed(message=message, code=code, retryable=False)


def _silence(outlet: Outlet, options: Mapping[str, Any], when: str) -> DeliveryFailed:
    """Return the failure of what nobody acknowledged; it may have arrived all the same."""
    last = outlet.last_error()
    message = f"Kafka at {options['bootstrap_servers']} did not acknowledge it {when}"
    return DeliveryFailed(
        message=f"{message}; last error: {last}" if last else message, code="KAFKA_UNAVAILABLE"
    )


def _failure(
    error: KafkaError, topic: str, options: Mapping[str, Any], size_bytes: int
) -> DeliveryFailed:
    code = error.code()
    servers = options["bootstrap_servers"]
    if code in _TOO_LARGE:
        most = options.get("max_message_bytes", MAX_MESSAGE_BYTES)
        return _refused(
            "KAFKA_MESSAGE_TOO_LARGE",
            f"the output has {size_bytes} bytes; 'max_message_bytes' of the destination is {most},"
            f" and the topic '{topic}' may take less",
        )
    if code in _UNKNOWN_TOPIC:
        return DeliveryFailed(
            message=f"Kafka at {servers} has no topic '{topic}'; create it, or mend 'topic'",
            code="KAFKA_TOPIC_UNKNOWN",
        )
    said = client.masked(error.str() or error.name(), options)
    if code == KafkaError.TOPIC_EXCEPTION:
        return _refused("KAFKA_TOPIC_INVALID", f"Kafka at {servers} refuses '{topic}': {said}")
    if code in _FORBIDDEN:
        return _refused("KAFKA_FORBIDDEN", f"Kafka at {servers} forbids it: {said}")
    if code == KafkaError._INVALID_ARG:  # noqa: SLF001 - the library's name for it
        return _refused("KAFKA_CONFIGURATION", f"client: {said}")
    return DeliveryFailed(message=f"Kafka at {servers}: {said}", code="KAFKA_FAILED")
