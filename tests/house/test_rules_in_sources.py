"""Rules of the engine that can be seen in its sources: clocks, states, and what is used of RQ."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, is_revision, nodes_of, place, python_files

CORE = ROOT / "ratchet_core"
#: Rooms that compare times only where the database made them, or are handed `now`.
TIMELESS = ("domain", "engine", "store")
#: Calls that read this host's clock. `time.monotonic` measures durations and is fine.
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}
#: The store's one place where states are written, and the queue's two moves.
WRITES_STATES = {"store/transitions.py", "store/claims.py"}
STATE_WRITE = re.compile(r"UPDATE (runs|steps|attempts)\s+SET\s+(.*?)\bWHERE\b", re.DOTALL)
#: Of RQ we use what hosts drains, and nothing that decides what becomes of work.
DECIDES = re.compile(
    r"Retry$|Repeat$|Callback$|Registry$|Dependency|depends_on|on_failure|on_success"
)


def _room(name: str) -> list[Path]:
    return [path for path in python_files() if path.is_relative_to(CORE / name)]


def _calls(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            yield f"{name}.{node.func.attr}", node.lineno


@pytest.mark.parametrize("room", TIMELESS)
def test_no_clock_of_this_host_is_read_where_times_are_compared(room: str) -> None:
    read = [
        place(path, line)
        for path in _room(room)
        for name, line in _calls(path)
        if name in WALL_CLOCKS
    ]

    assert read == []


def _texts(path: Path) -> Iterator[tuple[str, int]]:
    """Every constant text, the fixed parts of f-strings included."""
    for node in nodes_of(path):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "?" for part in node.values]
            yield "".join(map(str, parts)), node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def _writes_a_state(text: str) -> bool:
    return any(
        re.search(r"(?<![a-z_])state\s*=", columns) for _, columns in STATE_WRITE.findall(text)
    )


def test_states_are_written_in_one_place() -> None:
    elsewhere = [
        place(path, line)
        for path in python_files()
        if path.is_relative_to(CORE)
        and not is_revision(path)
        and str(path.relative_to(CORE)) not in WRITES_STATES
        for text, line in _texts(path)
        if _writes_a_state(text)
    ]
    updates = [
        place(path, line)
        for path in python_files()
        if path.is_relative_to(CORE)
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "update"
        and node.args
        and getattr(node.args[0], "id", getattr(node.args[0], "attr", ""))
        in {"runs", "steps", "attempts"}
        for line in [node.lineno]
    ]

    assert elsewhere == []
    assert updates == []


def test_every_write_of_a_state_names_what_it_expects() -> None:
    text = (CORE / "store" / "transitions.py").read_text(encoding="utf-8")
    statements = re.findall(r"UPDATE (?:runs|steps|attempts)\s+SET.*?(?=\n\)|,\n)", text, re.DOTALL)
    open_doors = [
        statement
        for statement in re.findall(r"UPDATE [^;]*?WHERE[^)]*", text)
        if "state" not in statement.partition("WHERE")[2]
        and "token" not in statement.partition("WHERE")[2]
    ]

    assert statements
    assert open_doors == []


def test_nothing_of_rq_decides_what_becomes_of_work() -> None:
    used = [
        place(path, getattr(node, "lineno", 1))
        for path in _room("dispatch")
        for node in nodes_of(path)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rq")
            else [keyword.arg or "" for keyword in node.keywords]
            if isinstance(node, ast.Call)
            else []
        )
        if DECIDES.search(name)
    ]

    assert used == []


def test_only_the_store_opens_transactions() -> None:
    opened = [
        place(path, line)
        for path in python_files()
        if path.is_relative_to(CORE)
        and path != CORE / "store" / "database.py"
        and not path.is_relative_to(CORE / "cli" / "bench")
        for name, line in _calls(path)
        if name in {"engine.begin", "engine.connect", "_engine.connect", "_engine.begin"}
    ]

    assert opened == []
