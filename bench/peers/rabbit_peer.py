"""Run by `ratchet bench` in an environment that has what it imports: `python rabbit_peer.py WHAT`.

`fill COUNT` puts messages on a queue, `fill-celery COUNT` what Celery takes for jobs; `celery` and
`faststream` consume until they are ended, and store a row of each in one commit of its own before
it is acknowledged. `prepare` makes the table. Each part runs where only its own packages are.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import uuid
from typing import Any

URL = os.environ["BENCH_RABBITMQ_URL"]
QUEUE = os.environ["BENCH_QUEUE"]
DATABASE = os.environ.get("BENCH_DATABASE", "")
WORKERS = int(os.environ.get("BENCH_WORKERS", "2"))
#: Most messages that are taken and not acknowledged; the same for everybody.
PREFETCH = 1000
#: Connections of FastStream to the database, each used by one message at a time.
CONNECTIONS = 4
INSERT = "INSERT INTO bench_messages (id, body) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING"


def fill(count: int) -> None:
    """Publish persistent messages with ids; closing waits until the broker has them all."""
    pika = importlib.import_module("pika")

    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
    for number in range(count):
        properties = pika.BasicProperties(
            message_id=uuid.uuid4().hex, content_type="application/json", delivery_mode=2
        )
        channel.basic_publish("", QUEUE, b'{"n": %d}' % number, properties)
    channel.close()
    connection.close()


def drop() -> None:
    """Delete the queue."""
    pika = importlib.import_module("pika")

    connection = pika.BlockingConnection(pika.URLParameters(URL))
    connection.channel().queue_delete(QUEUE)
    connection.close()


def prepare() -> None:
    """Make the table anew."""
    psycopg = importlib.import_module("psycopg")

    with psycopg.connect(DATABASE, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_messages")
        connection.execute("CREATE TABLE bench_messages (id text PRIMARY KEY, body jsonb)")


def celery_app() -> tuple[Any, Any]:
    """Return Celery's application and its one job."""
    psycopg = importlib.import_module("psycopg")
    celery_package = importlib.import_module("celery")
    kombu = importlib.import_module("kombu")

    app = celery_package.Celery("bench", broker=URL)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        task_default_queue=QUEUE,
        task_queues=[kombu.Queue(QUEUE, durable=True)],
        worker_prefetch_multiplier=PREFETCH // WORKERS,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    kept: dict[int, Any] = {}

    @app.task(name="store", bind=True)
    def store(self: Any, number: int) -> None:
        own = os.getpid()
        if own not in kept:
            kept[own] = psycopg.connect(DATABASE, autocommit=True)
        kept[own].execute(INSERT, (self.request.id, f'{{"n": {number}}}'))

    return app, store


def fill_celery(count: int) -> None:
    """Send jobs."""
    _, store = celery_app()
    for number in range(count):
        store.delay(number)


def celery() -> None:
    """Work as Celery does: prefork, acknowledged late."""
    app, _ = celery_app()
    options = ["-P", "prefork", "-c", str(WORKERS), "-l", "WARNING", "--without-gossip"]
    app.worker_main(["worker", *options, "--without-mingle", "-Q", QUEUE])


def faststream() -> None:
    """Consume as FastStream does: one process, acknowledged after the handler has returned."""
    psycopg = importlib.import_module("psycopg")
    package = importlib.import_module("faststream")
    rabbit = importlib.import_module("faststream.rabbit")
    message_type = importlib.import_module("faststream.rabbit.annotations").RabbitMessage

    broker = rabbit.RabbitBroker(
        URL, default_channel=rabbit.Channel(prefetch_count=PREFETCH), logger=None
    )
    free: asyncio.Queue[Any] = asyncio.Queue()

    async def handle(body: dict[str, int], message: Any) -> None:
        connection = await free.get()
        try:
            await connection.execute(INSERT, (message.message_id, json.dumps(body)))
        finally:
            free.put_nowait(connection)

    handle.__annotations__ = {"body": dict[str, int], "message": message_type, "return": None}
    subscriber = broker.subscriber(
        rabbit.RabbitQueue(QUEUE, durable=True), ack_policy=package.AckPolicy.NACK_ON_ERROR
    )
    subscriber(handle)

    async def work() -> None:
        for _ in range(CONNECTIONS):
            made = await psycopg.AsyncConnection.connect(DATABASE, autocommit=True)
            free.put_nowait(made)
        await package.FastStream(broker).run()

    asyncio.run(work())


def main() -> None:
    """Do what is asked for."""
    what = {
        "prepare": prepare,
        "drop": drop,
        "celery": celery,
        "faststream": faststream,
        "fill": lambda: fill(int(sys.argv[2])),
        "fill-celery": lambda: fill_celery(int(sys.argv[2])),
    }
    what[sys.argv[1]]()


if __name__ == "__main__":
    main()
