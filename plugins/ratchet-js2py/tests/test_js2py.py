"""Steps of kind js2py: refused by default; run by the real js2py, where it can be installed."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.hooks.schema import with_defaults
from ratchet_core.sdk import (
    AttemptCancelled,
    AttemptTimedOut,
    PermanentError,
    PluginServices,
    RunInfo,
    StepContext,
    StepError,
    StepInfo,
)
from ratchet_js2py import (
    Js2pyHandler,
    ratchet_register_settings,
    ratchet_register_step_handlers,
)
from ratchet_js2py.handler import WHY_OFF, engine_problem

needs_js2py = pytest.mark.skipif(
    engine_problem() is not None, reason=engine_problem() or "js2py can run"
)
LINUX = sys.platform == "linux"


class Quiet:
    """A reporter that nobody reads."""

    def progress(self, fraction: float, message: str | None, data: Any) -> None: ...

    def log(self, level: str, message: str) -> None: ...

    def publish(self, name: str, payload: Mapping[str, Any]) -> None: ...


def attempt(script: str, value: Any = None, *, timeout_s: float = 50.0, **more: Any) -> StepContext:
    given: dict[str, Any] = {
        "input": value,
        "config": {"script": "main.js"},
        "files": {"main.js": script},
        "results": {},
        "attempt": 1,
        "idempotency_key": "k",
        "timeout_s": timeout_s,
        "deadline": time.monotonic() + timeout_s,
        "run": RunInfo(id="r", namespace="default", workflow="w", version="1.0.0"),
        "step": StepInfo(id="s", name="only", attempt_id="a"),
        "http": PinnedClient(EgressPolicy((), ())),
        "reporter": Quiet(),
        "log": logging.getLogger("test"),
    }
    return StepContext(**{**given, **more})


def handler_for(settings: Mapping[str, Any]) -> Js2pyHandler:
    """Return the handler as Ratchet makes it with these settings."""
    checked = with_defaults(ratchet_register_settings(), settings, "plugins.settings.js2py")
    services = PluginServices(
        settings=checked, http=PinnedClient(EgressPolicy((), ())), data_dir=Path("x")
    )
    [handler] = ratchet_register_step_handlers(services)
    assert isinstance(handler, Js2pyHandler)
    return handler


@pytest.fixture
def handler() -> Js2pyHandler:
    return handler_for({"allow_unsafe": True})


def test_it_is_off_and_says_why() -> None:
    handler = handler_for({})

    assert handler.check({"script": "main.js"}, {"main.js": "1"}) == [WHY_OFF]
    with pytest.raises(PermanentError, match="CVE-2024-28397") as refused:
        handler.process(attempt("(function () { return 1; })"))
    assert "allow_unsafe" in refused.value.message


@pytest.mark.parametrize("version", [(3, 12), (3, 13)])
def test_newer_pythons_are_told_what_to_use(version: tuple[int, int]) -> None:
    problem = engine_problem(version)

    assert problem is not None
    assert f"does not run on Python {version[0]}.{version[1]}" in problem
    assert "`javascript`" in problem


@needs_js2py
@pytest.mark.parametrize(
    ("script", "value", "result"),
    [
        ("(function (i) { return {sum: i.a + i.b}; })", {"a": 1, "b": 2}, {"sum": 3}),
        ("function main(i) { return i.length; } main", [1, 2, 3], 3),
        ("(function () {})", None, None),
        ("(function (i) { return i; })", {"ä": ["\u20ac", 1.5, None, True]}, None),
    ],
)
def test_a_function_of_the_input_gives_the_result(
    handler: Js2pyHandler, script: str, value: Any, result: Any
) -> None:
    found = handler.process(attempt(script, value))

    assert found == (value if isinstance(value, dict) and "ä" in value else result)


@needs_js2py
def test_the_prelude_runs_first(handler: Js2pyHandler) -> None:
    files = {
        "main.js": "(function (i) { return twice(i); })",
        "lib/a.js": "function twice(n) { return 2 * n; }",
    }

    assert handler.process(attempt("", 21, files=files)) == 42


@needs_js2py
@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        ("(function () { throw new TypeError('odd'); })", "TypeError", "odd"),
        ("(function (", "SyntaxError", ""),
        ("(function () { return nobody; })", "ReferenceError", "nobody"),
    ],
)
def test_what_a_script_throws_fails_the_step(
    handler: Js2pyHandler, script: str, kind: str, message: str
) -> None:
    with pytest.raises(StepError) as failed:
        handler.process(attempt(script))

    assert failed.value.error_type == kind
    assert message in failed.value.message
    assert "Traceback" not in failed.value.message


@needs_js2py
def test_a_script_that_never_ends_is_killed_at_its_deadline(handler: Js2pyHandler) -> None:
    with pytest.raises(AttemptTimedOut):
        handler.process(attempt("(function () { while (true) {} })", timeout_s=10.0))


@needs_js2py
def test_a_cancelled_run_ends_its_process(handler: Js2pyHandler) -> None:
    context = attempt("(function () { while (true) {} })")
    timer = threading.Timer(3.0, context.stop.set)
    timer.start()

    with pytest.raises(AttemptCancelled):
        handler.process(context)

    timer.join()


#: From the published proof of CVE-2024-28397: Python's `object`, out of JavaScript alone.
ESCAPE = """
(function (i) {
  var names = Object.getOwnPropertyNames({});
  var getattr = names.__getattribute__;
  var object = getattr("__getattribute__")("__class__").__base__;
  function find(kind) {
    var kinds = kind.__subclasses__();
    for (var n in kinds) {
      var item = kinds[n];
      if (item.__module__ == "subprocess" && item.__name__ == "Popen") return item;
      if (item.__name__ != "type") { var found = find(item); if (found) return found; }
    }
  }
  var popen = find(object);
  if (i.path == null) return "" + popen.__name__;
  return popen(["/bin/sh", "-c", "id > " + i.path], -1, null, -1, -1, -1, null, null, true).pid;
})
"""


@needs_js2py
@pytest.mark.skipif(not LINUX, reason="the filter of system calls is Linux's")
def test_a_script_that_breaks_out_starts_no_process_and_writes_no_file(
    handler: Js2pyHandler, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    target = tmp_path / "owned"

    assert handler.process(attempt(ESCAPE, {"path": None})) == "Popen"  # it does break out
    with pytest.raises(StepError, match="not permitted"):
        handler.process(attempt(ESCAPE, {"path": str(target)}))

    assert not target.exists()
