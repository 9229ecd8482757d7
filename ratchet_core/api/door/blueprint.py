"""The blueprint that every REST door is made of: one declaration per operation.

It mends what flask-smorest leaves open: bodies are read strictly, unknown parameters are refused
with the legal ones named, an empty body is only accepted where the document says so, and every
operation documents its problems. Which operations there are does not live here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Never, cast

import flask_smorest
from flask import Request, Response, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from ratchet_core.api.door import access
from ratchet_core.api.door.body import BodyLimits, read_json
from ratchet_core.api.door.call import Requirement, ratchet
from ratchet_core.api.door.field import flatten
from ratchet_core.api.door.idempotency import HEADER, MAX_KEY
from ratchet_core.api.door.problem import Dialect, answer_problem
from ratchet_core.api.door.refusal import Malformed
from ratchet_core.errors import InvalidRequest, ValidationFailed

View = Callable[..., Response]

#: What each status means, for the document.
MEANINGS: Final[Mapping[int, str]] = {
    400: "The request is malformed, or against a schema; `details` names the fields.",
    401: "Credentials are missing or not valid.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    409: "The state of the thing, or the idempotency key, does not allow this.",
    413: "The body is over the limit, which the message names.",
    414: "The URL is longer than the server reads.",
    415: "The body is not JSON.",
    422: "The request is well-formed but invalid; `details` names the fields.",
    429: "Too many requests; wait as long as `Retry-After` says.",
    500: "Something went wrong on our side; it is logged under the id of the call.",
    503: "A part that is needed does not answer now; try again.",
}
#: Problems that any operation may end in.
ANY_OPERATION: Final = (400, 401, 403, 414, 429, 500, 503)
#: Problems that an operation with a body may end in besides.
WITH_BODY: Final = (413, 415)

_REQUEST_ID: Final = {
    "X-Request-ID": {"schema": {"type": "string"}, "description": "Id of this call."}
}
_RETRY_AFTER: Final = {
    "Retry-After": {
        "schema": {"type": "integer", "minimum": 1},
        "description": "Seconds to wait.",
    }
}


_IDEMPOTENCY_KEY: Final = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "Same key and same request: what it has made before, answered with 200.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY,
        "pattern": "^[ -~]+$",
    },
}


class StrictParser(FlaskParser):
    """Reads bodies and parameters and raises our errors."""

    def use_args(self, argmap: Any, *args: Any, **options: Any) -> Any:
        """Read arguments of a view by one schema for all its calls; to make one takes long."""
        schema = argmap() if isinstance(argmap, type) else argmap
        return super().use_args(schema, *args, **options)

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body as a JSON value; no body is an empty object."""
        limits = ratchet().settings.limits
        return read_json(req, BodyLimits(limits.max_body_bytes, limits.max_json_depth), absent={})

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Return the parameters; each may be given once."""
        for name, values in req.args.lists():
            if len(values) > 1:
                raise Malformed(
                    f"The parameter '{name}' is given {len(values)} times",
                    {name: ["must be given once"]},
                )
        return req.args.to_dict()

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> Never:
        """Raise what is wrong with a body or with parameters."""
        location, messages = next(iter(cast("dict[str, Any]", error.messages).items()))
        if location == "json":
            raise body_error(messages, schema)
        raise _query_error(messages, schema)


def body_error(messages: Any, schema: Schema) -> InvalidRequest:
    """Return what is wrong with a body, from marshmallow's messages about it."""
    if isinstance(messages, Mapping) and messages.get("_schema") == ["Invalid input type."]:
        return InvalidRequest("The body has to be a JSON object")
    details = {
        place: [_known(place, text, "field", schema) for text in texts]
        for place, texts in flatten(messages)
    }
    return ValidationFailed(f"The body is not valid: {_first(details)}", details)


def _query_error(messages: Any, schema: Schema) -> InvalidRequest:
    details = {
        place: [_known(place, text, "parameter", schema) for text in texts]
        for place, texts in flatten(messages)
    }
    return Malformed(f"The parameters are not valid: {_first(details)}", details)


def _known(place: str, text: str, noun: str, schema: Schema) -> str:
    if text != "Unknown field.":
        return "must be present" if text.startswith("Missing data") else text
    legal = ", ".join(schema.load_fields) or "none" if "." not in place else "other ones"
    return f"unknown {noun}; legal are {legal}"


def _first(details: Mapping[str, Sequence[str]]) -> str:
    place, texts = next(iter(details.items()))
    return f"{place}: {texts[0]}"


class DoorBlueprint(flask_smorest.Blueprint):  # type: ignore[misc] # flask-smorest has no types
    """A door's operations, each declared once with what it reads, answers and may refuse."""

    ARGUMENTS_PARSER = StrictParser(unknown=None)  # the schema says what becomes of unknown keys

    def __init__(
        self, name: str, import_name: str, *, dialect: Dialect, problem: type[Schema], about: str
    ) -> None:
        super().__init__(name, import_name, description=about)
        self.problem = problem
        self.register_error_handler(Exception, _problem_handler(dialect))

    def operation(  # noqa: PLR0913 - one keyword per thing that an operation declares
        self,
        method: str,
        rule: str,
        operation_id: str,
        *,
        answers: Mapping[int, type[Schema] | None],
        body: type[Schema] | None = None,
        body_required: bool = True,
        query: type[Schema] | None = None,
        problems: Sequence[int] = (),
        keyed: bool = False,
        permission: str | None = None,
        spelled: str | None = None,
        content_type: str | None = None,
    ) -> Callable[[View], View]:
        """Declare one operation.

        Args:
            method: such as `GET`.
            rule: path below the blueprint's prefix.
            operation_id: unique in the document.
            answers: status to the schema of its body; the first one is the usual one.
            body: schema of the request's body, the last positional argument of the view.
            body_required: False where no body means an empty object.
            query: schema of the parameters, the first positional argument of the view; None
                where there are no parameters, and then no argument.
            problems: statuses besides those that any operation may end in.
            keyed: it reads the header `Idempotency-Key`.
            permission: that the caller needs, or a word of `door.access`; without one the
                operation is refused to everybody while authentication is on.
            spelled: how the dialect names the permission; None: as it is.
            content_type: of the usual answer, where it is a text and not JSON.
        """

        def declare(view: View) -> View:
            made: Callable[..., Any] = self.doc(operationId=operation_id)(view)
            if body is not None:
                made = self.arguments(body, location="json", required=body_required)(made)
            if query is None:
                made = _without_parameters(made)
            else:
                made = self.arguments(query, location="query")(made)
            _mend_document(made, keyed=keyed)
            self._document_answers(made, answers, (*problems, *_implied(body)))
            if content_type is not None:
                _document_text(made, next(iter(answers)), content_type)
            endpoint = view.__name__
            if permission is not None:
                self._close(
                    made,
                    endpoint,
                    Requirement(permission=permission, operation=operation_id, spelled=spelled),
                )
            self.add_url_rule(rule, endpoint=endpoint, view_func=made, methods=[method])
            return view

        return declare

    def _close(self, view: Callable[..., Any], endpoint: str, requirement: Requirement) -> None:
        """Declare what the operation needs, and document it."""
        access.declare(self, endpoint, requirement)
        manual = view.__dict__.setdefault("_apidoc", {}).setdefault("manual_doc", {})
        manual["x-permission"] = requirement.spelled or requirement.permission
        if requirement.permission in {access.OPEN, access.PUBLIC_DOCS}:
            manual["security"] = []

    def _document_answers(
        self,
        view: Callable[..., Any],
        answers: Mapping[int, type[Schema] | None],
        problems: Sequence[int],
    ) -> None:
        """Describe what an operation answers.

        flask-smorest's decorators would each add a call to every request, and copy every schema
        that was described before.
        """
        responses = {
            status: _described(schema, HTTPStatus(status).phrase, _REQUEST_ID)
            for status, schema in answers.items()
        }
        for status in sorted({*ANY_OPERATION, *problems}):
            headers = _RETRY_AFTER if status in {429, 503} else None
            described = _described(self.problem, MEANINGS[status], headers)
            responses[status] = [*responses.get(status, ()), *described]
        document = view.__dict__["_apidoc"]
        document["response"] = {"responses": responses}
        document["success_status_codes"] = list(answers)


def _described(
    schema: type[Schema] | None, description: str, headers: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the description of one answer as flask-smorest keeps it."""
    found: dict[str, Any] = {"description": description, "content_type": None}
    if schema is not None:
        found["schema"] = schema  # the class: it is copied often, and an instance is large
    if headers is not None:
        found["headers"] = headers
    return [found]


def _without_parameters(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def strict(*args: Any, **path: Any) -> Any:
        if request.args:
            name = next(iter(request.args))
            message = f"The parameter '{name}' is unknown; this operation takes none"
            raise Malformed(message, {name: ["unknown parameter; legal are none"]})
        return view(*args, **path)

    return strict


def _mend_document(view: Callable[..., Any], *, keyed: bool) -> None:
    """Take out the 422 that flask-smorest describes for all arguments; describe our header."""
    arguments = view.__dict__.setdefault("_apidoc", {}).setdefault("arguments", {})
    arguments.pop("responses", None)
    if keyed:
        arguments.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)


def _document_text(view: Callable[..., Any], status: int, content_type: str) -> None:
    """Describe the body of an answer that is a text."""
    manual = view.__dict__["_apidoc"].setdefault("manual_doc", {})
    content = {content_type: {"schema": {"type": "string"}}}
    described = {"description": HTTPStatus(status).phrase, "headers": _REQUEST_ID}
    manual.setdefault("responses", {})[str(status)] = {**described, "content": content}


def _implied(body: type[Schema] | None) -> tuple[int, ...]:
    return WITH_BODY if body is not None else ()


def _problem_handler(dialect: Dialect) -> Callable[[Exception], ResponseReturnValue]:
    def tell(error: Exception) -> ResponseReturnValue:
        return answer_problem(error, dialect)

    return tell
