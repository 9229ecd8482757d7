"""Input reaches the script as it was given, and never as part of its source."""

from __future__ import annotations

import math
from typing import Any

import pytest
from javascript_attempt import Recorder, attempt

from ratchet_core.sdk import StepError
from ratchet_javascript import JavaScriptHandler


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


NASTY = {
    "quotes": 'it\'s "quoted" and `so` is ${this}',
    "backslashes": "C:\\temp\\new \\u0041 \\",
    "lines": "one\ntwo\r\nthree\rfour\u2028five\u2029six\x85",
    "controls": "".join(map(chr, range(32))) + "\x7f",
    "code": "'); throw new Error('spliced'); ('",
    "unicode": "grüße 日本語 \U0001f600 \u200f \ufeff",
    "numbers": [0, -1, 1.5, 1e300, 2**53 - 1, -(2**53) + 1],
    "constants": [None, True, False, {}, [], ""],
    "keys": {"__proto__": 1, "constructor": 2, "a b": 3, "": 4, "\u2028": 5},
    "nested": nested(900),
}


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
def test_ratchet_018_input_is_delivered_unchanged(handler: JavaScriptHandler, value: Any) -> None:
    assert handler.process(attempt("(function (input) { return input })", value)) == value


def test_what_json_cannot_say_becomes_null(handler: JavaScriptHandler) -> None:
    value = [math.nan, math.inf, -math.inf]

    assert handler.process(attempt("(input) => input", value)) == [None, None, None]


def test_half_a_character_reaches_the_script_and_is_replaced_on_its_way_back(
    handler: JavaScriptHandler,
) -> None:
    source = "(input) => [input[0].charCodeAt(1), input[0], input[1]]"

    result = handler.process(attempt(source, ["a\ud800b", math.nan]))

    assert result == [0xD800, "a\ufffdb", None]


def test_nesting_beyond_the_engine_fails_the_step_and_no_other(handler: JavaScriptHandler) -> None:
    source = "(input) => { let a = []; for (let i = 0; i < 200000; i++) a = [a]; return a }"

    with pytest.raises(StepError) as caught:
        handler.process(attempt(source))

    assert caught.value.error_type == "RangeError"
    assert handler.process(attempt("1")) == 1


def test_a_large_input_comes_through(handler: JavaScriptHandler) -> None:
    rows = [{"id": n, "name": f"row {n}", "tags": ["a", "b"]} for n in range(20_000)]

    result = handler.process(attempt("(input) => [input.length, input[19999].name]", rows))

    assert result == [20_000, "row 19999"]


def test_secrets_stand_beside_the_input_and_win(handler: JavaScriptHandler) -> None:
    source = "(input) => [Object.keys(input), input.webhook_secret.length, input.webhook.path]"
    given = {"webhook": {"path": "/in"}, "webhook_secret": "the sender's own"}

    result = handler.process(attempt(source, given, secrets={"webhook_secret": "s3cret-key"}))

    assert result == [["webhook", "webhook_secret"], 10, "/in"]


def test_secrets_are_taken_out_of_results_log_and_progress(handler: JavaScriptHandler) -> None:
    source = """(input) => {
        console.log('keyed with', input.webhook_secret, input);
        reportProgress({ progress: 0.5, message: input.webhook_secret, data: input });
        return { all: input, text: `<${input.webhook_secret}>` };
    }"""
    secrets = {"webhook_secret": 'päss"word\\', "more": {"list": ["hidden-too"]}}
    context = attempt(source, {"a": 1}, secrets=secrets)

    result = handler.process(context)

    assert result["text"] == "<[secret]>"
    assert result["all"]["more"] == {"list": ["[secret]"]}
    assert isinstance(context.reporter, Recorder)
    told = repr([result, context.reporter.lines, context.reporter.updates])
    assert "word" not in told
    assert "hidden" not in told


def test_secrets_are_taken_out_of_errors(handler: JavaScriptHandler) -> None:
    source = "(input) => { throw new Error('bad key ' + input.webhook_secret) }"

    with pytest.raises(StepError) as caught:
        handler.process(attempt(source, {}, secrets={"webhook_secret": "s3cret-key"}))

    assert str(caught.value) == "bad key [secret]"
