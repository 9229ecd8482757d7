"""The client that answers from a task's test mocks."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ratchet_core.egress.mock import MockClient
from ratchet_core.errors import DefinitionError
from ratchet_core.sdk.http import HttpRequest, NetworkFailure

URL = "https://api.example.com/v1/users?page=1"


def ask(mocks: Any, url: str = URL, method: str = "GET") -> tuple[int, Any]:
    response = MockClient(mocks).request(HttpRequest(url=url, method=method))
    json = response.headers["content-type"] == "application/json"
    return response.status, orjson.loads(response.body) if json else response.body.decode()


def test_one_mock_may_stand_without_a_list() -> None:
    assert ask({"url": URL, "method": "GET", "response": {"a": 1}}) == (200, {"a": 1})


@pytest.mark.parametrize("body", [None, True, 0, [1], {"a": 1}, {"status": "active", "body": 1}])
def test_a_response_that_is_no_whole_one_is_the_body_of_a_200(body: Any) -> None:
    assert ask([{"url": URL, "response": body}]) == (200, body)


@pytest.mark.parametrize("body", [{"status": 200}, {"ok": True}])
def test_a_body_that_only_mentions_a_status_is_a_body(body: Any) -> None:
    assert ask([{"url": URL, "response": body}]) == (200, body)


def test_a_whole_response_keeps_its_status_reason_and_headers() -> None:
    whole = {
        "ok": False,
        "status": 404,
        "statusText": "Gone Missing",
        "headers": {"X-Kind": "none"},
        "body": {"message": "no"},
    }

    response = MockClient([{"url": URL, "response": whole}]).request(HttpRequest(url=URL))

    assert (response.status, response.reason) == (404, "Gone Missing")
    assert response.headers == {"content-type": "application/json", "x-kind": "none"}
    assert orjson.loads(response.body) == {"message": "no"}
    assert response.url == URL


@pytest.mark.parametrize(("ok", "status"), [(True, 200), (False, 500)])
def test_ok_alone_implies_the_status(ok: bool, status: int) -> None:
    assert ask([{"url": URL, "response": {"ok": ok, "body": "text"}}]) == (status, "text")


def test_the_most_specific_mock_answers_wherever_it_stands() -> None:
    mocks = [
        {"url": "example.com", "response": "part"},
        {"url": "example.com/v1", "response": "longer part"},
        {"url": URL, "response": "whole"},
        {"url": URL, "method": "get", "response": "whole with method"},
        {"url": URL, "method": "GET", "response": "too late"},
    ]

    assert ask(mocks)[1] == "whole with method"
    assert ask(mocks, method="POST")[1] == "whole"
    assert ask(mocks, url=URL + "2")[1] == "whole with method"
    assert ask(mocks, url="https://example.com/v1/x")[1] == "longer part"
    assert ask(mocks, url="https://example.com/")[1] == "part"


@pytest.mark.parametrize("mocks", [None, [], [{"url": URL, "method": "POST", "response": 1}]])
def test_a_request_without_a_mock_fails_and_is_named(mocks: Any) -> None:
    with pytest.raises(
        NetworkFailure, match=r"^no mock for GET https://api\.example\.com/v1/users"
    ):
        ask(mocks)


@pytest.mark.parametrize(
    ("mock", "place"),
    [
        ("x", "mock.http[0]"),
        ({"url": URL}, "mock.http[0].response"),
        ({"response": 1}, "mock.http[0].url"),
        ({"url": "", "response": 1}, "mock.http[0].url"),
        ({"url": URL, "method": 5, "response": 1}, "mock.http[0].method"),
        ({"url": URL, "respnse": 1}, "mock.http[0]"),
        ({"url": URL, "response": {"status": 99, "body": 1}}, "mock.http[0].response.status"),
        (
            {"url": URL, "response": {"status": 200, "headers": {"a": 1}}},
            "mock.http[0].response.headers",
        ),
    ],
)
def test_a_malformed_mock_is_refused_with_its_place(mock: Any, place: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        MockClient([mock])

    assert caught.value.place == place
