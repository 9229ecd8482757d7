from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from ratchet_core.app import create_app
from ratchet_core.runtime import Ratchet

#: Routes of pages for people, and of GraphQL, which has a schema of its own.
PAGES = ("/graphql", "/docs", "/tasker/api-docs")


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """Give the OpenAPI document of everything."""
    return _document(client, "/openapi.json")


@pytest.fixture(params=["/openapi.json", "/tasker/api-docs.json"])
def either(client: FlaskClient, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give each OpenAPI document in turn."""
    return _document(client, request.param)


def _document(client: FlaskClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path).get_json()
    return found


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def test_yaml_and_json_say_the_same(client: FlaskClient, document: dict[str, Any]) -> None:
    answer = client.get("/openapi.yaml")

    assert answer.mimetype == "application/yaml"
    assert yaml.safe_load(answer.text) == document


def test_it_is_whole_when_several_ask_for_it_first(ratchet: Ratchet, client: FlaskClient) -> None:
    app = create_app(ratchet)
    paths = ["/openapi.json", "/openapi.yaml"] * 4
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(lambda path: app.test_client().get(path), paths))

    assert [answer.text for answer in answers] == [client.get(path).text for path in paths]


def test_it_covers_every_route_and_method_and_nothing_else(
    ratchet: Ratchet, document: dict[str, Any]
) -> None:
    routes = {
        (re.sub(r"<([^>]+)>", r"{\1}", rule.rule), method.lower())
        for rule in create_app(ratchet).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.endswith((".json", ".yaml")) and not rule.rule.startswith(PAGES)
    }

    assert {(path, method) for path, method, _ in _operations(document)} == routes


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_every_reference_leads_somewhere(either: dict[str, Any]) -> None:
    for reference in set(_references(either)):
        place: Any = either
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


def test_operation_ids_are_unique_words(either: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(either)]

    assert len(set(ids)) == len(ids)
    assert [word for word in ids if not word.isalnum()] == []


def test_schema_names_are_words(either: dict[str, Any]) -> None:
    assert [name for name in either["components"]["schemas"] if not name.isalnum()] == []


def test_every_path_parameter_is_declared(either: dict[str, Any]) -> None:
    for path, methods in either["paths"].items():
        declared = {item["name"] for item in methods.get("parameters", ()) if item["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), path


def test_every_operation_documents_its_problems(either: dict[str, Any]) -> None:
    bare = [
        operation["operationId"]
        for _, _, operation in _operations(either)
        if not {"400", "429", "500"} <= set(operation["responses"])
    ]

    assert bare == []


def _described_in(value: Any, schemas: dict[str, Any]) -> Iterator[str]:
    """Give the name of every schema that `value` refers to, and those that they refer to."""
    left, met = list(_references(value)), set()
    while left:
        name = left.pop().rpartition("/")[2]
        if name in schemas and name not in met:
            met.add(name)
            yield name
            left += _references(schemas[name])


def test_every_schema_of_an_answer_lists_its_required_keys(either: dict[str, Any]) -> None:
    schemas = either["components"]["schemas"]
    answers = [operation["responses"] for _, _, operation in _operations(either)]
    objects = {name for name in _described_in(answers, schemas) if "properties" in schemas[name]}

    assert len(objects) > 5
    assert sorted(name for name in objects if not schemas[name].get("required")) == []


def test_answers_list_their_required_keys(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert {"id", "status", "created_at", "completed_at"} <= set(schemas["Job"]["required"])
    assert {"from", "to"} == set(schemas["TaskerEdge"]["required"])
    assert "dependencies" not in schemas["TaskerTaskDetail"]["required"]


def test_a_client_may_keep_the_document(client: FlaskClient) -> None:
    tag = client.get("/openapi.json").headers["ETag"]

    assert client.get("/openapi.json", headers={"If-None-Match": tag}).status_code == 304


def test_the_reference_names_every_route(document: dict[str, Any]) -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "rest.md"
    text = page.read_text(encoding="utf-8")

    assert [path for path in document["paths"] if f"`{path}`" not in text] == []
