"""Test cases of a script: `tests/*.json`, in every spelling that such files were written in.

Only the format; `ratchet test` runs them.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Final

from ratchet_core.registry.document import Document, parse_json
from ratchet_core.registry.fields import Fields, nearest
from ratchet_core.registry.folder import Folder
from ratchet_core.registry.found import Assertion, ExpectedError, HttpMock, TestCase
from ratchet_core.registry.yaml_document import locate_json

#: How an assertion may compare.
OPERATORS: Final = (
    "equals",
    "not_equals",
    "contains",
    "not_contains",
    "exists",
    "not_exists",
    "greater_than",
    "less_than",
    "matches",
)

_ERROR: Final = re.compile(r"(?:(?P<type>[A-Za-z_]\w*Error)(?::\s*|$))?(?P<message>.*)", re.DOTALL)
_KEYS: Final = frozenset(
    {
        "name",
        "description",
        "input",
        "expected_output",
        "expected",
        "expected_error",
        "should_fail",
        "assertions",
        "mock",
        "mock_http",
        "metadata",
    }
)


def read_case(folder: Folder, path: str) -> TestCase:
    """Read one test case.

    Args:
        folder: of the script.
        path: of the case, relative to it.

    Raises:
        DefinitionError: not JSON, of the wrong shape, or with an unknown key.
    """
    document = parse_json(folder.read(path), f"{folder.label}/{path}", locate_json)
    fields = Fields(document, document.value)
    fields.refuse_unknown(_KEYS)
    expected = fields.value.get("expected_output", fields.value.get("expected"))
    error = _expected_error(fields)
    return TestCase(
        name=fields.text("name", PurePosixPath(path).stem),
        file=document.file,
        description=fields.text("description"),
        input=fields.value.get("input"),
        has_expected_output=not fields.value.keys().isdisjoint({"expected_output", "expected"}),
        expected_output=expected,
        should_fail=fields.flag("should_fail", default=error is not None),
        expected_error=error,
        assertions=tuple(
            _assertion(Fields(document, item, ("assertions", index)))
            for index, item in enumerate(fields.items("assertions"))
        ),
        mocks=tuple(_mocks(document, fields)),
    )


def _expected_error(fields: Fields) -> ExpectedError | None:
    """Read `expected_error`: a type, `Type: message`, part of a message, or a mapping of both."""
    value = fields.value.get("expected_error")
    if isinstance(value, dict):
        error = Fields(fields.document, value, fields.place_of("expected_error"))
        error.refuse_unknown({"type", "message"})
        return ExpectedError(type=error.text("type") or None, message=error.text("message") or None)
    match = _ERROR.fullmatch(fields.text("expected_error"))
    if value is None or match is None:
        return None
    return ExpectedError(type=match["type"], message=match["message"] or None)


def _assertion(fields: Fields) -> Assertion:
    fields.refuse_unknown({"path", "operator", "expected", "description"})
    operator = fields.text("operator", "equals")
    if operator not in OPERATORS:
        reason = f"unknown operator {operator!r}{nearest(operator, OPERATORS)}"
        raise fields.error(reason, "operator")
    return Assertion(
        path=fields.text("path"), operator=operator, expected=fields.value.get("expected")
    )


def _mocks(document: Document, fields: Fields) -> list[HttpMock]:
    """Read `mock.http` and `mock_http`: one answer, or a list of them."""
    mock = Fields(document, fields.mapping("mock"), ("mock",))
    mock.refuse_unknown({"http"})
    found: list[HttpMock] = []
    for source, key in ((mock, "http"), (fields, "mock_http")):
        value = source.value.get(key)
        items = value if isinstance(value, list) else [value] if value is not None else []
        for index, item in enumerate(items):
            rest = (index,) if isinstance(value, list) else ()
            found.append(_mock(Fields(document, item, (*source.place_of(key), *rest))))
    return found


def _mock(fields: Fields) -> HttpMock:
    """Read one answer: `response` is a whole one where it has `status` or `ok`, else the body."""
    fields.refuse_unknown({"url", "method", "response", "status", "headers", "body"})
    response = fields.value.get("response")
    if "response" not in fields.value:
        answer = fields
    elif isinstance(response, dict) and not response.keys().isdisjoint({"status", "ok"}):
        answer = Fields(fields.document, response, fields.place_of("response"))
    else:
        answer = Fields(fields.document, {"body": response}, fields.place)
    status = answer.integer("status", 200 if answer.flag("ok", default=True) else 500, 100, 599)
    return HttpMock(
        method=fields.text("method", "GET").upper(),
        url=fields.needed_text("url"),
        status=status,
        status_text=answer.text("statusText", _phrase(status)),
        headers={key.lower(): str(item) for key, item in answer.mapping("headers").items()},
        body=answer.value.get("body"),
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
