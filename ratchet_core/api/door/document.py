"""OpenAPI documents, generated from the blueprints, and the routes that serve them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import flask_smorest
import yaml
from flask import Blueprint, Flask, Response

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import PUBLIC_DOCS, declare, needs_credentials
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import Requirement
from ratchet_core.api.door.field import comma_list_in_parameter
from ratchet_core.api.door.problem import Dialect, answer_problem
from ratchet_core.api.door.swagger import declare_swagger

#: API gateways import 3.0 most safely (acceptance.md, Ratchet 100).
OPENAPI_VERSION: Final = "3.0.3"
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "Ignored while authentication is off.",
}


_API_KEY: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "An API key; it may stand behind `Authorization: Bearer` too.",
}


class Document(flask_smorest.Api):  # type: ignore[misc] # flask-smorest has no types
    """One OpenAPI document over some blueprints of an application.

    Operations are described when somebody asks for the document: that takes longer than all else
    that makes an application, and most servers are never asked.
    """

    #: Each blueprint documents its own problems.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, *, title: str, version: str, about: str, name: str) -> None:
        """Start an empty document.

        Args:
            app: that holds the blueprints.
            title: of the document.
            version: of the API.
            about: what the API is for.
            name: unique among the documents of `app`.
        """
        app.config.setdefault(f"{name}_API_TITLE", title)
        app.config.setdefault(f"{name}_API_VERSION", version)
        app.config.setdefault(f"{name}_OPENAPI_VERSION", OPENAPI_VERSION)
        options = {
            "info": {"description": about, "license": {"name": "MIT"}},
            "security": _security(app),
            "servers": [{"url": "/", "description": "This server."}],
        }
        super().__init__(app, spec_kwargs=options, config_prefix=name)
        self.spec.components.security_scheme("bearerAuth", _BEARER)
        if needs_credentials(app):
            self.spec.components.security_scheme("apiKeyAuth", _API_KEY)
        self.ma_plugin.converter.add_parameter_attribute_function(comma_list_in_parameter)
        self._included: list[tuple[DoorBlueprint, str]] = []
        self._describing = threading.Lock()

    def _register_error_handlers(self) -> None:
        """Leave the application's error handlers alone: the guard and the blueprints answer."""

    def _register_responses(self) -> None:
        """Describe no answers of flask-smorest's own form: ours never take it."""

    def include(self, blueprint: DoorBlueprint, *, name: str | None = None) -> None:
        """Have the operations of a blueprint described that the application holds already."""
        self._included.append((blueprint, name or blueprint.name))

    @functools.cached_property
    def written(self) -> Mapping[str, Any]:
        """The document; it is written once, as routes do not change while we serve."""
        with self._describing:
            while self._included:
                self._describe(*self._included.pop(0))
            return cast("Mapping[str, Any]", _with_plain_nulls(self.spec.to_dict()))

    def _describe(self, blueprint: DoorBlueprint, name: str) -> None:
        blueprint.register_views_in_doc(self, self._app, self.spec, name=name, parameters=[])
        self.spec.tag({"name": name, "description": blueprint.description})

    @functools.cached_property
    def yaml_text(self) -> str:
        """The document as YAML."""
        return yaml.safe_dump(_plain(self.written), sort_keys=False, allow_unicode=True)


def _security(app: Flask) -> list[dict[str, list[str]]]:
    """Return what operations need, unless they say otherwise: any one of the items."""
    if needs_credentials(app):
        return [{"bearerAuth": []}, {"apiKeyAuth": []}]
    return [{}, {"bearerAuth": []}]


def document_routes(
    document: Document, name: str, paths: Sequence[str], page: str, dialect: Dialect
) -> Blueprint:
    """Return a blueprint that serves `document`.

    Args:
        document: to serve.
        name: of the blueprint.
        paths: routes, the first one in JSON; those that end in `.yaml` answer in YAML.
        page: where Swagger UI shows it.
        dialect: of the problems of the routes.
    """
    blueprint = Blueprint(name, __name__)

    def as_json() -> Response:
        return answer.cacheable(document.written)

    def as_yaml() -> Response:
        return answer.cacheable_text(document.yaml_text, "application/yaml; charset=utf-8")

    def endpoint_of(path: str) -> str:
        return path.strip("/").replace("/", "_").replace(".", "_")

    for path in paths:
        is_yaml = path.endswith(".yaml")
        endpoint = endpoint_of(path)
        declare(blueprint, endpoint, Requirement(permission=PUBLIC_DOCS, operation=endpoint))
        blueprint.add_url_rule(path, endpoint, as_yaml if is_yaml else as_json)
    title = str(document.spec.title)
    declare_swagger(blueprint, page, title, endpoint_of(paths[0]))
    blueprint.register_error_handler(Exception, lambda error: answer_problem(error, dialect))
    return blueprint


def _with_plain_nulls(value: Any) -> Any:
    """Write a reference that may be null in the one form that client generators understand.

    apispec writes `anyOf: [{type: object, nullable: true}, {$ref}]`, of which they make a class of
    its own that is never null.
    """
    if isinstance(value, list):
        return [_with_plain_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("anyOf"):
        case [{"type": "object", "nullable": True}, {"$ref": reference}]:
            return {"nullable": True, "allOf": [{"$ref": reference}]}
    return {key: _with_plain_nulls(item) for key, item in value.items()}


def _plain(value: Any) -> Any:
    """Return `value` made of nothing but the types that YAML's safe dumper knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
