"""What a script's error means for its step: class, message, place, and whether to try again."""

from __future__ import annotations

import pytest
from javascript_attempt import attempt

from ratchet_core.sdk import PermanentError, RetryableError, StepError
from ratchet_javascript import JavaScriptHandler


def failure(handler: JavaScriptHandler, source: str | dict[str, str]) -> StepError:
    with pytest.raises(StepError) as caught:
        handler.process(attempt(source))
    return caught.value


@pytest.mark.parametrize(
    ("thrown", "error_type", "retryable"),
    [
        ("new NetworkError('x')", "NetworkError", True),
        ("new TimeoutError('x')", "TimeoutError", True),
        ("new RateLimitError('x')", "RateLimitError", True),
        ("new ServiceUnavailableError('x')", "ServiceUnavailableError", True),
        ("new HttpError(500, 'x')", "HttpError", True),
        ("new HttpError(599, 'x')", "HttpError", True),
        ("new HttpError(429, 'x')", "HttpError", True),
        ("new HttpError(404, 'x')", "HttpError", None),
        ("new ValidationError('x')", "ValidationError", False),
        ("new AuthenticationError('x')", "AuthenticationError", False),
        ("new AuthorizationError('x')", "AuthorizationError", False),
        ("new NotFoundError('x')", "NotFoundError", False),
        ("new ConfigurationError('x')", "ConfigurationError", False),
        ("new DataError('x')", "DataError", False),
        ("new SyntaxError('x')", "SyntaxError", False),
        ("new ReferenceError('x')", "ReferenceError", False),
        ("new RuntimeError('x')", "RuntimeError", None),
        ("new Error('x')", "Error", None),
        ("new TypeError('x')", "TypeError", None),
        ("new (class PaymentError extends DataError {})('x')", "PaymentError", False),
        ("new (class Busy extends NetworkError {})('x')", "Busy", True),
        ("new (class Odd extends Error {})('x')", "Odd", None),
        ("Object.assign(new Error('x'), { name: 'ValidationError' })", "ValidationError", False),
        ("'x'", "Error", None),
        ("new DOMException('x', 'AbortError')", "AbortError", None),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "(() => {{ throw {} }})",
        "(async () => {{ throw {} }})",
        "export const main = () => {{ throw {} }}",
    ],
)
def test_the_class_decides_about_another_try(
    handler: JavaScriptHandler, form: str, thrown: str, error_type: str, retryable: bool | None
) -> None:
    error = failure(handler, form.format(thrown))

    assert (error.error_type, str(error), error.retryable) == (error_type, "x", retryable)
    kinds = {True: RetryableError, False: PermanentError, None: StepError}
    assert type(error) is kinds[retryable]


@pytest.mark.parametrize(
    "thrown",
    [
        "new RateLimitError('slow down', 7.5)",
        "new RateLimitError('slow down', { retryAfter: '7.5' })",
        "Object.assign(new RateLimitError('slow down'), { retryAfter: 7.5 })",
        "new ServiceUnavailableError('slow down', 7.5)",
        "Object.assign(new HttpError(503, 'slow down'), { retryAfter: 7.5 })",
    ],
)
def test_retry_after_is_honoured(handler: JavaScriptHandler, thrown: str) -> None:
    error = failure(handler, f"(() => {{ throw {thrown} }})")

    assert error.retry_after_s == 7.5


@pytest.mark.parametrize("value", ["-1", "NaN", "'soon'", "{}"])
def test_a_retry_after_that_is_no_time_is_ignored(handler: JavaScriptHandler, value: str) -> None:
    source = f"(() => {{ const e = new RateLimitError('x'); e.retryAfter = {value}; throw e }})"

    assert failure(handler, source).retry_after_s is None


def test_an_http_error_tells_its_status(handler: JavaScriptHandler) -> None:
    error = failure(handler, "(() => { throw new HttpError(502) })")

    assert str(error) == "HTTP 502"
    assert error.details is not None
    assert error.details["status"] == 502


def test_errors_have_their_class_for_scripts(handler: JavaScriptHandler) -> None:
    source = """(() => ['AuthenticationError', 'AuthorizationError', 'NetworkError', 'HttpError',
        'ValidationError', 'ConfigurationError', 'RateLimitError', 'ServiceUnavailableError',
        'TimeoutError', 'DataError', 'NotFoundError', 'RuntimeError'].filter((name) => {
        const error = name === 'HttpError' ? new HttpError(400, 'm') : new globalThis[name]('m');
        return error instanceof Error && error instanceof globalThis[name] && error.name === name
            && error.message === 'm' && String(error) === `${name}: m`;
    }).length)"""

    assert handler.process(attempt(source)) == 12


@pytest.mark.parametrize(
    ("source", "error_type", "message", "retryable"),
    [
        ("throw new RateLimitError('slow', 3)", "RateLimitError", "slow", True),
        ("throw new DataError('two\\nlines: here')", "DataError", "two\nlines: here", False),
        ("throw new TypeError('plain')", "TypeError", "plain", None),
        ("throw new Error()", "Error", "", None),
        ("throw 'text'", "Error", "text", None),
        ("nowhere", "ReferenceError", "nowhere is not defined", False),
    ],
)
def test_a_throw_at_the_top_is_told_like_one_in_a_function(
    handler: JavaScriptHandler, source: str, error_type: str, message: str, retryable: bool | None
) -> None:
    error = failure(handler, source)

    assert (error.error_type, str(error), error.retryable) == (error_type, message, retryable)


def test_stacks_name_script_files_and_their_lines_only(handler: JavaScriptHandler) -> None:
    files = {
        "lib/helper.js": "// helps\n\nfunction help() {\n  return nowhere;\n}",
        "main.js": "(function (input) {\n\n    return [1].map(() => help());\n})",
    }

    error = failure(handler, files)

    assert error.details == {
        "stack": [
            "help (lib/helper.js:4:10)",
            "<anonymous> (main.js:3:26)",
            "<anonymous> (main.js:3:16)",
        ]
    }


def test_lines_are_right_in_bare_functions_and_modules(handler: JavaScriptHandler) -> None:
    bare = failure(handler, "function(input) {\n  throw new Error('x') }")
    module = failure(handler, "\nexport function main() {\n  throw new Error('x') }")

    assert bare.details == {"stack": ["<anonymous> (main.js:2:13)"]}
    assert module.details == {"stack": ["main (main.js:3:13)"]}


def test_a_syntax_error_tells_its_place_and_is_permanent(handler: JavaScriptHandler) -> None:
    error = failure(handler, "(function () {\n  let a = 5 5;\n})")

    assert isinstance(error, PermanentError)
    assert error.error_type == "SyntaxError"
    assert str(error).endswith("(main.js:2:13)")


def test_an_error_whose_properties_throw_is_described_all_the_same(
    handler: JavaScriptHandler,
) -> None:
    source = """(() => { throw new Proxy({}, { get() { throw new Error('never') } }) })"""

    assert failure(handler, source).error_type


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "script must name the file"),
        ({"script": "other.js"}, "other.js: there is no such script"),
        ({"script": "main.js", "memory_limit_mb": "64"}, "memory_limit_mb must be a whole number"),
        ({"script": "main.js", "memory_limit_mb": 0}, "from 8 to 4096"),
        ({"script": "main.js", "scirpt": 1}, "unknown key 'scirpt'"),
    ],
)
def test_a_wrong_configuration_is_found_at_load_and_at_run(
    handler: JavaScriptHandler, config: dict[str, object], message: str
) -> None:
    assert any(message in problem for problem in handler.check(config, {"main.js": "1"}))
    with pytest.raises(PermanentError, match=message):
        handler.process(attempt("1", config=config))


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"main.js": "let a =\n 5 5"}, "main.js:2:4: expecting ';'"),
        ({"main.js": "(function () {\n"}, "main.js:2"),
        ({"main.js": "1", "lib/a.js": "\n\nfunction ("}, "lib/a.js:3"),
        ({"main.js": "export const a = ;"}, "main.js:1"),
        ({"main.js": "import x from './lib/x.js';\nexport const main = x;"}, "without import"),
        ({"main.js": "1;\0"}, "NUL character"),
    ],
)
def test_wrong_syntax_is_found_with_file_and_line(
    handler: JavaScriptHandler, files: dict[str, str], problem: str
) -> None:
    problems = handler.check({"script": "main.js"}, files)

    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    "source",
    [
        "while (true) {}",
        "throw new Error('ran')",
        "export const x = (() => { while (true) {} })();",
        "function(input) { while (true) {} }",
    ],
)
def test_a_check_runs_nothing(handler: JavaScriptHandler, source: str) -> None:
    assert list(handler.check({"script": "main.js"}, {"main.js": source})) == []
