"""Bad input for every operation of both dialects, on both databases.

The document says which operations there are and what they take, so a new one is tested the moment
that it is declared. Each call has to end in a problem that names what is wrong, and to leave
nothing behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ratchet_core.app import create_app
from ratchet_core.config import load_settings
from ratchet_core.runtime import Ratchet
from tests.integration.openapi.operations import House, Operation, wrong_texts, wrong_values
from tests.servers import DatabasePool

EXAMPLES = Path(__file__).resolve().parents[3] / "contrib" / "examples"
#: Reads any body, which is for its source to verify; reads no parameters.
WEBHOOK = "receiveWebhook"

#: Bodies that no operation takes, by what is wrong, with a word that has to be told about it.
BODIES = {
    "cut off": (b'{"a": ', 400, "line 1 column 7"),
    "blanks": (b"   ", 400, "line 1"),
    "not UTF-8": (b'{"a": "\xff"}', 400, "UTF-8"),
    "a NUL byte": (b'{"a": "\x00"}', 400, "line 1"),
    "NaN": (b'{"a": NaN}', 400, "line 1 column 7"),
    "Infinity": (b'{"a": -Infinity}', 400, "Infinity are not JSON"),
    "too large a number": (b'{"a": 1e999}', 400, "line 1"),
    "too long an integer": (b'{"a": 123456789012345678901}', 400, "64 bits"),
    "a lone surrogate": (b'{"a": "\\ud800"}', 400, "surrogate"),
    "a key twice": (b'{"a": 1, "b": 2, "a": 3}', 400, "'a' twice"),
    "two values": (b"{} {}", 400, "line 1 column 4"),
    "ten thousand levels": (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "levels"),
    "ten megabytes": (b'{"a": "' + b"a" * 10 * 1024 * 1024 + b'"}', 413, "max_body_bytes"),
    "an array": (b"[]", 400, "JSON object"),
    "a text": (b'"text"', 400, "JSON object"),
    "a number": (b"7", 400, "JSON object"),
    "null": (b"null", 400, "JSON object"),
}
CONTENT_TYPES = [
    None,
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/jsonp",
    "nonsense",
]
#: Texts that are no valid Unicode, or that no database stores, as they stand in a URL.
STRANGE = ["%00", "a%00b", "%ff", "%ed%a0%80"]
VERSIONS = ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0 ", "1.0.0-", "1." * 200, "'; --"]
CURSORS = ["absurd", "AAAA", "e30", "bnVsbA", "MTIz", "=" * 64, "a" * 2000]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Give an application without workers."""
    variables = {
        "RATCHET_DATA_DIR": str(tmp_path_factory.mktemp("bad-input")),
        "RATCHET_PATH": str(EXAMPLES),
    }
    with contextlib.ExitStack() as stack:
        if request.param == "postgresql":
            pool: DatabasePool = request.getfixturevalue("postgres_databases")
            variables["RATCHET_DATABASE_URL"] = stack.enter_context(pool.lend())
        ratchet = Ratchet(load_settings(None, variables).settings, variables)
        stack.callback(ratchet.close)
        ratchet.upgrade_database()
        ratchet.sync_definitions(on_change="replace")
        yield House(create_app(ratchet).test_client())


class Findings:
    """Answers that are not what they should be, and whether the calls have left something."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._before = house.counts()
        self._found: list[str] = []
        self._calls = 0

    def expect(
        self, operation: Operation, what: Any, answer: TestResponse, word: str, *statuses: int
    ) -> None:
        """Note an answer that is no problem, has another status, or does not say `word`."""
        self._calls += 1
        status = answer.status_code
        told = answer.get_json(silent=True) or {}
        error = told.get("error") if isinstance(told, dict) else None
        fits = status in statuses if statuses else 400 <= status < 500
        if not fits or not error or not {"type", "message", "code"} <= error.keys():
            self._note(operation, what, answer)
        elif word not in error["message"] and word not in str(error.get("details", "")):
            self._note(operation, what, answer, f"does not say {word!r}: ")

    def check(self) -> None:
        """Fail where something was found."""
        assert self._calls
        assert not self._found, f"{len(self._found)} findings:\n" + "\n".join(self._found[:60])
        assert self._house.counts() == self._before

    def _note(self, operation: Operation, what: Any, answer: TestResponse, why: str = "") -> None:
        text = f"{operation.name} {str(what)[:80]}: {why}{answer.status_code} {answer.text[:200]}"
        self._found.append(text)


@pytest.fixture
def findings(house: House) -> Findings:
    return Findings(house)


def with_body(house: House) -> list[Operation]:
    return [operation for operation in house.operations if operation.body is not None]


def properties(house: House, operation: Operation) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an operation's body with their schemas."""
    for name, schema in (operation.body or {}).get("properties", {}).items():
        yield name, house.resolved(schema)


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_is_no_json_object_is_refused(
    house: House, findings: Findings, kind: str
) -> None:
    raw, status, word = BODIES[kind]
    for operation in with_body(house):
        answer = house.call(operation, data=raw, content_type="application/json")
        findings.expect(operation, kind, answer, word, status)

    findings.check()


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_another_content_type_is_refused(
    house: House, findings: Findings, content_type: str | None
) -> None:
    for operation in with_body(house):
        answer = house.call(operation, data=b"{}", content_type=content_type)
        findings.expect(operation, content_type, answer, "JSON", 415)

    findings.check()


def test_an_unknown_field_is_refused_by_its_name(house: House, findings: Findings) -> None:
    for operation in with_body(house):
        answer = house.call(operation, json={"no_such_field": 1})
        findings.expect(operation, "field", answer, "no_such_field", 400, 422)

    findings.check()


def test_a_field_of_the_wrong_type_is_refused_by_its_name(house: House, findings: Findings) -> None:
    for operation in with_body(house):
        for name, schema in properties(house, operation):
            for value in wrong_values(schema):
                answer = house.call(operation, json={name: value})
                findings.expect(operation, {name: value}, answer, name, 400, 422)

    findings.check()


def test_a_text_that_no_database_stores_is_refused_by_its_name(
    house: House, findings: Findings
) -> None:
    for operation in with_body(house):
        for name, schema in properties(house, operation):
            if schema.get("type") == "string":
                answer = house.call(operation, json={name: "a\x00b"})
                findings.expect(operation, {name: "NUL"}, answer, name, 400, 422)

    findings.check()


def test_nul_in_an_open_value_is_stored_and_comes_back(house: House) -> None:
    body = {"name": "hello", "namespace": "default", "context": {"a\0": ["\0"]}}

    made = house.client.post("/tasker/tasks", json=body)

    assert made.status_code == 201, made.text
    shown = house.client.get(f"/tasker/tasks/{made.get_json()['id']}").get_json()
    assert shown["context"] == body["context"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_that_is_none_is_refused(house: House, findings: Findings, version: str) -> None:
    for operation in house.operations:
        if operation.body is not None and "version" in operation.body.get("properties", {}):
            answer = house.call(operation, json={"version": version})
            findings.expect(operation, version, answer, "version", 400, 422)
        if "version" in operation.query:
            answer = house.call(operation, query_string={"version": version})
            findings.expect(operation, version, answer, "version")

    findings.check()


def test_an_unknown_parameter_is_refused_by_its_name(house: House, findings: Findings) -> None:
    for operation in house.operations:
        if operation.name != WEBHOOK:
            answer = house.call(operation, "?no_such_parameter=1")
            findings.expect(operation, "parameter", answer, "no_such_parameter", 400)

    findings.check()


def test_a_parameter_given_twice_is_refused_by_its_name(house: House, findings: Findings) -> None:
    for operation in house.operations:
        for name in operation.query:
            answer = house.call(operation, f"?{name}=1&{name}=1")
            findings.expect(operation, name, answer, name, 400)

    findings.check()


def test_a_parameter_of_the_wrong_type_is_refused_by_its_name(
    house: House, findings: Findings
) -> None:
    for operation in house.operations:
        for name, schema in operation.query.items():
            texts = CURSORS if name == "cursor" else wrong_texts(house.resolved(schema))
            for text in texts:
                answer = house.call(operation, query_string={name: text})
                is_gone = answer.status_code == 404 and bool(operation.places)
                findings.expect(operation, {name: text}, answer, "" if is_gone else name, 400, 404)

    findings.check()


@pytest.mark.parametrize("text", STRANGE)
def test_a_parameter_that_is_no_text_is_refused_by_its_name(
    house: House, findings: Findings, text: str
) -> None:
    for operation in house.operations:
        for name in operation.query:
            answer = house.call(operation, f"?{name}={text}")
            findings.expect(operation, {name: text}, answer, name, 400)

    findings.check()


@pytest.mark.parametrize("text", [*STRANGE, "a" * 3000, "%F0%9F%A6%84", "%20", "..%2f..", "%0a"])
def test_a_place_that_names_nothing_is_refused(house: House, findings: Findings, text: str) -> None:
    for operation in house.operations:
        for place in operation.places:
            # a queue may be named like anything that can be seen, and be paused before it is used
            if place != "queue" or text in STRANGE:
                body: dict[str, Any] = {} if operation.body is None else {"json": {}}
                answer = house.call(operation, at={place: text}, **body)
                findings.expect(operation, {place: text}, answer, "")

    findings.check()


@pytest.mark.parametrize("key", ["", "a" * 300, "a" * 100_000, "\u00fc"])
def test_an_idempotency_key_that_is_none_is_refused(
    house: House, findings: Findings, key: str
) -> None:
    for operation in house.operations:
        if "Idempotency-Key" in operation.headers:
            answer = house.call(operation, json={}, headers={"Idempotency-Key": key})
            findings.expect(operation, key, answer, "", 400, 422)

    findings.check()


def test_a_method_that_a_path_does_not_know_names_those_that_it_does(
    house: House, findings: Findings
) -> None:
    known: dict[str, set[str]] = {}
    for operation in house.operations:
        known.setdefault(operation.path, set()).add(operation.method)
    for operation in house.operations:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known[operation.path]:
            made = Operation(operation.name, method, operation.path, {}, {}, None)
            answer = house.call(made)
            # a path such as /jobs/batch also fits /jobs/{job_id}, of which there is none
            findings.expect(made, method, answer, "", 405, 404)
            if answer.status_code == 405:
                assert known[operation.path] <= set(answer.headers["Allow"].split(", "))

    findings.check()
