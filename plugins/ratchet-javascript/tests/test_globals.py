"""What scripts find: console, progress, crypto, timers, and the parts of the web platform."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from typing import Any

import pytest
from javascript_attempt import Recorder, attempt

from ratchet_core.sdk import StepError
from ratchet_javascript import JavaScriptHandler, Limits


def run(handler: JavaScriptHandler, source: str, value: Any = None) -> tuple[Any, Recorder]:
    context = attempt(source, value)
    result = handler.process(context)
    assert isinstance(context.reporter, Recorder)
    return result, context.reporter


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("'plain text'", "plain text"),
        ("'a', 1, true, null, undefined, -0, 10n", "a 1 true null undefined -0 10n"),
        ("{ a: 1, b: 'it\\'s', 'c d': [1, 'x'] }", "{ a: 1, b: \"it's\", 'c d': [ 1, 'x' ] }"),
        ("[]", "[]"),
        ("{ a: { b: { c: { d: 1 } } } }", "{ a: { b: { c: [Object] } } }"),
        ("'%s has %d of %j', 'x', 2, {a: 1}, 'more'", 'x has 2 of {"a":1} more'),
        ("'100%', 5", "100% 5"),
        ("new Map([['k', [1]]]), new Set([1])", "Map(1) { 'k' => [ 1 ] } Set(1) { 1 }"),
        ("class A {}, () => 1, function f() {}", "[class A] [Function (anonymous)] [Function: f]"),
        ("new (class Point { x = 1 })()", "Point { x: 1 }"),
        ("(() => { const a = {}; a.self = a; return a })()", "{ self: [Circular] }"),
        ("new ValidationError('bad')", "ValidationError: bad"),
        ("new Date(0), /x/g", "1970-01-01T00:00:00.000Z /x/g"),
        ("{ get x() { return 1 } }", "{ x: [Getter] }"),
    ],
)
def test_console_shows_values_as_node_does(
    handler: JavaScriptHandler, arguments: str, line: str
) -> None:
    _, reporter = run(handler, f"(() => {{ console.log({arguments}) }})")

    assert reporter.lines == [("info", line)]


def test_console_breaks_what_does_not_fit_a_line(handler: JavaScriptHandler) -> None:
    _, reporter = run(handler, "(() => { console.log({ a: 'x'.repeat(60), b: 'y'.repeat(20) }) })")

    assert reporter.lines[0][1] == f"{{\n  a: '{'x' * 60}',\n  b: '{'y' * 20}'\n}}"


def test_console_has_levels(handler: JavaScriptHandler) -> None:
    source = """(() => {
        for (const level of ['log', 'info', 'warn', 'error', 'debug']) console[level](level);
    })"""

    _, reporter = run(handler, source)

    assert [level for level, _ in reporter.lines] == ["info", "info", "warning", "error", "debug"]


def test_a_value_that_cannot_be_shown_does_not_end_the_script(handler: JavaScriptHandler) -> None:
    source = "(() => { console.log(new Proxy({}, { ownKeys() { throw 1 } })); return 'on' })"

    result, reporter = run(handler, source)

    assert result == "on"
    assert len(reporter.lines) == 1


def test_lines_beyond_the_limit_are_dropped_and_that_is_said() -> None:
    handler = JavaScriptHandler(Limits(log_lines=3))
    source = "(() => { for (let i = 0; i < 100000; i++) console.log(i); return 'on' })"

    result, reporter = run(handler, source)
    handler.close()

    assert result == "on"
    assert [line for _, line in reporter.lines[:3]] == ["0", "1", "2"]
    assert len(reporter.lines) == 4
    assert "3 are kept" in reporter.lines[3][1]


def test_a_long_line_is_cut(handler: JavaScriptHandler) -> None:
    _, reporter = run(handler, "(() => { console.log('x'.repeat(1e6)) })")

    assert len(reporter.lines[0][1]) == 10_000


def test_progress_is_a_number_or_an_object(handler: JavaScriptHandler) -> None:
    source = """(() => {
        reportProgress(0.25);
        global.reportProgress({ progress: 0.5, step: 'load', message: 'loading', data: { n: 1 } });
        reportProgress({ progress: 7, step: 'end', timestamp: 'now' });
    })"""

    _, reporter = run(handler, source)

    assert reporter.updates == [
        (0.25, None, None),
        (0.5, "loading", {"step": "load", "n": 1}),
        (1.0, "end", None),
    ]


def test_crypto_gives_the_digests_that_others_give(handler: JavaScriptHandler) -> None:
    key, text = "schlüssel", "body \0 \U0001f600"
    source = """(({ key, text }) => [
        crypto.hmacSha256Hex(key, text), crypto.hmacSha256Base64('k', 't'), crypto.sha256Hex(text),
    ])"""

    result, _ = run(handler, source, {"key": key, "text": text})

    assert result == [
        hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest(),
        base64.b64encode(hmac.new(b"k", b"t", hashlib.sha256).digest()).decode(),
        hashlib.sha256(text.encode()).hexdigest(),
    ]


def test_crypto_compares_and_makes_random_values(handler: JavaScriptHandler) -> None:
    source = """(() => [
        crypto.timingSafeEqual('abc', 'abc'), crypto.timingSafeEqual('abc', 'abd'),
        crypto.timingSafeEqual('abc', 'ab'), crypto.randomUUID(), crypto.randomUUID(),
        crypto.getRandomValues(new Uint8Array(8)).length,
    ])"""

    result, _ = run(handler, source)

    assert result[:3] == [True, False, False]
    assert uuid.UUID(result[3]).version == 4
    assert result[3] != result[4]
    assert result[5] == 8


def test_crypto_refuses_what_is_no_text(handler: JavaScriptHandler) -> None:
    with pytest.raises(StepError, match="the text must be a string") as caught:
        handler.process(attempt("(() => crypto.hmacSha256Hex('key', { a: 1 }))"))

    assert caught.value.error_type == "TypeError"


def test_timers_fire_in_order_while_a_promise_is_awaited(handler: JavaScriptHandler) -> None:
    source = """(async () => {
        const order = [];
        setTimeout((name) => order.push(name), 20, 'second');
        setTimeout(() => order.push('first'), 1);
        const gone = setTimeout(() => order.push('never'), 5);
        clearTimeout(gone);
        const every = setInterval(() => order.push('tick'), 6);
        await new Promise((resolve) => setTimeout(resolve, 40));
        clearInterval(every);
        return order.filter((name) => name !== 'tick').concat(order.includes('tick'));
    })"""

    result, _ = run(handler, source)

    assert result == ["first", "second", True]


def test_an_error_in_a_timer_fails_the_script(handler: JavaScriptHandler) -> None:
    source = """(async () => {
        setTimeout(() => { throw new DataError('late') }, 1);
        await new Promise(() => {});
    })"""

    with pytest.raises(StepError, match="late") as caught:
        handler.process(attempt(source))

    assert caught.value.error_type == "DataError"


def test_a_promise_that_nothing_can_settle_fails_the_script(handler: JavaScriptHandler) -> None:
    with pytest.raises(StepError, match="never settles"):
        handler.process(attempt("(() => new Promise(() => {}))"))


WEB = {
    "new URL('https://u:p@EX.com:443/a/../b%20c/./d e?q=1&q=2#h').href": (
        "https://u:p@ex.com/b%20c/d%20e?q=1&q=2#h"
    ),
    "new URL('../x?y', 'http://h:81/a/b/c').href": "http://h:81/a/x?y",
    "new URL('//other/x', 'https://h/').href": "https://other/x",
    "new URL('?n=1', 'https://h/p?old').href": "https://h/p?n=1",
    "new URL('https://h:8443/p').host": "h:8443",
    "new URL('https://h/p').origin": "https://h",
    "new URL('mailto:a@b.c').pathname": "a@b.c",
    "[URL.canParse('nonsense'), URL.canParse('http://'), URL.canParse('http://h')]": [
        False,
        False,
        True,
    ],
    "(() => { const u = new URL('http://h/'); u.searchParams.append('a b', 'ü&'); return u.href })()": (  # noqa: E501
        "http://h/?a+b=%C3%BC%26"
    ),
    "(() => { const u = new URL('http://h/x'); u.pathname = 'y z'; u.search = 'q'; return u + '' })()": (  # noqa: E501
        "http://h/y%20z?q"
    ),
    "new URLSearchParams({ q: 'a b', n: 1 }).toString()": "q=a+b&n=1",
    "[...new URLSearchParams('?a=1&a=%C3%BC+x&b')]": [["a", "1"], ["a", "ü x"], ["b", ""]],
    "(() => { const p = new URLSearchParams('a=1&b=2&a=3'); p.set('a', 9); return p + '' })()": (
        "a=9&b=2"
    ),
    "[...new TextEncoder().encode('aü€\\u{1f600}')]": list("aü€\U0001f600".encode()),
    "new TextDecoder().decode(new Uint8Array([0xc3, 0xbc, 0xff, 0xe2, 0x82]))": "ü\ufffd\ufffd",
    "btoa('hello') + atob('aGk=')": "aGVsbG8=hi",
    "new Headers({ 'X-A': '1' }).get('x-a')": "1",
    "structuredClone({ a: [1, new Date(0)], m: new Map([[1, { b: 2 }]]) }).m.get(1)": {"b": 2},
    "typeof process": "undefined",
    "[global === globalThis, typeof require, typeof queueMicrotask]": [
        True,
        "undefined",
        "function",
    ],
    "(() => { const c = new AbortController(); let n = 0; c.signal.onabort = () => { n += 1 };"
    " c.abort(); c.abort(); return [n, c.signal.aborted, c.signal.reason.name] })()": [
        1,
        True,
        "AbortError",
    ],
}


@pytest.mark.parametrize(("expression", "expected"), WEB.items(), ids=WEB)
def test_the_web_platform_answers_as_elsewhere(
    handler: JavaScriptHandler, expression: str, expected: Any
) -> None:
    assert run(handler, f"(() => {expression})")[0] == expected


def test_scripts_may_use_the_names_of_globals_for_their_own(handler: JavaScriptHandler) -> None:
    source = """
    const console = { log: (text) => text };
    class NetworkError extends Error {}
    function fetch() { return 'mine' }
    var URL = 5;
    let crypto = 6;
    (function () { return [console.log('a'), new NetworkError('x').message, fetch(), URL, crypto] })
    """

    assert run(handler, source)[0] == ["a", "x", "mine", 5, 6]


SURFACE = """
(function (input = {}, { attempt } = {}) {
    const { list: [first, ...rest], deep: { value = 7 } = {} } = input;
    const keys = { [`k${first}`]: 1, ...{ z: 26 }, rest };
    class Shape {
        #side; constructor(side) { this.#side = side } get area() { return this.#side ** 2 }
    }
    class Square extends Shape { static of(n) { return new Square(n) } }
    function* count(to) { for (let i = 0; i < to; i++) yield i }
    const seen = new Map([['a', 1]]), unique = new Set([1, 1, 2]);
    const label = (kind) => {
        switch (kind) { case 'x': { const v = 1; return v } default: return 0 }
    };
    let text = '';
    for (const [key, item] of Object.entries({ a: 1, b: 2 })) text += `${key}=${item};`;
    for (const key in { p: 1 }) text += key;
    try { null.x } catch (error) { text += error instanceof TypeError } finally { text += '!' }
    while (text.length < 20) text = text.padStart(20, '.');
    return {
        first, rest, value, attempt, keys, area: Square.of(3).area, counted: [...count(3)],
        size: seen.size + unique.size, kinds: [label('x'), label('y')], text,
        sorted: [3, 1, 2].sort((a, b) => a - b), found: [1, 2].find((n) => n > 1),
        reduced: [1, 2, 3].reduce((sum, n) => sum + n, 0), some: [1].some(Boolean),
        chain: input?.nothing?.at?.all ?? 'none', fixed: (1 / 3).toFixed(2),
        day: new Date('2024-02-29T12:00:00Z').toISOString().split('T')[0],
        took: new Date('2024-01-01T00:00:02Z') - new Date('2024-01-01T00:00:00Z'),
        encoded: encodeURIComponent('a b&c'), parsed: [parseInt('12px'), parseFloat('1.5')],
        cut: ' a,b '.trim().split(',').slice(1).join(''), match: /(\\d+)/.exec('n42')[1],
        late: (() => { let n = 0; return () => ++n })()(),
    };
})
"""


def test_the_language_of_the_sample_scripts_is_there(handler: JavaScriptHandler) -> None:
    result, _ = run(handler, SURFACE, {"list": [1, 2, 3]})

    assert result == {
        "first": 1,
        "rest": [2, 3],
        "value": 7,
        "attempt": 1,
        "keys": {"k1": 1, "z": 26, "rest": [2, 3]},
        "area": 9,
        "counted": [0, 1, 2],
        "size": 3,
        "kinds": [1, 0],
        "text": "......a=1;b=2;ptrue!",
        "sorted": [1, 2, 3],
        "found": 2,
        "reduced": 6,
        "some": True,
        "chain": "none",
        "fixed": "0.33",
        "day": "2024-02-29",
        "took": 2000,
        "encoded": "a%20b%26c",
        "parsed": [12, 1.5],
        "cut": "b",
        "match": "42",
        "late": 1,
    }
