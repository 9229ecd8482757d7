"""`ratchet ingest` and the ingester of `ratchet up`: a source that fails hurts only itself."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.processes import Running, environment, ratchet_up, running
from tests.waiting import wait_for

STRANGE = Path(__file__).with_name("strange_sources.py")
KINDS = ("raising", "leaving", "broken", "deaf")


def configure(folder: Path, *kinds: str) -> dict[str, str]:
    """Write a configuration with a source of lines and one of each kind; give its variables."""
    (folder / "plugins").mkdir(parents=True)
    shutil.copy(STRANGE, folder / "plugins" / "strange.py")
    (folder / "definitions").mkdir()
    (folder / "definitions" / "echo.js").write_text("(i) => i", encoding="utf-8")
    (folder / "lines").write_text("", encoding="utf-8")
    lines = f"    - {{name: lines, type: lines, workflow: echo, options: {{path: {folder}/lines}}}}"
    others = [f"    - {{name: {kind}, type: {kind}, workflow: echo}}" for kind in kinds]
    text = "\n".join(["input:", "  sources:", lines, *others, ""])
    (folder / "ratchet.yaml").write_text(text, encoding="utf-8")
    return {
        "RATCHET_CONFIG": str(folder / "ratchet.yaml"),
        "RATCHET_PLUGINS_DIRECTORY": str(folder / "plugins"),
        "RATCHET_PATH": str(folder / "definitions"),
        "RATCHET_WORKER_COUNT": "1",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ingest")


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Running]:
    """Give a `ratchet up` with one good source and four bad ones."""
    with ratchet_up(folder / "up", **configure(folder, *KINDS)) as started:
        yield started


def write(folder: Path, *lines: str) -> None:
    with (folder / "lines").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def inputs(up: Running) -> list[str]:
    found = requests.get(f"{up.base}/api/v1/jobs?limit=1000", timeout=10).json()["items"]
    return sorted(job["input"]["line"] for job in found)


def sources(up: Running) -> dict[str, Any]:
    found = requests.get(f"{up.base}/health/detailed", timeout=10).json()
    return {source["name"]: source for source in found["checks"]["inputs"]["sources"]}


def test_health_tells_of_each_source_and_the_good_one_works(up: Running, folder: Path) -> None:
    write(folder, "a", "b", "c")

    wait_for(lambda: inputs(up) == ["a", "b", "c"], "the runs")
    found = wait_for(
        lambda: (s := sources(up)) and s["raising"]["errors"] and s["leaving"]["errors"] and s,
        "all sources to be known",
    )
    assert {name: source["state"] for name, source in found.items()} == {
        "lines": "healthy",
        "raising": "failing",
        "leaving": "failing",
        "broken": "left out",
        "deaf": "healthy",
    }
    assert "the well is dry" in found["raising"]["message"]
    assert "hunter22" not in f"{found} {up.text()}"
    assert "ValueError: no such thing" in found["broken"]["message"]
    wait_for(lambda: sources(up)["lines"]["messages"] == 3, "the counts")
    health = requests.get(f"{up.base}/health", timeout=10).json()
    assert health["status"] == "degraded"
    assert "broken: ValueError" in health["checks"]["inputs"]["message"]


def test_an_ingester_that_is_killed_comes_back_and_makes_no_doubles(
    up: Running, folder: Path
) -> None:
    known = inputs(up)
    write(folder, "d")
    wait_for(lambda: "d" in inputs(up), "the run")
    [ingester] = [child for child in up.children() if "ingest" in child.cmdline()]
    ingester.kill()
    write(folder, "e")

    wait_for(lambda: "e" in inputs(up), "the run of another process")

    assert inputs(up) == [*known, "d", "e"]
    again = len(known) + 1
    wait_for(lambda: sources(up)["lines"]["doubles"] >= again, "the doubles to be counted")


def test_sigterm_ends_it_within_5_s_though_a_source_is_deaf(tmp_path: Path) -> None:
    env = environment(tmp_path, **configure(tmp_path / "here", "deaf"))
    with running(["ingest"], tmp_path, env) as started:
        # its signal handlers stand once the sources are reported
        wait_for(lambda: reported(tmp_path), "the sources to run")
        began = time.monotonic()
        started.process.send_signal(signal.SIGTERM)

        assert started.process.wait(10) == 0
        assert time.monotonic() - began < 7
        assert "did not end within 5 s: deaf" in started.text()


def reported(folder: Path) -> bool:
    path = folder / "data" / "ratchet.db"
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            [count] = connection.execute("SELECT count(*) FROM source_reports").fetchone()
        except sqlite3.OperationalError:  # the table is not there yet
            return False
    return bool(count)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: {sources: []}", "names no source that fetches"),
        ("input: {sources: [{name: a, type: liens, workflow: b}]}", "no plugin offers 'liens'"),
        (
            "input: {sources: [{name: a, type: lines, workflow: b}]}",
            "input.sources 'a': options.path: is missing",
        ),
    ],
)
def test_what_could_never_take_anything_is_refused(tmp_path: Path, text: str, message: str) -> None:
    variables = configure(tmp_path / "here")
    Path(variables["RATCHET_CONFIG"]).write_text(text, encoding="utf-8")

    with running(["ingest"], tmp_path, environment(tmp_path, **variables)) as started:
        assert started.process.wait(30) != 0
        assert message in started.text()
