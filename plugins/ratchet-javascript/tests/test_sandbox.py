"""A script's failure hurts that script alone: limits, kills, crashes, and what comes after."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from javascript_attempt import attempt

from ratchet_core.sdk import AttemptCancelled, AttemptTimedOut, RetryableError, StepError
from ratchet_javascript import JavaScriptHandler, Limits
from ratchet_javascript.pool import MAX_SCRIPTS
from tests.waiting import wait_for


@pytest.fixture
def fresh() -> Iterator[JavaScriptHandler]:
    """A handler whose processes no other test uses."""
    handler = JavaScriptHandler()
    yield handler
    handler.close()


def sandbox_pid(handler: JavaScriptHandler) -> int:
    """Return the id of the process that runs the next script."""
    handler.process(attempt("1"))
    pid = handler._pool._idle[-1].pid
    assert pid is not None
    return pid


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


ENDLESS = {
    "a loop": "(function () { while (true) {} })",
    "a loop at the top": "while (true) {}",
    "a regular expression": "(function () { return /^(a+)+$/.test('a'.repeat(50) + 'b') })",
    "microtasks": "(async function () { while (true) await null })",
    "a loop that swallows errors": "(function () { for (;;) try { throw 1 } catch {} })",
    "sorting": "(function () { [3, 2, 1].sort(() => { while (true) {} }) })",
    "a getter of the result": "(function () { return { get a() { while (true) {} } } })",
    "a timer": "(async function () { await new Promise((done) => setTimeout(done, 60000)) })",
    "console": "(function () { while (true) console.log('x') })",
    "progress": "(function () { while (true) reportProgress(0.5) })",
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_a_script_without_end_is_stopped_at_its_deadline(
    handler: JavaScriptHandler, source: str
) -> None:
    began = time.monotonic()

    with pytest.raises(AttemptTimedOut, match=r"longer than its 0\.2 s") as caught:
        handler.process(attempt(source, timeout_s=0.2))

    assert caught.value.error_type == "TimeoutError"
    assert time.monotonic() - began < 1.0
    assert handler.process(attempt("(() => 'next')")) == "next"


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_a_script_of_a_cancelled_run_is_stopped_at_once(
    handler: JavaScriptHandler, source: str
) -> None:
    stop = threading.Event()
    cancelled_at: list[float] = []

    def cancel() -> None:
        cancelled_at.append(time.monotonic())
        stop.set()

    timer = threading.Timer(0.1, cancel)
    timer.start()

    with pytest.raises(AttemptCancelled):
        handler.process(attempt(source, stop=stop))

    assert time.monotonic() - cancelled_at[0] < 0.3  # 0.1 on a machine that does nothing else
    timer.join()
    assert handler.process(attempt("(() => 'next')")) == "next"


def test_a_run_that_was_cancelled_before_does_not_start_its_script(
    handler: JavaScriptHandler,
) -> None:
    stop = threading.Event()
    stop.set()
    context = attempt("console.log('started')", stop=stop)

    with pytest.raises(AttemptCancelled):
        handler.process(context)

    assert context.reporter.lines == []  # type: ignore[attr-defined]


def test_a_killed_script_leaves_no_process_behind(fresh: JavaScriptHandler) -> None:
    pid = sandbox_pid(fresh)

    with pytest.raises(AttemptTimedOut):
        fresh.process(attempt("while (true) {}", timeout_s=0.1))

    wait_for(lambda: not is_running(pid), "the process to be gone")
    assert sandbox_pid(fresh) != pid


HUNGRY = {
    "objects": "(function () { const a = []; for (;;) a.push({ n: a.length }) })",
    "text": "(function () { const a = []; for (;;) a.push('x'.repeat(1000) + a.length) })",
    "text that is one": "(function () { return 'x'.repeat(2 ** 29).split('') })",
    "an array buffer": "(function () { return new Uint8Array(1e9).fill(1).length })",
    "an array": "(function () { return new Array(4e8).fill(7).length })",
    "kept for good": "globalThis.a = []; for (;;) a.push([1, 2, 3]);",
    "a promise": "(async function () { const a = []; for (;;) { await null; a.push(new Array(1000).fill(1)) } })",  # noqa: E501
}


@pytest.mark.parametrize("source", HUNGRY.values(), ids=HUNGRY)
def test_a_script_that_takes_too_much_memory_is_told_its_limit(
    handler: JavaScriptHandler, source: str
) -> None:
    config = {"script": "main.js", "memory_limit_mb": 32}

    with pytest.raises(StepError, match="more than its 32 MB of memory") as caught:
        handler.process(attempt(source, config=config))

    assert caught.value.error_type == "MemoryLimitError"
    assert caught.value.retryable is None
    assert handler.process(attempt("(() => 'next')")) == "next"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "(function () { return new ArrayBuffer(4 * 2 ** 30).byteLength })",
            "invalid array buffer length",
        ),
        ("(function () { let a = 'x'; for (;;) a += a })", "string too long"),
    ],
)
def test_an_allocation_of_4_gb_fails(handler: JavaScriptHandler, source: str, message: str) -> None:
    with pytest.raises(StepError, match=message):
        handler.process(attempt(source))

    assert handler.process(attempt("(() => 'next')")) == "next"


def test_memory_that_is_allowed_can_be_used(handler: JavaScriptHandler) -> None:
    source = "(function () { return new Uint8Array(200e6).fill(1).length })"
    config = {"script": "main.js", "memory_limit_mb": 256}

    assert handler.process(attempt(source, config=config)) == 200e6


def test_a_thrown_null_is_not_taken_for_lack_of_memory(fresh: JavaScriptHandler) -> None:
    with pytest.raises(StepError, match=r"^null$") as caught:
        fresh.process(attempt("(() => { throw null })"))

    assert caught.value.error_type == "Error"


@pytest.mark.parametrize(
    "source",
    [
        "(function f() { return f() + 1 })",
        "(function () { let s = '['.repeat(1e6); return JSON.parse(s) })",
        "(function () { const a = []; a[0] = a; return a.flat(Infinity) })",
        "(function () { return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)) })",
        "(function () { return eval('('.repeat(1e6)) })",
    ],
)
def test_a_stack_overflow_fails_the_script_and_no_other(
    handler: JavaScriptHandler, source: str
) -> None:
    with pytest.raises(StepError) as caught:
        handler.process(attempt(source))

    assert not isinstance(caught.value, RetryableError)
    assert handler.process(attempt("(() => 'next')")) == "next"


def test_a_stack_overflow_can_be_caught_by_the_script(handler: JavaScriptHandler) -> None:
    source = "(() => { try { (function f() { f() })() } catch (error) { return error.name } })"

    assert handler.process(attempt(source)) == "RangeError"


def test_a_result_beyond_the_limit_fails_the_step() -> None:
    handler = JavaScriptHandler(Limits(output_bytes=1000))

    with pytest.raises(StepError, match="1003 bytes as JSON, more than the 1000") as caught:
        handler.process(attempt("(() => 'x'.repeat(1001))"))

    assert caught.value.error_type == "OutputLimitError"
    assert handler.process(attempt("(() => 'x'.repeat(998))")) == "x" * 998
    handler.close()


def test_a_result_of_many_megabytes_comes_through(handler: JavaScriptHandler) -> None:
    assert handler.process(attempt("(() => 'x'.repeat(9e6))")) == "x" * 9_000_000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_of_the_engine_is_worth_another_try(
    fresh: JavaScriptHandler, number: signal.Signals
) -> None:
    pid = sandbox_pid(fresh)
    timer = threading.Timer(0.1, os.kill, (pid, number))
    timer.start()

    with pytest.raises(RetryableError, match="ended while it ran the script") as caught:
        fresh.process(attempt("while (true) {}"))

    timer.join()
    assert caught.value.error_type == "SandboxDied"
    assert fresh.process(attempt("(() => 'next')")) == "next"


def test_a_process_that_died_while_idle_is_replaced_unnoticed(fresh: JavaScriptHandler) -> None:
    pid = sandbox_pid(fresh)

    os.kill(pid, signal.SIGKILL)

    wait_for(lambda: not is_running(pid), "the process to be gone")
    assert fresh.process(attempt("(() => 'next')")) == "next"


def test_a_zygote_that_died_is_replaced_unnoticed(fresh: JavaScriptHandler) -> None:
    pid = sandbox_pid(fresh)
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(parent, signal.SIGKILL)

    wait_for(lambda: not is_running(pid), "the process to die with its zygote")
    assert fresh.process(attempt("(() => 'next')")) == "next"


def test_a_process_is_replaced_after_many_scripts(fresh: JavaScriptHandler) -> None:
    pid = sandbox_pid(fresh)
    fresh._pool._idle[-1].scripts = MAX_SCRIPTS

    assert sandbox_pid(fresh) != pid
    wait_for(lambda: not is_running(pid), "the old process to be gone")


def test_closing_ends_every_process(fresh: JavaScriptHandler) -> None:
    pid = sandbox_pid(fresh)
    zygote = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

    fresh.close()

    wait_for(lambda: not is_running(pid) and not is_running(zygote), "both to be gone")


def test_several_threads_have_a_process_each(fresh: JavaScriptHandler) -> None:
    source = "(async (n) => { await new Promise((done) => setTimeout(done, 20)); return n })"
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(fresh.process(attempt(source, n))))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == list(range(6))


def test_each_forked_process_has_a_sandbox_of_its_own(fresh: JavaScriptHandler) -> None:
    fresh.warm()
    first = sandbox_pid(fresh)
    pipes = []
    for _ in range(3):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                own = sandbox_pid(fresh)
                answer = fresh.process(attempt("(n) => n * 2", 21))
                os.write(write_end, f"{own} {answer}".encode())
            finally:
                os._exit(0)
        os.close(write_end)
        pipes.append((child, read_end))

    told = [os.read(read_end, 100).decode().split() for _, read_end in pipes]
    for child, read_end in pipes:
        os.waitpid(child, 0)
        os.close(read_end)

    assert [answer for _, answer in told] == ["42"] * 3
    pids = {first, *(int(pid) for pid, _ in told)}
    assert len(pids) == 4
    wait_for(
        lambda: not any(is_running(pid) for pid in pids - {first}),
        "the sandboxes of ended processes to end",
    )
    assert sandbox_pid(fresh) == first


def test_a_busy_sandbox_dies_with_its_worker(fresh: JavaScriptHandler) -> None:
    fresh.warm()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, str(sandbox_pid(fresh)).encode())
            fresh.process(attempt("while (true) {}"))
        finally:
            os._exit(0)
    os.close(write_end)
    pid = int(os.read(read_end, 100))
    os.close(read_end)

    os.kill(child, signal.SIGKILL)

    os.waitpid(child, 0)
    wait_for(lambda: not is_running(pid), "the sandbox to die with its worker")
