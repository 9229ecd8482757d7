"""Rows of webhooks: how fast outputs of ended runs reach a server, beside a bare loop of httpx.

The receiver is a server in a process of its own, which notes when each request arrived. Ratchet's
deliverer is that of `ratchet worker`; the loop posts the same body to the same receiver.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import orjson

from ratchet_core.cli.bench.figure import Figure, at_percentile, measured, unmeasured
from ratchet_core.cli.bench.filling import fill
from ratchet_core.cli.bench.peer import PEERS_VARIABLE, Peers
from ratchet_core.cli.bench.process import await_address, started
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.receiver import WAIT_S
from ratchet_core.cli.bench.site import RunsFailed, Site, request_for
from ratchet_core.cli.bench.workload import ORDER

RATE: Final = "webhook deliveries"
#: Deliveries at a moderate pace.
PACE: Final = 20
P99: Final = f"webhook delivery at {PACE} a second, p99"
_SCRIPT: Final = "webhooks_httpx.py"
#: Of Standard Webhooks: deliveries are signed, and bear the id that the receiver notes.
_KEY: Final = f"whsec_{base64.b64encode(b'the key of ratchet bench').decode()}"
_ALLOW: Final = "RATCHET_EGRESS_ALLOW"
_READ: Final = "SELECT result FROM runs WHERE id = '{}'"
#: Copies share the first 24 characters of their template's id, see `filling`.
_OFFER: Final = (
    "UPDATE runs SET outbox = 1, output_destinations = "
    "(SELECT output_destinations FROM runs WHERE id = '{pattern}') "
    "WHERE substr(id, 1, 24) = substr('{template}', 1, 24)"
)
_ENDS: Final = (
    "SELECT deliveries.id, runs.completed_at FROM deliveries "
    "JOIN runs ON runs.id = deliveries.run_id WHERE runs.id IN ({})"
)


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Where webhooks go."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    def arrivals(self, count: int, size_bytes: int) -> dict[str, float]:
        """Wait for so many; return the id of each and its time, in seconds since 1970.

        Raises:
            RunsFailed: fewer came, one came twice, or with another body.
        """
        connection = HTTPConnection(self.host, self.port, timeout=WAIT_S + 30)
        with contextlib.closing(connection):
            connection.request("GET", f"/?count={count}")
            came = orjson.loads(connection.getresponse().read())
        found = {name: at for name, at, size in came if size == size_bytes}
        if len(came) != count or len(found) != count:
            text = f"{len(came)} webhooks arrived, {len(found)} of them as they should, of {count}"
            raise RunsFailed(f"{text}; see worker.log")
        return found


def deliveries(site: Site, _bounds: Bounds) -> Iterator[Figure]:
    """Measure the deliverer: many runs that have ended already, then one end at a time.

    The workers are started anew before, so that they may reach the receiver, and afterwards.
    """
    body = _body(site)
    slots = site.runtime.settings.output.max_concurrent_deliveries
    plain = Figure(name=RATE, database=site.database, note=f"{slots} at a time, signed, stored")
    with _received(site, "ratchet") as receiver, _reaching(site, receiver):
        pattern = _submit(site, receiver)
        receiver.arrivals(1, len(body))  # warms up
        rates = [_burst(site, receiver, pattern, body) for _ in range(site.plan.repetitions)]
        yield measured(rates, replace(plain, unit="deliveries/s", size=site.plan.deliveries))
        samples = _paced(site, receiver, len(body))
        note = "from the run's `completed_at`, by the database's clock, to the arrival"
        yield at_percentile(samples, 99, replace(plain, name=P99, unit="ms", size=1, note=note))


def delivery_peers(found: Peers, site: Site) -> Iterator[Figure]:
    """Measure the bare loop: over one connection, and with as many threads as the deliverer."""
    slots = site.runtime.settings.output.max_concurrent_deliveries
    note = "a bare loop: unsigned, sent once, nothing stored"
    plain = Figure(name=RATE, system="httpx", unit="deliveries/s", note=note)
    python, script = found.python, found.scripts / _SCRIPT
    if python is None or not Path(python).exists():
        reason = f"{PEERS_VARIABLE} names no interpreter; `make bench` makes one and sets it"
        yield unmeasured(plain, reason)
        return
    body, path = _body(site), site.folder / "order.json"
    path.write_bytes(body)
    count = site.plan.deliveries
    with _received(site, "httpx") as receiver:
        command = [python, str(script), receiver.url, str(path)]
        for threads in (1, slots):
            rates = []
            for _ in range(site.plan.repetitions):
                _post(command, threads, count, 0.0)
                rates.append(_rate(receiver.arrivals(count, len(body))))
            system = f"httpx, {threads} kept connection{'s' * (threads > 1)}"
            yield measured(rates, replace(plain, system=system, size=count))
        began = _post(command, 1, site.plan.paced_deliveries, 1 / PACE)
        came = receiver.arrivals(len(began), len(body))
        samples = [(came[name] - at) * 1e3 for name, at in began.items()]
        system, note = "httpx, 1 kept connection", f"from the call to the arrival; {note}"
        paced = replace(plain, name=P99, system=system, unit="ms", size=1, note=note)
        yield at_percentile(samples, 99, paced)


@contextlib.contextmanager
def _received(site: Site, purpose: str) -> Iterator[_Receiver]:
    """Start a receiver; end it at the end."""
    log = site.folder / f"receiver-{purpose}.log"
    command = [sys.executable, "-m", "ratchet_core.cli.bench.receiver"]
    with started(command, log=log, env=site.environ, folder=site.folder) as process:
        yield _Receiver(*await_address(process, log, "the receiver of webhooks"))


@contextlib.contextmanager
def _reaching(site: Site, receiver: _Receiver) -> Iterator[None]:
    """Have workers that may reach the receiver, and afterwards those that may not."""
    site.stop_workers()
    site.environ[_ALLOW] = f"{receiver.host}:{receiver.port}"
    try:
        site.start_workers()
        yield
    finally:
        site.stop_workers()
        del site.environ[_ALLOW]
        site.start_workers()


def _submit(site: Site, receiver: _Receiver) -> str:
    """Submit a run whose output goes to the receiver; return its id."""
    destination = {"type": "webhook", "url": receiver.url, "secret": _KEY}
    request = replace(request_for(ORDER), output_destinations=(destination,))
    return site.runtime.engine.submit(request).run.id


def _body(site: Site) -> bytes:
    """Return what a run of ORDER results in, as it is sent."""
    run_id = site.submit(ORDER)
    site.await_run(run_id)
    with site.runtime.database.read() as tx:
        result: Any = tx.exec_driver_sql(_READ.format(run_id)).scalar_one()
    return str(result).encode()


def _burst(site: Site, receiver: _Receiver, pattern: str, body: bytes) -> float:
    """Offer many ended runs at once; return deliveries per second."""
    template, count = site.submit(ORDER), site.plan.deliveries
    site.await_run(template)
    fill(site, template, count)
    with site.runtime.database.write() as tx:
        tx.exec_driver_sql(_OFFER.format(pattern=pattern, template=template))
    return _rate(receiver.arrivals(count, len(body)))


def _paced(site: Site, receiver: _Receiver, size_bytes: int) -> list[float]:
    """Let runs end one after the other; return milliseconds from each end to its arrival."""
    ids, due = [], time.monotonic()
    for _ in range(site.plan.paced_deliveries):
        due += 1 / PACE
        time.sleep(max(0.0, due - time.monotonic()))
        ids.append(_submit(site, receiver))
    came = receiver.arrivals(len(ids), size_bytes)
    with site.runtime.database.read() as tx:
        rows = tx.exec_driver_sql(_ENDS.format(", ".join(f"'{run_id}'" for run_id in ids)))
        ends = {str(row[0]): int(row[1]) for row in rows}
    return [came[name] * 1e3 - end_us / 1e3 for name, end_us in ends.items()]


def _post(command: list[str], threads: int, count: int, gap_s: float) -> Mapping[str, float]:
    """Let the loop post; return the id of each and when its call began."""
    ended = subprocess.run(  # noqa: S603 - a command of ours
        [*command, str(threads), str(count), str(gap_s)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    if ended.returncode:
        raise RunsFailed(f"the loop of httpx failed: {ended.stderr.strip()[-300:]}")
    began: dict[str, float] = orjson.loads(ended.stdout)
    return began


def _rate(came: Mapping[str, float]) -> float:
    """Return arrivals per second from the first to the last."""
    return (len(came) - 1) / (max(came.values()) - min(came.values()))
