"""Every form in which scripts are written (decisions.md section 7) is found and called."""

from __future__ import annotations

from typing import Any

import pytest
from javascript_attempt import attempt

from ratchet_core.sdk import StepError
from ratchet_javascript import JavaScriptHandler

FORMS = {
    "a: a function as the script's value": "(function(input) { return input.n + 1 })",
    "a: with a semicolon": "(function(input, context) { return input.n + context.attempt });\n",
    "b: a function named main": "function main(input) { return input.n + 1 }",
    "b: ended by its name": "function main(input) { return input.n + 1 }\nmain;",
    "b: as a constant": "const main = (input) => input.n + 1;",
    "b: after other statements": "function main(input) { return input.n + 1 }\nlet x = 1; x = 5;",
    "c: a bare function": "// adds one\nfunction(input) { return input.n + 1 }",
    "c: with a semicolon": "function(input) { return input.n + 1 };",
    "c: a bare async function": "async function(input) { return input.n + 1 }",
    "d: an arrow function": "(input) => input.n + 1",
    "d: an arrow function with an object": "({ n }) => n + 1",
    "e: an async main": "async function main(input) { return await input.n + 1 }",
    "e: a promise": "(input) => Promise.resolve(input.n).then((n) => n + 1)",
    "f: module.exports": "const go = (input) => input.n + 1;\nmodule.exports = { main: go };",
    "f: guarded": (
        "function main(input) { return input.n + 1 }\n"
        "if (typeof module !== 'undefined' && module.exports) { module.exports = { main }; }"
    ),
    "f: a function exported": "module.exports = (input) => input.n + 1",
    "f: exports.main": "exports.main = (input) => input.n + 1",
    "g: an ES module": "export async function handler(input) { return input.n + 1 }",
    "g: its default": "const by = 1;\nexport default (input) => input.n + by; // last",
    "g: main in a list": "const main = ({ n }) => n + 1;\nexport { main };",
    "g: with await at its top": (
        "const one = await Promise.resolve(1);\nexport const handler = (input) => input.n + one;"
    ),
    "h: process with context": (
        "async function process(input, { fetch }) { return typeof fetch === 'function'"
        " ? input.n + 1 : null }"
    ),
    "i: a function of another name": "(function addOne(input) { return input.n + 1 })",
    "j: a value": "4 + 1",
    "below a line for the shell": "#!/usr/bin/env node\n(input) => input.n + 1",
    "in strict mode": "'use strict';\n(input) => input.n + 1",
    "behind a byte order mark": "\ufeff(input) => input.n + 1",
}


@pytest.mark.parametrize("source", FORMS.values(), ids=FORMS)
def test_each_form_gives_its_result(handler: JavaScriptHandler, source: str) -> None:
    assert handler.process(attempt(source, {"n": 4})) == 5
    assert list(handler.check({"script": "main.js"}, {"main.js": source})) == []


def test_a_value_may_be_an_object(handler: JavaScriptHandler) -> None:
    assert handler.process(attempt("({ a: [1, { b: null }] })")) == {"a": [1, {"b": None}]}


def test_code_at_the_top_runs_once(handler: JavaScriptHandler) -> None:
    source = "globalThis.count = (globalThis.count || 0) + 1; (function () { return count })"

    assert handler.process(attempt(source)) == 1


def test_a_syntax_error_thrown_while_running_does_not_run_the_script_again(
    handler: JavaScriptHandler,
) -> None:
    context = attempt("console.log('once'); JSON.parse('{');")

    with pytest.raises(StepError) as caught:
        handler.process(context)

    assert caught.value.error_type == "SyntaxError"
    assert context.reporter.lines == [("info", "once")]  # type: ignore[attr-defined]


def test_a_script_with_nothing_to_call_says_what_to_do(handler: JavaScriptHandler) -> None:
    with pytest.raises(StepError, match=r"main.js has nothing to call: .* define main"):
        handler.process(attempt("const x = 1;"))


def test_the_second_argument_tells_of_run_and_attempt(handler: JavaScriptHandler) -> None:
    told = handler.process(attempt("(input, context) => context", results={"first": {"sum": 3}}))

    assert told == {
        "runId": "0199-run",
        "jobId": "0199-run",
        "taskId": "sum",
        "taskVersion": "1.2.0",
        "executionId": "0199-attempt",
        "stepName": "only",
        "attempt": 1,
        "idempotencyKey": "0199-key",
        "results": {"first": {"sum": 3}},
    }


def test_the_prelude_is_loaded_in_name_order_and_its_constants_are_seen(
    handler: JavaScriptHandler,
) -> None:
    files = {
        "lib/b.js": "const total = base + 1; order.push('b');",
        "lib/a.js": "const base = 1; const order = ['a'];",
        "lib/deeper/c.js": "order.push('never');",
        "other/lib/d.js": "order.push('never');",
        "main.js": "(function () { return [total, order] })",
    }

    assert handler.process(attempt(files)) == [2, ["a", "b"]]


def test_a_script_in_a_folder_has_the_prelude_beside_it(handler: JavaScriptHandler) -> None:
    files = {"tasks/lib/a.js": "function two() { return 2 }", "tasks/go.js": "(() => two())"}

    assert handler.process(attempt(files, config={"script": "tasks/go.js"})) == 2


def test_functions_of_the_prelude_are_not_taken_for_the_script(handler: JavaScriptHandler) -> None:
    files = {
        "lib/a.js": "function process() { return 'wrong' }\nmodule.exports = { main: process };",
        "main.js": "({ right: true })",
    }

    assert handler.process(attempt(files)) == {"right": True}


def test_what_a_script_leaves_behind_is_gone_for_the_next(handler: JavaScriptHandler) -> None:
    handler.process(attempt("globalThis.left = 1; Array.prototype.map = null; 1"))

    assert handler.process(attempt("[typeof left, [1].map((n) => n)]")) == ["undefined", [1]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("(() => undefined)", None),
        ("(() => NaN)", None),
        ("(() => new Date(0))", "1970-01-01T00:00:00.000Z"),
        ("(() => ({ a: undefined, b: () => 1, c: Infinity }))", {"c": None}),
        ("(() => 'half \\ud800 of one')", "half \ufffd of one"),
        ("(() => '\\\\ud800 \\ud83d\\ude00 \\u2028 \\0')", "\\ud800 \U0001f600 \u2028 \0"),
        ("(() => 1e21)", 1e21),
        ("(() => 9007199254740991)", 9007199254740991),
    ],
)
def test_results_go_through_json(handler: JavaScriptHandler, source: str, expected: Any) -> None:
    assert handler.process(attempt(source)) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [("(() => 10n)", "BigInt"), ("(() => { const a = {}; a.a = a; return a })", "circular")],
)
def test_a_result_that_is_no_json_fails_the_step(
    handler: JavaScriptHandler, source: str, message: str
) -> None:
    with pytest.raises(StepError, match=message) as caught:
        handler.process(attempt(source))

    assert caught.value.error_type == "TypeError"
