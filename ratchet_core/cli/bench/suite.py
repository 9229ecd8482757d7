"""The whole bench, in order: bounds, Ratchet on each database, then the peers.

Nothing runs beside what is measured: each part starts its processes and ends them again.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ratchet_core.cli.bench.crowd import crowd, crowd_peers
from ratchet_core.cli.bench.delivering import deliveries, delivery_peers
from ratchet_core.cli.bench.figure import POSTGRESQL, SQLITE, Figure, unmeasured
from ratchet_core.cli.bench.firing import firing
from ratchet_core.cli.bench.graph import graphql, graphql_peers
from ratchet_core.cli.bench.hooking import hooks
from ratchet_core.cli.bench.idle import idle
from ratchet_core.cli.bench.kafka import kafka
from ratchet_core.cli.bench.latency import latency
from ratchet_core.cli.bench.listing import lists
from ratchet_core.cli.bench.load import load
from ratchet_core.cli.bench.memory import worker_memory
from ratchet_core.cli.bench.messages import rabbitmq
from ratchet_core.cli.bench.over_http import over_http
from ratchet_core.cli.bench.peer import Peers, peers
from ratchet_core.cli.bench.plan import LONG_SPACED, Plan
from ratchet_core.cli.bench.raw import Bounds, raw_disk, raw_postgresql, raw_sqlite
from ratchet_core.cli.bench.server import PostgresServer, postgres_server, private_redis
from ratchet_core.cli.bench.shape import chains, computing, fan_out, javascript
from ratchet_core.cli.bench.single import single
from ratchet_core.cli.bench.site import Site, opened
from ratchet_core.cli.bench.storing import log_lines, pruning
from ratchet_core.cli.bench.workload import install_plugin
from ratchet_core.errors import RatchetError

_Row = Callable[[Site, Bounds], Iterator[Figure]]

#: Groups of rows by name, in the order of measuring. `load` starts the workers anew.
ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        "latency": latency,
        "chain": chains,
        "javascript": javascript,
        "fibo": computing,
        "fan-out": fan_out,
        "single": single,
        "http": over_http,
        "crowd": crowd,
        "graphql": graphql,
        "memory": worker_memory,
        "load": load,
        "logs": log_lines,
        "deliveries": deliveries,
        "schedules": firing,
        "idle": idle,
        "prune": pruning,
        "lists": lists,
        "hooks": hooks,
    }
)
#: Come last: they leave runs that nobody works off.
BROKERS: Final = ("kafka", "rabbitmq")
PEERS: Final = "peers"
DATABASES: Final = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be measured."""

    plan: Plan  #: sizes
    groups: frozenset[str]  #: of ROWS, BROKERS and PEERS
    databases: frozenset[str]  #: of DATABASES
    peers: Peers  #: where the others are
    long: bool = False  #: gaps of 30 s too


class Suite:
    """Measures what is wished.

    Args:
        wish: what to measure.
        folder: for data and logs; empty.
        environ: of the caller.
        tell: called with each part that begins.
    """

    def __init__(
        self, wish: Wish, folder: Path, environ: Mapping[str, str], tell: Callable[[str], None]
    ) -> None:
        spaced = wish.plan.long_spaced or (LONG_SPACED if wish.long else 0)
        self._plan = dataclasses.replace(wish.plan, long_spaced=spaced)
        self._wish = wish
        self._folder = folder
        self._environ = environ
        self._tell = tell
        self._plugins = folder / "plugins"
        self.about: list[str] = []  # servers, hosting: what was met on the way

    def run(self) -> Iterator[Figure]:
        """Measure everything; each figure comes when it is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        install_plugin(self._plugins)
        with postgres_server(self._environ) as postgres:
            if isinstance(postgres, PostgresServer):
                self.about.append(postgres.about)
            if self._wish.groups & {*ROWS, *BROKERS}:
                yield from self._ratchet(postgres)
            if PEERS in self._wish.groups:
                self._tell("the peers, one after the other")
                yield from peers(
                    self._wish.peers, self._plan, postgres, self._folder / PEERS, self._environ
                )

    def _ratchet(self, postgres: PostgresServer | str) -> Iterator[Figure]:
        self._tell("the disk")
        yield raw_disk(self._folder, self._plan)
        if "sqlite" in self._wish.databases:
            self._tell("Ratchet on SQLite")
            bounds, figures = raw_sqlite(self._folder, self._plan)
            yield from figures
            url = f"sqlite:///{(self._folder / SQLITE / 'ratchet.db').absolute()}"
            yield from self._site(SQLITE, url, bounds)
        if "postgresql" in self._wish.databases:
            self._tell("Ratchet on PostgreSQL")
            if isinstance(postgres, str):
                yield unmeasured(Figure(name="all rows", database=POSTGRESQL), postgres)
                return
            with postgres.fresh_database() as url:
                bounds, figures = raw_postgresql(url, self._plan)
                yield from figures
                yield from self._site(POSTGRESQL, url, bounds)

    def _site(self, database: str, url: str, bounds: Bounds) -> Iterator[Figure]:
        with contextlib.ExitStack() as stack:
            try:
                redis_folder = self._folder / f"redis-{database}"
                redis_url = stack.enter_context(private_redis(redis_folder, self._environ))
                site = stack.enter_context(
                    opened(
                        self._folder / database,
                        database,
                        url,
                        redis_url,
                        self._plugins,
                        self._environ,
                        self._plan,
                    )
                )
            except (RatchetError, TimeoutError) as error:
                yield unmeasured(Figure(name="all rows", database=database), str(error))
                return
            site.tell = self._tell
            self.about.append(f"{database}: {site.hosting()}")
            for name, row in ROWS.items():
                if name in self._wish.groups:
                    self._tell(f"{name} on {database}")
                    yield from _guarded(name, row, site, bounds)
                others = self._others.get(name)
                if others is not None and name in self._wish.groups:
                    yield from _guarded(name, others, site, bounds)
            for name in BROKERS:
                if name in self._wish.groups:
                    self._tell(f"{name} on {database}")
                    yield from _guarded(name, self._brokers[name], site, bounds)

    @property
    def _others(self) -> Mapping[str, _Row]:
        """What does the same beside Ratchet, by the group of rows."""
        found = self._wish.peers
        return {
            "graphql": lambda site, _: graphql_peers(found, site),
            "crowd": lambda site, _: crowd_peers(found, site),
            "deliveries": lambda site, _: delivery_peers(found, site),
        }

    @property
    def _brokers(self) -> Mapping[str, _Row]:
        """What makes runs of messages, beside what others make of them."""
        found = self._wish.peers
        return {
            "kafka": lambda site, _: kafka(found, site),
            "rabbitmq": lambda site, _: rabbitmq(found, site, self._environ),
        }


def _guarded(name: str, row: _Row, site: Site, bounds: Bounds) -> Iterator[Figure]:
    """Measure a group; where it fails, the reason takes its place and the others go on."""
    try:
        yield from row(site, bounds)
    except (RatchetError, TimeoutError, OSError) as error:
        yield unmeasured(Figure(name=name, database=site.database), str(error))
