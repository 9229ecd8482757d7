from __future__ import annotations

from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from ratchet_core.api.door.body import BodyLimits, parse_json, read_json
from ratchet_core.api.door.refusal import UnsupportedMediaType
from ratchet_core.errors import InvalidRequest, PayloadTooLarge

LIMITS = BodyLimits(max_bytes=1000, max_depth=100)


def _request(body: bytes, content_type: str | None = "application/json") -> Request:
    builder = EnvironBuilder(method="POST", data=body, content_type=content_type)
    return Request(builder.get_environ())


def _nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=UTF-8", "application/vnd.api+json"],
)
def test_json_is_read_however_it_is_said_to_be_json(content_type: str) -> None:
    assert read_json(_request(b'{"a": 99.99}', content_type), LIMITS) == {"a": 99.99}


def test_no_body_needs_no_content_type() -> None:
    assert read_json(_request(b"", None), LIMITS) is None


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", None, "application/json; charset=latin-1"],
)
def test_another_content_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_json(_request(b"{}", content_type), LIMITS)


def test_a_body_over_the_limit_is_refused_with_the_limit_named() -> None:
    with pytest.raises(PayloadTooLarge, match="1,000 bytes"):
        read_json(_request(b'"' + b"a" * 1000 + b'"'), LIMITS)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":}', "line 1 column 6"),
        (b'{\n"a": NaN}', "NaN and Infinity are not JSON: line 2 column 6"),
        (b'"\\ud800"', "surrogate"),
        (b"\xff", "UTF-8"),
        (b"1e999", "infinity"),
        (b"{} {}", "line 1 column 4"),
        (b'{"id": 123456789012345678901}', "does not fit 64 bits"),
        (b'{"a": 1, "a": 2}', "has 'a' twice"),
        (b'{"x": [0, {"a": {"b": 1, "c": 2, "b": 1}}]}', r"has 'x\[1\].a.b' twice"),
        (b'{"\\u0061": 1, "a": 2}', "has 'a' twice"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(raw: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        parse_json(raw, 100)


@pytest.mark.parametrize("levels", [101, 1000, 10_000, 100_000])
def test_deep_nesting_is_refused_whatever_its_depth(levels: int) -> None:
    with pytest.raises(InvalidRequest, match="deeper than 100 levels"):
        parse_json(_nested(levels), 100)


def test_the_same_key_in_different_objects_is_read() -> None:
    assert parse_json(b'[{"a": {"a": 1}}, {"a": "a:a:a"}]', 100)[1] == {"a": "a:a:a"}


def test_nesting_up_to_the_limit_is_read() -> None:
    value = parse_json(_nested(100), 100)

    assert value[0][0] is not None


@pytest.mark.parametrize(
    "value", [18446744073709551615, -9223372036854775808, 0.1, "1234567890123456789012"]
)
def test_numbers_that_fit_and_long_digits_in_texts_are_kept(value: Any) -> None:
    assert parse_json(repr(value).replace("'", '"').encode(), 100) == value
