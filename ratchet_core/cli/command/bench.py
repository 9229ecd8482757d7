"""`ratchet bench`: measure Ratchet on this machine, and the peers beside it."""

from __future__ import annotations

import dataclasses
import math
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import click

from ratchet_core.cli.bench.figure import Figure
from ratchet_core.cli.bench.peer import PEERS_VARIABLE, Peers
from ratchet_core.cli.bench.plan import FULL, QUICK, TINY, Plan
from ratchet_core.cli.bench.report import document, line_of, show, to_standard_output, write
from ratchet_core.cli.bench.suite import BROKERS, DATABASES, PEERS, ROWS, Suite, Wish
from ratchet_core.cli.invocation import Invocation, command, pass_invocation

_SIZES: Final = {"quick": QUICK, "full": FULL, "tiny": TINY}
_GROUPS: Final = (*ROWS, *BROKERS, PEERS)


@command("bench")
@click.option("--quick", "size", flag_value="quick", default="quick", help="A few minutes.")
@click.option("--full", "size", flag_value="full", help="Large and often: half an hour.")
@click.option("--tiny", "size", flag_value="tiny", help="Prove that all rows run.", hidden=True)
@click.option("--long", is_flag=True, help="Latency after gaps of 30 s too: 5 minutes more each.")
@click.option("--set", "sizes", multiple=True, metavar="NAME=NUMBER", help="Another size.")
@click.option("--only", multiple=True, type=click.Choice(_GROUPS), help="Only these rows.")
@click.option("--database", multiple=True, type=click.Choice(DATABASES), help="Only on these.")
@click.option(
    "--peers",
    type=click.Path(path_type=Path),
    default=Path("bench/peers"),
    show_default=True,
    help="Folder of the scripts that measure other systems.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("bench-results"),
    show_default=True,
    help="Folder that gets the result as JSON, and the logs.",
)
@pass_invocation
def bench(  # noqa: PLR0913 - one argument per option
    invocation: Invocation,
    size: str,
    sizes: tuple[str, ...],
    only: tuple[str, ...],
    database: tuple[str, ...],
    peers: Path,
    out: Path,
    *,
    long: bool,
) -> None:
    """Measure runs per second, latency, chains, memory, beside the bounds and the peers.

    Uses servers and databases of its own. PostgreSQL: RATCHET_BENCH_POSTGRES_URL, else the server
    on 127.0.0.1:5432, else an embedded one. Let nothing else run meanwhile.
    """
    wish = Wish(
        plan=_resized(_SIZES[size], sizes),
        groups=frozenset(only or _GROUPS),
        databases=frozenset(database or DATABASES),
        peers=Peers(peers.absolute(), invocation.environ.get(PEERS_VARIABLE)),
        long=long,
    )
    signal.signal(signal.SIGTERM, _end)  # so that everything that was started is ended
    began_at, began = datetime.now(UTC), time.monotonic()
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="ratchet-bench-", dir=out) as folder:
        suite = Suite(wish, Path(folder) / "run", invocation.environ, _say(invocation))
        for figure in suite.run():
            figures.append(figure)
            invocation.output.note(f"    {line_of(figure)}")
        logs = out / f"{began_at:%Y%m%dT%H%M%SZ}-logs"
        _keep_logs(Path(folder), logs)
    result = document(figures, suite.about, size, began_at, time.monotonic() - began)
    path = write(out, result, began_at)
    if invocation.json:
        invocation.output.document(result)
    else:
        show(to_standard_output(), figures, suite.about, size)
    invocation.output.note(f"written to {path}; logs in {logs}")


def _resized(plan: Plan, sizes: Sequence[str]) -> Plan:
    """Return a plan with the sizes that the user named.

    Raises:
        click.BadParameter: no such size, or no number that can be one.
    """
    known = {field.name for field in dataclasses.fields(plan)}
    for text in sizes:
        name, _, number = text.partition("=")
        if name not in known:
            raise click.BadParameter(f"'{name}' is no size; there are {', '.join(sorted(known))}")
        kind = type(getattr(plan, name))
        try:
            value = kind(number)
        except ValueError:
            value = 0
        if not (value > 0 and math.isfinite(value)):
            raise click.BadParameter(f"'{text}' gives no number above 0")
        plan = dataclasses.replace(plan, **{name: value})
    return plan


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _say(invocation: Invocation) -> Callable[[str], None]:
    return lambda part: invocation.output.note(f"measuring {part}")


def _keep_logs(folder: Path, kept: Path) -> None:
    """Copy what the processes have written; the databases go."""
    for log in folder.rglob("*.log"):
        if log.stat().st_size:
            target = kept / log.relative_to(folder / "run")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, target)
