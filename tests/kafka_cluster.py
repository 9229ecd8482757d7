"""The process of a Kafka-protocol cluster: librdkafka's mock brokers, over real TCP.

It prints its address, obeys one order per line (see `_obey`) and ends with its standard input.
`tests.kafka_broker` starts and steers it.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from confluent_kafka import KafkaError, cimpl

_BROKERS: Final = 3


def main() -> None:
    """Run a cluster until standard input ends."""
    library = ctypes.CDLL(cimpl.__file__)  # finds what the client's library offers
    for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    reason = ctypes.create_string_buffer(512)
    configuration = _configuration(library)
    client = library.rd_kafka_new(0, ctypes.c_void_p(configuration), reason, len(reason))
    cluster = ctypes.c_void_p(
        library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), ctypes.c_int(_BROKERS))
    )
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, ctypes.c_int32(100))
    _say(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())
    for line in sys.stdin:
        _obey(library, cluster, line.split())
        _say("done")


def _configuration(library: ctypes.CDLL) -> int:
    """Return a configuration that says nothing but what is critical."""
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    made: int = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(ctypes.c_void_p(made), b"log_level", b"2", None, ctypes.c_size_t(0))
    return made


def _obey(library: ctypes.CDLL, cluster: ctypes.c_void_p, words: list[str]) -> None:
    match words:
        case ["topic", name, partitions]:
            library.rd_kafka_mock_topic_create(
                cluster, name.encode(), ctypes.c_int(int(partitions)), ctypes.c_int(_BROKERS)
            )
        case ["unknown", name]:
            library.rd_kafka_mock_topic_set_error(
                cluster, name.encode(), ctypes.c_int(KafkaError.UNKNOWN_TOPIC_OR_PART)
            )
        case ["known", name]:
            library.rd_kafka_mock_topic_set_error(cluster, name.encode(), ctypes.c_int(0))
        case ["down"]:
            for number in range(1, _BROKERS + 1):
                library.rd_kafka_mock_broker_set_down(cluster, ctypes.c_int32(number))
        case ["up"]:
            for number in range(1, _BROKERS + 1):
                library.rd_kafka_mock_broker_set_up(cluster, ctypes.c_int32(number))
        case _:
            raise ValueError(f"unknown order: {words}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
