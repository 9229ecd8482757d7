"""What is kept of the lines that an attempt logs, and what the log says of the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import orjson
import pytest

from ratchet_core.domain.log import LogLimits, LogLine
from ratchet_core.engine.attempt_log import (
    AttemptLines,
    AttemptLog,
    captured_logging,
    current,
)


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lines_of(clock: Clock, **limits: int) -> AttemptLines:
    wide = {"line_bytes": 1000, "lines": 100, "total_bytes": 100_000, "lines_per_s": 1000}
    return AttemptLines(LogLimits(**{**wide, **limits}), clock)


def texts(lines: tuple[LogLine, ...]) -> list[str]:
    return [line.message for line in lines]


def test_a_line_has_its_time_and_one_of_four_levels(clock: Clock) -> None:
    lines = lines_of(clock)

    for level in ("DEBUG", "log", "warn", "CRITICAL", "nonsense"):
        lines.write(level, "text")

    assert {line.logged_s for line in lines.take()} == {100.0}
    for level in ("DEBUG", "log", "warn", "CRITICAL", "nonsense"):
        lines.write(level, "text")
    assert [line.level for line in lines.take()] == [10, 20, 30, 40, 20]


def test_lines_that_were_taken_out_do_not_come_again(clock: Clock) -> None:
    lines = lines_of(clock)
    lines.write("info", "one")
    first = lines.take()
    lines.write("info", "two")

    assert (texts(first), texts(lines.close()), len(lines)) == (["one"], ["two"], 0)


def test_a_long_line_is_cut_at_a_character_and_says_so(clock: Clock) -> None:
    lines = lines_of(clock, line_bytes=81)

    lines.write("info", "ä" * 500)

    [text] = texts(lines.take())
    assert text == "ä" * 40 + " … (cut: the line had 1,000 bytes, logs.max_line_bytes is 81)"


def test_lines_beyond_the_number_are_dropped_and_counted(clock: Clock) -> None:
    lines = lines_of(clock, lines=2)

    for number in range(5):
        lines.write("info", number)

    kept = texts(lines.close())
    assert kept[:2] == ["0", "1"]
    assert kept[2].startswith("… this attempt logs more than 2 lines (logs.max_lines) or ")
    assert kept[3:] == ["… 3 lines of this attempt were dropped"]


def test_bytes_beyond_the_limit_are_dropped_and_counted(clock: Clock) -> None:
    lines = lines_of(clock, total_bytes=1500)

    for _ in range(3):
        lines.write("info", "x" * 700)
    lines.write("info", "small")  # nothing comes after a gap, however small

    assert [len(text) for text in texts(lines.close())][:2] == [700, 700]
    lines.write("info", "late")
    assert texts(lines.close()) == ["… 3 lines of this attempt were dropped"]


def test_lines_that_come_too_fast_are_dropped_and_said_before_the_next_one(clock: Clock) -> None:
    lines = lines_of(clock, lines_per_s=2)

    for number in range(4):
        lines.write("info", number)
    clock.now_s += 1.0
    lines.write("info", "slow again")

    said = "… 2 lines were dropped: more than 2 in a second (logs.max_lines_per_second)"
    assert texts(lines.close()) == ["0", "1", said, "slow again"]


def test_lines_that_came_too_fast_at_the_end_are_said_at_the_end(clock: Clock) -> None:
    lines = lines_of(clock, lines_per_s=1)

    lines.write("info", "one")
    lines.write("info", "two")

    assert texts(lines.close())[1].startswith("… 1 lines were dropped")


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("postgresql://me:hunter22@db/x", "hunter22"),
        ('{"api_key": "k-123456"}', "k-123456"),
        ("whsec_c2VjcmV0", "c2VjcmV0"),
    ],
)
def test_secrets_do_not_reach_the_log(clock: Clock, line: str, secret: str) -> None:
    lines = lines_of(clock)

    lines.write("info", line)

    [text] = texts(lines.take())
    assert secret not in text
    assert "********" in text


def test_a_secret_at_the_cut_does_not_reach_the_log(clock: Clock) -> None:
    lines = lines_of(clock, line_bytes=100)

    lines.write("info", "x" * 80 + " password=abcdefghijklmnopqrstuvwxyz")

    [text] = texts(lines.take())
    assert "abc" not in text


@pytest.mark.parametrize("text", ["a\x00b", "\ud800 half"])
def test_what_no_database_keeps_is_written_out(clock: Clock, text: str) -> None:
    lines = lines_of(clock)

    lines.write("info", text)

    [kept] = texts(lines.take())
    assert "\x00" not in kept
    assert orjson.dumps(kept)


def test_the_attempts_own_logger_keeps_no_traceback(clock: Clock) -> None:
    lines = lines_of(clock)
    log = AttemptLog(lines)
    try:
        orjson.loads("{")
    except ValueError:
        log.exception("bad %s", "answer")

    [line] = lines.take()
    assert line.message.startswith("bad answer (JSONDecodeError: ")
    assert (line.level, line.logger) == (40, None)
    assert __file__ not in line.message


@pytest.fixture
def captured() -> Iterator[None]:
    with captured_logging():
        yield


def tell(name: str, message: str) -> None:
    logging.getLogger(name).warning(message)


@pytest.mark.usefixtures("captured")
def test_python_logging_inside_an_attempt_goes_to_its_log(clock: Clock) -> None:
    lines, other = lines_of(clock), lines_of(clock)

    tell("shop.stock", "before")
    with current(lines):
        tell("shop.stock", "inside")
        with current(other):
            tell("shop.stock", "of another")
        tell("ratchet_core.worker.drain", "ours")
    tell("shop.stock", "after")

    assert [(line.logger, line.message) for line in lines.take()] == [("shop.stock", "inside")]
    assert texts(other.take()) == ["of another"]


@pytest.mark.usefixtures("captured")
def test_coroutines_of_an_attempt_log_to_it_too(clock: Clock) -> None:
    lines = lines_of(clock)

    async def work() -> None:
        tell("shop", "in a coroutine")
        await asyncio.to_thread(tell, "shop", "in its thread")

    with current(lines):
        asyncio.run(work())

    assert texts(lines.take()) == ["in a coroutine", "in its thread"]


def test_a_line_that_cannot_be_formatted_does_not_end_the_step(clock: Clock) -> None:
    lines = lines_of(clock)

    AttemptLog(lines).warning("%d left", "no number")

    assert texts(lines.take()) == ["%d left (its arguments do not fit: TypeError)"]


def test_a_plain_line_is_written_as_logging_would_write_it(clock: Clock) -> None:
    lines = lines_of(clock)
    log = AttemptLog(lines)

    log.info("%d of %s", 2, "three")
    log.info("%(pieces)d pieces", {"pieces": 4})
    log.info("100 %")
    log.log(25, "between two levels")
    log.error("no such %d", "number")
    log.info(ValueError("an object"))
    log.info("with more", extra={"order": 1}, stacklevel=2)

    assert [(line.level, line.message) for line in lines.take()] == [
        (20, "2 of three"),
        (20, "4 pieces"),
        (20, "100 %"),
        (20, "between two levels"),
        (40, "no such %d (its arguments do not fit: TypeError)"),
        (20, "an object"),
        (20, "with more"),
    ]


def test_levels_filters_and_exceptions_of_an_attempts_logger_hold(clock: Clock) -> None:
    lines = lines_of(clock)
    log = AttemptLog(lines)
    log.setLevel("INFO")
    log.addFilter(lambda record: "secretly" not in record.getMessage())

    log.debug("too low")
    log.info("said %s", "secretly")
    log.info("said %s", "openly")
    try:
        int("gone")
    except ValueError:
        log.exception("it broke")
    log.disabled = True
    log.error("switched off")

    assert texts(lines.take()) == [
        "said openly",
        "it broke (ValueError: invalid literal for int() with base 10: 'gone')",
    ]
