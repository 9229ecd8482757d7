"""The published snippets (contrib/clients/snippets), run as they stand but for the host.

A tool that is not there fails the test in CI, so that a green run has run every snippet; elsewhere
the test is skipped with what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import missing

SNIPPETS = Path(__file__).resolve().parents[2] / "contrib" / "clients" / "snippets"
TIMEOUT_S = 50


def tool(name: str, package: str | None = None) -> str:
    """Return the path of a command, or skip the test (in CI: fail it) with what to install.

    Args:
        name: what is called.
        package: Debian's package of it, where it has another name.
    """
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        missing(f"{name} on PATH", f"install it (Debian's package is {package or name})")
    return path


def snippet(name: str) -> str:
    """Return the text of a published snippet, such as `go/client.go`."""
    return (SNIPPETS / name).read_text(encoding="utf-8")


def hosted(name: str, host: str, base: str) -> str:
    """Return the text of a snippet with its host swapped."""
    text = snippet(name)
    assert host in text
    return text.replace(host, base)


def run_python(text: str, folder: Path) -> str:
    """Run a Python program and return what it printed."""
    path = folder / "program.py"
    path.write_text(text, encoding="utf-8")
    return run([sys.executable, str(path)], folder)


def run_shell(text: str, folder: Path, **variables: str) -> str:
    """Run a shell program that stops at the first command that fails; return what it printed."""
    tool("curl")
    return run(["bash", "-euc", text], folder, timeout_s=TIMEOUT_S, **variables)


def run_node(text: str, folder: Path) -> str:
    """Run a JavaScript program with `require` and `await` at its top; return what it printed."""
    path = folder / "program.js"
    wrapped = (
        f"(async () => {{\n{text}\n}})().catch(e => {{ console.error(e); process.exit(1); }});"
    )
    path.write_text(wrapped, encoding="utf-8")
    return run([tool("node", "nodejs"), str(path)], folder)


def npm_install(folder: Path, *packages: str) -> None:
    """Install npm packages into `folder`."""
    command = [tool("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
    try:
        result = subprocess.run(
            [*command, *packages], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        missing("answer from the registry of npm", "these packages come from it")
    if result.returncode != 0:
        missing(f"npm packages {', '.join(packages)}", result.stderr.strip()[-200:])


def run(command: list[str], folder: Path, *, timeout_s: float = TIMEOUT_S, **variables: str) -> str:
    """Run a command in `folder` with more environment; return what it printed."""
    environment = {**os.environ, **variables}
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
