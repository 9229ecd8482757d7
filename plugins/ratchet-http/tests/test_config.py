"""What is wrong with a step's `handler_config` shows when the definition is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from ratchet_core.egress import MockClient
from ratchet_core.sdk import PluginServices
from ratchet_http import HttpHandler, ratchet_register_step_handlers

URL = "https://api.example.com/{{input.id}}"


def test_a_whole_configuration_is_right() -> None:
    config = {
        "url": URL,
        "method": "patch",
        "headers": {"X": "{{run.id}}", "Y": None, "Z": 1},
        "params": {"a": [1, 2], "b": "{{results['my-step'].body}}"},
        "body": {"a": ["{{input}}"], "k": "{{idempotency_key}}"},
        "timeout_s": 1.5,
        "expected_statuses": [200, 404],
        "max_redirects": 0,
        "idempotency_key": False,
    }

    assert HttpHandler().check(config, {}) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "url: is missing"),
        ({"url": None}, "url: is missing"),
        ({"url": 5}, "url: must be a text"),
        ({"url": "ftp://x"}, "url: must start with http:// or https://"),
        ({"url": "http://x/{{input.}}"}, "url: {{input.}}: "),
        ({"url": "http://x/{{inptu.a}}"}, "url: unknown variable 'inptu'; there are attempt, "),
        ({"url": "http://x/{% if a %}{% endif %}"}, "url: statements"),
        ({"url": URL, "timeout": 5}, "timeout: unknown key; did you mean 'timeout_s'?"),
        ({"url": URL, "header": {}}, "header: unknown key; did you mean 'headers'?"),
        ({"url": URL, "zzz": 1}, "zzz: unknown key; there are body, "),
        ({"url": URL, "method": "FETCH"}, "method: must be one of DELETE, GET"),
        ({"url": URL, "method": 1}, "method: must be one of"),
        ({"url": URL, "headers": ["a"]}, "headers: must be an object"),
        ({"url": URL, "headers": {"A": "{{a b}}"}}, "headers.A: {{a b}}: "),
        ({"url": URL, "params": "a=b"}, "params: must be an object"),
        ({"url": URL, "body": [{"x": "{{f()}}"}]}, "body[0].x: {{f()}}: calls"),
        ({"url": URL, "timeout_s": 0}, "timeout_s: must be a number"),
        ({"url": URL, "timeout_s": "5"}, "timeout_s: must be a number"),
        ({"url": URL, "timeout_s": float("nan")}, "timeout_s: must be a number"),
        ({"url": URL, "timeout_s": True}, "timeout_s: must be a number"),
        ({"url": URL, "expected_statuses": 200}, "expected_statuses: must be a list"),
        ({"url": URL, "expected_statuses": []}, "expected_statuses: must be a list"),
        ({"url": URL, "expected_statuses": [99]}, "expected_statuses: must be a list"),
        ({"url": URL, "max_redirects": -1}, "max_redirects: must be 0 to 50"),
        ({"url": URL, "max_redirects": True}, "max_redirects: must be 0 to 50"),
        ({"url": URL, "idempotency_key": "no"}, "idempotency_key: must be true or false"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(config: Mapping[str, Any], problem: str) -> None:
    problems = HttpHandler().check(config, {})

    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_all_problems_are_named_at_once() -> None:
    assert len(HttpHandler().check({"url": 1, "x": 1, "timeout_s": -1}, {})) == 3


def test_the_plugin_offers_its_handler_by_name() -> None:
    services = PluginServices(http=MockClient([]), data_dir=Path("unused"))

    handlers = list(ratchet_register_step_handlers(services))

    assert [handler.name for handler in handlers] == ["http"]


def test_the_distribution_announces_the_plugin() -> None:
    names = {entry.name: entry.value for entry in entry_points(group="ratchet")}

    assert names["http"] == "ratchet_http"
