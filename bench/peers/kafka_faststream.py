"""FastStream (confluent): stores a row per message in the database that Ratchet stores runs in.

    kafka_faststream.py SERVERS TOPIC DATABASE single|batch

`DATABASE` is the path of an SQLite file or the URL of a PostgreSQL database. An offset is committed
after the transaction of its message or batch, as Ratchet does.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Callable, Sequence

import psycopg
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker

_INSERT = "INSERT INTO kafka_peer VALUES ({0}, {0})"
#: Most messages of a batch, as Ratchet's `batch` is by default.
_BATCH = 500


def storing(database: str) -> Callable[[Sequence[dict[str, int]]], None]:
    """Return what stores messages in one durable transaction."""
    if database.startswith("postgresql:"):
        server = psycopg.connect(database, autocommit=True)

        def store(messages: Sequence[dict[str, int]]) -> None:
            with server.transaction(), server.cursor() as cursor:
                cursor.executemany(_INSERT.format("%s"), _rows(messages))

        return store
    file = sqlite3.connect(database, timeout=10, isolation_level=None)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = FULL")

    def store_in_file(messages: Sequence[dict[str, int]]) -> None:
        file.execute("BEGIN IMMEDIATE")
        file.executemany(_INSERT.format("?"), _rows(messages))
        file.execute("COMMIT")

    return store_in_file


def _rows(messages: Sequence[dict[str, int]]) -> list[tuple[int, str]]:
    return [(message["n"], json.dumps(message)) for message in messages]


async def main(servers: str, topic: str, database: str, mode: str) -> None:
    """Read until the process is ended."""
    store = storing(database)
    # the topic is there; two lines of log per message would slow it down
    broker = KafkaBroker(servers, allow_auto_create_topics=False, logger=None)
    common = {
        "group_id": f"faststream-{mode}",
        "auto_offset_reset": "earliest",
        "ack_policy": AckPolicy.ACK,
    }

    if mode == "batch":

        @broker.subscriber(topic, batch=True, max_records=_BATCH, **common)
        async def many(messages: list[dict[str, int]]) -> None:
            store(messages)

    else:

        @broker.subscriber(topic, **common)
        async def one(message: dict[str, int]) -> None:
            store([message])

    await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
