"""Checks answers against the OpenAPI document that the server itself gives out.

Every call that an acceptance test makes goes through here, so that a reply which the document
does not describe fails whatever test met it (acceptance.md, Ratchet 102).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import requests


class Contract:
    """The document, and schemas compiled as they are needed."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._components = _as_json_schema(document["components"])
        self._paths = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", path)), operations)
            for path, operations in sorted(  # `/jobs/stats` is no `/jobs/{job_id}`
                document["paths"].items(), key=lambda item: item[0].count("{")
            )
        ]
        self._validators: dict[tuple[str, str], Any] = {}
        self.met: set[str] = set()  #: operation ids that a call has met

    def check(self, answer: requests.Response) -> None:
        """Fail unless the document describes this answer.

        Raises:
            AssertionError: naming the operation, its status and what does not fit.
        """
        operation = self._operation(answer.request)
        if operation is None:
            return
        name = operation["operationId"]
        self.met.add(name)
        status = str(answer.status_code)
        where = f"{name} answered {status}"
        assert status in operation["responses"], f"{where}, which is not documented"
        content = operation["responses"][status].get("content", {})
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if content and kind != "application/json":
            assert kind in content, f"{where} as {kind}, which is not documented"
            return
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            assert not answer.content, f"{where} with a body, but none is documented"
            return
        errors = [
            f"{'.'.join(map(str, error.instance_path))}: {error.message}"
            for error in self._validator(name, status, schema).iter_errors(answer.json())
        ]
        assert errors == [], f"{where}, against its schema: {errors}"

    def _operation(self, request: requests.PreparedRequest) -> Mapping[str, Any] | None:
        path = urlsplit(request.url or "").path
        method = (request.method or "GET").lower()
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method in operations:
                found: Mapping[str, Any] = operations[method]
                return found
        return None

    def _validator(self, name: str, status: str, schema: Mapping[str, Any]) -> Any:
        key = (name, status)
        if key not in self._validators:
            whole = {**_as_json_schema(schema), "components": self._components}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        return self._validators[key]


def _as_json_schema(value: Any) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema: `nullable` becomes a type of its own."""
    if isinstance(value, list):
        return [_as_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _as_json_schema(item) for key, item in value.items() if key != "nullable"}
    if not value.get("nullable"):
        return made
    if "type" in made:
        made["type"] = [made["type"], "null"]
        return made
    return {"anyOf": [made, {"type": "null"}]}
