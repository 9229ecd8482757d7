"""Tests of what log lines say: shape, context, formats, and secrets that they do not say."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ratchet_core.errors import ConfigurationError, WorkflowNotFound
from ratchet_core.telemetry import bind, bound, configure_logging
from ratchet_core.telemetry.line import line_of


@dataclass(frozen=True)
class Target:
    """A log target as the settings give it."""

    kind: str = "console"
    level: str | None = None
    path: Path | None = None
    max_size_bytes: int = 0
    max_files: int = 3
    compress: bool = False
    facility: str = "user"
    ident: str = "ratchet"


@dataclass(frozen=True)
class Plan:
    """A logging plan as the settings give it."""

    level: str = "info"
    format: str = "json"
    include_location: bool = False
    enrich_with: tuple[str, ...] = ("execution_context",)
    targets: tuple[Target, ...] = (Target(),)


Configure = Callable[..., io.StringIO]
log = logging.getLogger("ratchet.test")


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Return a function that configures logging and returns what the console shows."""
    configured = []

    def with_plan(**plan: Any) -> io.StringIO:
        console = io.StringIO()
        configured.append(configure_logging(Plan(**plan), console=console))
        return console

    yield with_plan
    for one in configured:
        one.close()


def fail(error: Exception) -> None:
    """Raise the error."""
    raise error


def lines(console: io.StringIO) -> list[dict[str, Any]]:
    """Return the JSON lines that the console shows."""
    return [json.loads(line) for line in console.getvalue().splitlines()]


def test_a_json_line_has_every_key(configure: Configure) -> None:
    console = configure()

    log.info("run %s completed", "r1", extra={"duration_ms": 3})

    (line,) = lines(console)
    assert list(line) == [
        "timestamp",
        "level",
        "message",
        "logger",
        "fields",
        "error",
        "trace_id",
        "span_id",
    ]
    assert line["level"] == "info"
    assert line["message"] == "run r1 completed"
    assert line["logger"] == "ratchet.test"
    assert line["fields"] == {"duration_ms": 3}
    assert line["error"] is None
    assert line["timestamp"].endswith("Z")
    assert len(line["timestamp"]) == len("2026-11-22T20:40:00.000Z")


def test_bound_fields_stand_on_every_line_until_the_block_ends(configure: Configure) -> None:
    console = configure()

    with bind(run_id="r1", request_id="q1"):
        with bind(step="charge", attempt=2, run_id="r2", request_id=None):
            log.info("inner")
        log.info("outer")
    log.info("after")

    assert [line["fields"] for line in lines(console)] == [
        {"run_id": "r2", "step": "charge", "attempt": 2},
        {"run_id": "r1", "request_id": "q1"},
        {},
    ]
    assert [line["trace_id"] for line in lines(console)] == [None, "q1", None]


def test_bound_fields_end_with_an_exception() -> None:
    def fail() -> None:
        with bind(run_id="r1"):
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert dict(bound()) == {}


def test_context_follows_coroutines_and_stays_out_of_other_threads(configure: Configure) -> None:
    console = configure()

    async def step(name: str) -> None:
        with bind(step=name):
            await asyncio.sleep(0)
            log.info(name)

    async def both() -> None:
        await asyncio.gather(step("a"), step("b"))

    with bind(run_id="r1"):
        asyncio.run(both())
        thread = threading.Thread(target=lambda: log.info("thread"))
        thread.start()
        thread.join()

    fields = {line["message"]: line["fields"] for line in lines(console)}
    assert fields["a"] == {"run_id": "r1", "step": "a"}
    assert fields["b"] == {"run_id": "r1", "step": "b"}
    assert fields["thread"] == {}


def test_an_exception_is_named_with_its_code_and_stack(configure: Configure) -> None:
    console = configure()

    try:
        fail(WorkflowNotFound("payments", "refund"))
    except WorkflowNotFound:
        log.exception("submit failed")

    error = lines(console)[0]["error"]
    assert error["error_type"] == "WorkflowNotFound"
    assert error["code"] == "WORKFLOW_NOT_FOUND"
    assert error["message"] == "Workflow 'payments.refund' does not exist"
    assert "test_lines.py" in error["stack_trace"]


@pytest.mark.parametrize("style", ["json", "text", "compact", "pretty"])
def test_no_format_shows_a_secret(configure: Configure, style: str) -> None:
    console = configure(format=style)

    with bind(authorization="Bearer bound-secret"):
        try:
            fail(ValueError("cannot connect to postgresql://u:error-secret@h/d"))
        except ValueError:
            log.exception(
                "GET %s with Bearer message-secret",
                "https://u:argument-secret@h/",
                extra={
                    "headers": {"Cookie": "header-secret", "X-API-Key": "key-secret"},
                    "settings": [{"jwt_secret": "nested-secret"}],
                    "cause": RuntimeError("token=object-secret"),
                    "password": 1234567,
                },
            )

    shown = console.getvalue()
    assert "GET" in shown
    assert "-secret" not in shown
    assert "1234567" not in shown
    assert "********" in shown


@pytest.mark.parametrize("style", ["text", "compact", "pretty"])
def test_no_input_can_forge_a_line_or_drive_the_terminal(configure: Configure, style: str) -> None:
    console = configure(format=style)

    log.info("name \x1b[31m%s", "x\n2026 ERROR forged", extra={"city": "a\r\nb\u2028c\x07"})

    shown = console.getvalue()
    assert len([row for row in shown.splitlines() if not row.startswith("      ")]) == 1
    assert not {"\x1b", "\r", "\x07", "\u2028"} & set(shown)


@pytest.mark.parametrize("style", ["json", "text", "compact", "pretty"])
def test_strange_values_lose_no_line(configure: Configure, style: str) -> None:
    console = configure(format=style)
    circle: list[object] = []
    circle.append(circle)

    log.info("half %s", "\ud800", extra={"big": 2**70, "nan": float("nan"), "circle": circle})
    log.info("bytes", extra={"raw": b"\xff", "path": Path("/x"), "keys": {1: {2}}})

    assert console.getvalue().count("half") == 1
    assert console.getvalue().count("bytes") == 1
    if style == "json":
        assert len(lines(console)) == 2


def test_a_placeholder_that_does_not_fit_loses_no_line() -> None:
    record = logging.makeLogRecord({"msg": "run %d", "args": ("r1",), "levelno": 20})

    assert line_of(record, {}).message == "run %d (arguments do not fit: ('r1',))"


def test_a_huge_message_is_cut(configure: Configure) -> None:
    console = configure()

    log.info("x" * 100_000)

    assert len(lines(console)[0]["message"]) == 16_384


def test_text_lines_read_like_text(configure: Configure) -> None:
    console = configure(format="text")

    with bind(run_id="r1"):
        log.warning("slow step", extra={"city": "St. Gallen"})

    assert console.getvalue()[24:] == (
        ' WARN  ratchet.test: slow step run_id=r1 city="St. Gallen"\n'
    )


def test_levels_hold_per_target(configure: Configure, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    target = Target(kind="file", path=path, level="trace")
    console = configure(level="warn", targets=(Target(), target))

    log.log(5, "traced")
    log.info("told")
    log.warning("warned")

    assert [line["message"] for line in lines(console)] == ["warned"]
    found = [json.loads(line)["level"] for line in path.read_text().splitlines()]
    assert found == ["trace", "info", "warn"]


def test_lines_name_location_process_and_host_where_asked(configure: Configure) -> None:
    console = configure(include_location=True, enrich_with=("system_info", "process_info"))

    with bind(run_id="not asked for"):
        log.info("here")

    fields = lines(console)[0]["fields"]
    assert "test_lines.py:" in fields["location"]
    assert set(fields) == {"location", "host", "system", "pid", "thread_name"}


def test_closing_puts_logging_back_as_it_was() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)

    configured = configure_logging(Plan(level="debug"), console=io.StringIO())
    assert root.level == logging.DEBUG
    configured.close()

    assert (list(root.handlers), root.level) == before


def test_a_plan_that_cannot_be_kept_leaves_logging_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    root = logging.getLogger()
    before = list(root.handlers)
    wrong = (
        Target(kind="file", path=tmp_path / "file" / "a.log"),
        Target(kind="syslog", facility="nowhere"),
        Target(kind="file"),
    )

    for target in wrong:
        with pytest.raises(ConfigurationError):
            configure_logging(Plan(targets=(Target(), target)), console=io.StringIO())

    assert list(root.handlers) == before
