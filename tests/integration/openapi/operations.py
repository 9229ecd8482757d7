"""Every operation of the document of an application that holds one of each thing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_METHODS = {"get", "post", "put", "patch", "delete"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the document describes it."""

    name: str  #: its id
    method: str
    path: str  #: with `{parameters}`
    query: Mapping[str, Mapping[str, Any]]  #: schemas of the parameters by name
    headers: Mapping[str, Mapping[str, Any]]  #: schemas of the headers that it reads
    body: Mapping[str, Any] | None  #: schema of its body

    @property
    def places(self) -> list[str]:
        """Names of the parameters in its path."""
        return [part[1:].partition("}")[0] for part in self.path.split("/") if part[:1] == "{"]


class House:
    """An application with one thing of each kind, and a caller of its operations."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.document = client.get("/openapi.json").get_json()
        self.operations = [
            self._operation(path, method, item)
            for path, items in self.document["paths"].items()
            for method, item in items.items()
            if method in _METHODS
        ]
        self._things = self._make_things()

    def call(
        self, operation: Operation, suffix: str = "", *, at: Mapping[str, str] = {}, **options: Any
    ) -> TestResponse:
        """Call an operation.

        Args:
            operation: which one.
            suffix: goes behind the path: the query.
            at: texts of path parameters, quoted already; the others name existing things.
            options: as of werkzeug's client.
        """
        path = operation.path
        for place in operation.places:
            text = at.get(place) or quote(self._thing(operation, place), safe="")
            path = path.replace(f"{{{place}}}", text)
        # werkzeug's client would write the path anew, without what is not UTF-8
        raw = {"PATH_INFO": unquote_to_bytes(path).decode("latin-1")}
        return self.client.open(
            path + suffix, method=operation.method, environ_overrides=raw, **options
        )

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a schema, not the reference to it."""
        reference = schema.get("$ref")
        if reference is None and len(schema.get("allOf", ())) == 1:
            reference = schema["allOf"][0].get("$ref")
        if reference is None:
            return schema
        found: Mapping[str, Any] = self.document["components"]["schemas"][reference.split("/")[-1]]
        return found

    def counts(self) -> dict[str, Any]:
        """Return how many things there are, to tell whether a refused call has left some."""
        lists = ("jobs", "tasks", "schedules", "executions", "deliveries")
        totals = {name: self._get(f"/api/v1/{name}?limit=1")["total"] for name in lists}
        return totals | {"pauses": self._get("/api/v1/pauses")}

    def _operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        found: dict[str, dict[str, Any]] = {"query": {}, "header": {}, "path": {}}
        for parameter in item.get("parameters", ()):
            found[parameter["in"]][parameter["name"]] = parameter["schema"]
        body = item.get("requestBody", {}).get("content", {}).get("application/json")
        return Operation(
            name=item["operationId"],
            method=method.upper(),
            path=path,
            query=found["query"],
            headers=found["header"],
            body=None if body is None else self.resolved(body["schema"]),
        )

    def _make_things(self) -> dict[str, str]:
        made = self._post(
            "/tasker/tasks",
            {"name": "process_payment", "namespace": "payments", "context": {"payment_id": 1}},
        )
        annotated = self._post(
            f"/tasker/tasks/{made['id']}/annotations", {"annotation_type": "t", "annotation": {}}
        )
        schedule = self._post(
            "/api/v1/schedules",
            {"task_id": "hello", "cron_expression": "0 9 * * *", "enabled": False},
        )
        return {
            "run": made["id"],
            "annotation_id": annotated["task_annotation_id"],
            "schedule_id": schedule["id"],
            "task": "addition",
            "namespace": "payments",
            "handler": "process_payment",
            "step": "validate_payment",
            "queue": "default",
        }

    def _thing(self, operation: Operation, place: str) -> str:
        if place == "job_id" or (operation.path.startswith("/tasker/tasks") and "id" in place[-7:]):
            place = "annotation_id" if place == "annotation_id" else "run"
        if place == "task_id":
            place = "task"
        if place == "name" and "/handlers/" in operation.path:
            place = "handler"
        return self._things.get(place, str(uuid.UUID(int=7)))

    def _get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def _post(self, path: str, body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.get_json()


def wrong_values(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield JSON values of another type than the schema's, or none of its legal ones."""
    kind = schema.get("type")
    if kind is None:
        return
    values = {
        "string": "text",
        "integer": 7,
        "number": 1.5,
        "boolean": True,
        "array": [],
        "object": {},
    }
    fitting = {kind, *(("integer",) if kind == "number" else ())}
    yield from (value for name, value in values.items() if name not in fitting)
    if "enum" in schema:
        yield "no-such-value"
    if kind == "integer":
        yield from (1.5, 2**63)
    if schema.get("format") == "date-time":
        yield from ("yesterday", "2024-13-01T00:00:00Z")


def wrong_texts(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield texts that a parameter of that schema may not be."""
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        yield from ("x", "", "1_0", " 7", "-1", "1e9", "9" * 30, "NaN", "\u0663")
    if kind == "integer":
        yield "1.5"
    if kind == "boolean":
        yield from ("maybe", "")
    if kind == "array":
        yield ","
    if "enum" in schema:
        yield "no-such-value"
    if schema.get("format") == "date-time":
        yield from ("yesterday", "2024-13-01T00:00:00Z")
