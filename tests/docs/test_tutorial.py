"""The commands of the pages, run as written against a real `ratchet up`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.processes import Running, environment, ratchet_up
from tests.servers import missing

pytestmark = [pytest.mark.docs, pytest.mark.timeout(180), pytest.mark.xdist_group("docs")]

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a running Ratchet with the examples, as `make up` starts it."""
    for tool in ("bash", "curl", "python3"):
        if shutil.which(tool) is None:
            missing(tool, "the pages use it; install it from your system's packages")
    folder = tmp_path_factory.mktemp("up")
    with ratchet_up(folder, RATCHET_PATH=str(ROOT / "contrib" / "examples")) as started:
        yield started


def _blocks(page: str, started: Running) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8").replace(ADDRESS, started.base)
    return [
        block
        for block in BLOCK.findall(text)
        if "make up" not in block and "make test" not in block
    ]


def _run(blocks: list[str], folder: Path) -> str:
    script = "set -euo pipefail\n" + "\n".join(f"echo\n{block}" for block in blocks)
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


def test_the_tutorial_runs_as_written(up: Running, tmp_path: Path) -> None:
    printed = _run(_blocks("docs/tutorial.md", up), tmp_path)

    assert "London" in printed
    assert "ValidationError" in printed
    assert "process_payment" in printed
    assert "Hello Ada!" in printed
    assert "HELLO ADA!" in printed


def _run_beside(page: str, started: Running) -> str:
    """Run a page's commands with the state of the running server, in a copy of the tree."""
    folder = started.log.parent
    contrib = folder / "contrib"
    if not contrib.exists():
        contrib.symlink_to(ROOT / "contrib")
    return _run(_blocks(page, started), folder)


def test_the_page_on_run_control_runs_as_written(up: Running) -> None:
    printed = _run_beside("docs/how-to/run-control.md", up)

    assert "is paused, waits for: resume" in printed
    assert "queue default is paused" in printed
    assert '"dry_run":true' in printed.replace(" ", "")


def test_ratchet_109_the_page_on_configuration_runs_as_written(up: Running, tmp_path: Path) -> None:
    printed = _run(_blocks("docs/how-to/server-configuration.md", up), tmp_path)

    assert "did you mean" in printed or "8090" in printed


def test_ratchet_109_the_page_on_logs_and_errors_runs_as_written(up: Running) -> None:
    printed = _run_beside("docs/how-to/logging-and-errors.md", up)

    assert "NotFoundError" in printed
    assert "ratchet_drains" in printed


def test_ratchet_109_112_the_page_of_examples_runs_as_written(up: Running) -> None:
    printed = _run_beside("docs/how-to/examples.md", up)

    assert "payment: complete" in printed
    assert '"Rome"' in printed


def test_the_first_run_of_the_readme_is_accepted(up: Running, tmp_path: Path) -> None:
    curls = [block for block in _blocks("README.md", up) if block.startswith("curl ")]

    printed = _run(curls, tmp_path)

    assert len(curls) == 2
    assert '"job"' in printed
    assert "payments.process_payment@2.1.0" in printed
