"""The GraphQL door as one blueprint: `/graphql` and the playground below it."""

from __future__ import annotations

import functools
from typing import Any, Final

import orjson
from flask import Blueprint, Response, request

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import AUTHENTICATED, OPEN, declare
from ratchet_core.api.door.body import BodyLimits, read_json
from ratchet_core.api.door.call import AT_EXIT, Requirement
from ratchet_core.api.door.limit import client_limit
from ratchet_core.api.door.origin import OriginRules, check_origin
from ratchet_core.api.door.problem import answer_problem
from ratchet_core.api.door.refusal import MethodNotAllowed
from ratchet_core.api.graphql.feed import Feed
from ratchet_core.api.graphql.following import Operating, OperationRuns
from ratchet_core.api.graphql.operation import (
    Operation,
    Operations,
    Request,
    read_request,
    refusal_body,
)
from ratchet_core.api.graphql.places import Places
from ratchet_core.api.graphql.playground import declare_playground
from ratchet_core.api.graphql.problem import DIALECT, BatchTooLarge, Refused
from ratchet_core.api.graphql.reservation import (
    Reservations,
    StreamNotFound,
    StreamTaken,
    answer_reserved,
    operation_id,
    token_of_call,
)
from ratchet_core.api.graphql.schema import make_schema
from ratchet_core.api.graphql.stream import answer_stream, is_asked_for
from ratchet_core.api.graphql.subscription import Sources
from ratchet_core.api.graphql.websocket import Limits, answer_socket
from ratchet_core.errors import InvalidRequest
from ratchet_core.runtime import Ratchet

#: Where the door is in our own application (seed 000, "GraphQL API").
PREFIX: Final = "/graphql"
#: Where the playground is below it (seed 000, "GraphQL Playground").
PLAYGROUND: Final = "/playground"


class Door:
    """What the routes share.

    Args:
        ratchet: serves them.
        rules: who may call; None where the host application decides.
    """

    def __init__(self, ratchet: Ratchet, rules: OriginRules | None) -> None:
        settings = ratchet.settings
        self.limits = settings.limits
        self.graphql = settings.graphql
        self.rules = rules
        self.rate_limit = client_limit(settings, ratchet.buckets)
        self.feed = Feed(ratchet.reads, ratchet.notices, settings.worker.poll_interval_s)
        most = settings.graphql.max_subscriptions
        sources = Sources(ratchet.reads, self.feed)
        self.operations = Operations(make_schema(), settings.graphql, sources)
        self.connections = Places(most)
        self.operating = functools.partial(Operating, self.operations, Places(most))
        self.reservations = Reservations(self.operating, most)

    def post(self) -> Response:
        """Execute an operation, or several that come as an array."""
        limits = BodyLimits(self.limits.max_body_bytes, self.limits.max_json_depth)
        sent = read_json(request, limits)
        if token_of_call() is not None:
            return self._operate(sent)
        if is_asked_for():
            return self._stream(read_request(sent), may_change=True)
        if isinstance(sent, list):
            return answer.json(self._execute_all(sent))
        return answer.json(self._execute(read_request(sent)))

    def get(self) -> Response:
        """Stream the results of a subscription to an `EventSource`."""
        if not is_asked_for():
            raise MethodNotAllowed(request.method, ("POST",))
        self._check_origin()
        if token_of_call() is not None:
            return self._open()
        text = request.args.get("variables")
        sent = {
            "query": request.args.get("query"),
            "operationName": request.args.get("operationName"),
            "variables": None if text is None else _json(text),
        }
        return self._stream(read_request(sent), may_change=False)

    def socket(self) -> Response:
        """Serve a WebSocket."""
        self._check_origin()
        limits = Limits(
            max_message_bytes=self.limits.max_body_bytes,
            max_json_depth=self.limits.max_json_depth,
            count=_uncounted if self.rate_limit is None else self.rate_limit.check,
        )
        return answer_socket(self.operating, self.feed, self.connections, limits)

    def put(self) -> Response:
        """Reserve an event stream for many operations and return its token."""
        return Response(self.reservations.reserve(), 201, content_type="text/plain; charset=utf-8")

    def delete(self) -> Response:
        """End an operation on a reserved event stream."""
        reservation = self.reservations.find()
        key = request.args.get("operationId")
        if not key:
            raise InvalidRequest("The parameter `operationId` names the operation that is to end")
        reservation.operating.stop(key)
        return answer.empty(200)

    def _open(self) -> Response:
        reservation = self.reservations.find()
        self.connections.take()
        try:
            reservation.open()
        except StreamTaken:
            self.connections.give_back()
            raise
        return answer_reserved(
            reservation, self.reservations, self.feed, self.connections.give_back
        )

    def _operate(self, sent: Any) -> Response:
        """Start an operation whose results go to a reserved event stream."""
        reservation = self.reservations.find()
        key, asked = operation_id(sent), read_request(sent)
        if key in reservation.operating:
            raise OperationRuns(key)
        try:
            reservation.operating.start(key, asked)
        except OSError:
            raise StreamNotFound from None
        return answer.empty(202)

    def _stream(self, asked: Request, *, may_change: bool) -> Response:
        self.connections.take()
        return answer_stream(
            self.operations, asked, may_change=may_change, at_end=self.connections.give_back
        )

    def _execute(self, asked: Request) -> dict[str, Any]:
        try:
            return self.operations.answer(self.operations.prepare(asked))
        except Refused as refusal:
            return refusal_body(refusal)

    def _execute_all(self, sent: list[Any]) -> list[dict[str, Any]]:
        most = self.graphql.max_batch
        if not 0 < len(sent) <= most or most == 1:
            raise BatchTooLarge(
                f"The request holds {len(sent)} operations; allowed are 1 to {most} "
                "(graphql.max_batch)"
            )
        prepared = [self._prepare(read_request(item)) for item in sent]
        asked = sum(item.complexity for item in prepared if isinstance(item, Operation))
        try:
            self.operations.check_complexity(asked)
        except Refused as refusal:
            return [refusal_body(refusal) for _ in sent]
        return [
            self.operations.answer(item) if isinstance(item, Operation) else refusal_body(item)
            for item in prepared
        ]

    def _prepare(self, asked: Request) -> Operation | Refused:
        try:
            return self.operations.prepare(asked)
        except Refused as refusal:
            return refusal

    def _check_origin(self) -> None:
        """Refuse a connect from a page that we do not know, though it comes as a GET."""
        if self.rules is not None:
            headers = request.headers
            check_origin(headers.get("Origin"), headers.get("Host"), "POST", self.rules)


def graphql_blueprint(ratchet: Ratchet, rules: OriginRules | None) -> Blueprint:
    """Return the routes, without a prefix.

    Args:
        ratchet: serves them.
        rules: who may connect; None where the host application decides.
    """
    blueprint = Blueprint("graphql", __name__)
    door = Door(ratchet, rules)
    blueprint.add_url_rule("", "execute", door.post, methods=["POST"])
    blueprint.add_url_rule("", "stream", door.get, methods=["GET"])
    blueprint.add_url_rule("", "socket", door.socket, methods=["GET"], websocket=True)
    blueprint.add_url_rule("", "reserve", door.put, methods=["PUT"])
    blueprint.add_url_rule("", "complete", door.delete, methods=["DELETE"])
    for endpoint, operation in (
        ("execute", "graphql"),
        ("stream", "graphqlStream"),
        ("reserve", "graphqlReserve"),
        ("complete", "graphqlComplete"),
    ):
        declare(blueprint, endpoint, Requirement(permission=AUTHENTICATED, operation=operation))
    # a browser can send no header with a WebSocket: it may tell who it is in its first message
    declare(blueprint, "socket", Requirement(permission=OPEN, operation="graphqlSocket"))
    if ratchet.settings.graphql.playground:
        declare_playground(blueprint, PLAYGROUND)
    blueprint.record(
        lambda state: state.app.extensions.setdefault(AT_EXIT, []).append(door.feed.close)
    )
    blueprint.register_error_handler(Exception, lambda error: answer_problem(error, DIALECT))
    return blueprint


def _uncounted() -> None:
    """Let a client say as much as it likes."""


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise InvalidRequest("`variables` has to be a JSON object") from None
