"""Kafka messages to stored runs per second, beside FastStream storing rows in the same database.

Both read a topic of their own from the same brokers, which keep everything in memory: three of the
client library's, in a process of their own. Nothing works the runs off meanwhile. A reader has
joined its group, and stored a first message, before its topic is filled; the clock starts with the
first message that is written then and stops when the last is stored.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ratchet_core.cli.bench.figure import Figure, measured, unmeasured
from ratchet_core.cli.bench.peer import PEERS_VARIABLE, Peers
from ratchet_core.cli.bench.process import started, wait_until
from ratchet_core.cli.bench.site import RunsFailed, Site
from ratchet_core.cli.bench.workload import NAMESPACE, NOOP

_NAME: Final = "Kafka messages stored"
_SIDE: Final = "kafka_side.py"
_PEER: Final = "kafka_faststream.py"
_BROKERS: Final = re.compile(r"^brokers (\S+)$", re.MULTILINE)
_START_TIMEOUT_S: Final = 40.0
_STORE_TIMEOUT_S: Final = 120.0
_LOOK_S: Final = 0.02
#: Where the peer stores.
_TABLE: Final = "kafka_peer"
_CONFIGURATION: Final = """\
input:
  max_waiting_steps: 10000000
  sources:
    - name: bench
      type: kafka
      workflow: {workflow}
      options: {{bootstrap_servers: "{servers}", topics: [{topic}], group_id: ratchet}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Who reads a topic."""

    command: Sequence[str]
    topic: str
    log: Path
    stored: Callable[[], int]  #: how many of its messages are in the database


@dataclass(frozen=True, slots=True)
class _Brokers:
    """Where the brokers are, and the script that fills them."""

    servers: str
    script: Path


def kafka(found: Peers, site: Site) -> Iterator[Figure]:
    """Measure `ratchet ingest`, then the peer, on the same brokers and database.

    The workers are ended before and stay so: it is the last row of a site.
    """
    plain = Figure(
        name=_NAME, database=site.database, unit="messages/s", size=site.plan.topic_messages
    )
    if importlib.util.find_spec("ratchet_kafka") is None:
        yield unmeasured(plain, "the plugin ratchet-kafka is not installed")
        return
    script = found.scripts / _SIDE
    if not script.exists():
        yield unmeasured(plain, f"there is no {script}; it is part of the source tree")
        return
    site.stop_workers()
    log = site.folder / "kafka-brokers.log"
    command = [sys.executable, str(script), "brokers"]
    with started(command, log=log, env=site.environ, folder=site.folder):
        brokers = _Brokers(_address(log), script)
        yield measured(_rates(site, brokers, _ours(site, brokers)), plain)
        yield from _peers(found, site, brokers, plain)


def _peers(found: Peers, site: Site, brokers: _Brokers, plain: Figure) -> Iterator[Figure]:
    for mode in ("batch", "single"):
        of_peer = replace(plain, system=f"FastStream, {mode}", note="a row per message, no runs")
        if found.python is None or not Path(found.python).exists():
            reason = f"{PEERS_VARIABLE} names no interpreter; `make bench` makes one and sets it"
            yield unmeasured(of_peer, reason)
            continue
        reader = _peer(found.python, found.scripts / _PEER, mode, site, brokers)
        try:
            yield measured(_rates(site, brokers, reader), of_peer)
        except (RunsFailed, TimeoutError) as error:
            yield unmeasured(of_peer, str(error))


def _ours(site: Site, brokers: _Brokers) -> _Reader:
    topic = "bench-ratchet"
    configuration = _CONFIGURATION.format(
        workflow=f"{NAMESPACE}.{NOOP}", servers=brokers.servers, topic=topic
    )
    path = site.folder / "kafka.yaml"
    path.write_text(configuration, encoding="utf-8")
    return _Reader(
        command=[sys.executable, "-m", "ratchet_core.cli", "ingest", "--config", str(path)],
        topic=topic,
        log=site.folder / "kafka-ingest.log",
        stored=lambda: _rows(site, "runs"),
    )


def _peer(python: str, script: Path, mode: str, site: Site, brokers: _Brokers) -> _Reader:
    topic = f"bench-faststream-{mode}"
    url = site.runtime.database.engine.url
    is_file = url.get_backend_name() == "sqlite"
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    _make_table(site)
    return _Reader(
        command=[
            *(python, str(script), brokers.servers, topic),
            *(str(url.database) if is_file else address, mode),
        ],
        topic=topic,
        log=site.folder / f"kafka-faststream-{mode}.log",
        stored=lambda: _rows(site, _TABLE),
    )


def _make_table(site: Site) -> None:
    with site.runtime.database.write() as tx:
        tx.exec_driver_sql(f"DROP TABLE IF EXISTS {_TABLE}")
        tx.exec_driver_sql(f"CREATE TABLE {_TABLE} (n INTEGER NOT NULL, body TEXT NOT NULL)")


def _rows(site: Site, table: str) -> int:
    with site.runtime.database.read() as tx:
        found = tx.exec_driver_sql(f"SELECT count(*) FROM {table}")  # noqa: S608 - one of ours
        return int(found.scalar_one())


def _rates(site: Site, brokers: _Brokers, reader: _Reader) -> list[float]:
    """Return messages per second of each repetition."""
    command = list(reader.command)
    with started(command, log=reader.log, env=site.environ, folder=site.folder) as process:
        before = reader.stored()
        _fill(brokers, reader.topic, 1)

        def has_come_so_far() -> bool:
            return process.poll() is not None or reader.stored() > before

        wait_until(has_come_so_far, "a first message to be stored", _START_TIMEOUT_S)
        rates = []
        for _ in range(site.plan.repetitions):
            wanted = reader.stored() + site.plan.topic_messages
            began = _fill(brokers, reader.topic, site.plan.topic_messages)
            _await(reader, process, wanted)
            rates.append(site.plan.topic_messages / (time.monotonic() - began))
        return rates


def _await(reader: _Reader, process: subprocess.Popen[bytes], wanted: int) -> None:
    until = time.monotonic() + _STORE_TIMEOUT_S
    while (stored := reader.stored()) < wanted:
        if process.poll() is not None or time.monotonic() > until:
            raise RunsFailed(f"{stored} of {wanted} messages were stored; see {reader.log.name}")
        time.sleep(_LOOK_S)
    if stored > wanted:
        raise RunsFailed(f"{stored} rows of {wanted} messages: something was stored twice")


def _fill(brokers: _Brokers, topic: str, count: int) -> float:
    """Fill a topic; return when that began, on `time.monotonic()`."""
    command = [sys.executable, str(brokers.script), "fill", brokers.servers, topic, str(count)]
    ended = subprocess.run(  # noqa: S603 - a command of ours
        command, capture_output=True, text=True, timeout=_STORE_TIMEOUT_S, check=False
    )
    if ended.returncode:
        raise RunsFailed(f"the topic was not filled: {ended.stderr.strip()[-300:]}")
    return float(ended.stdout)


def _address(log: Path) -> str:
    def look() -> list[str]:
        return _BROKERS.findall(log.read_text(encoding="utf-8", errors="replace"))

    wait_until(look, "the brokers to start", _START_TIMEOUT_S)
    return look()[0]
