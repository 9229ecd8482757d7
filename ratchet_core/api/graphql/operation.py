"""Operations: read from a request, parsed, measured, validated and executed.

How they arrive, and how answers leave, does not live here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import get_argument_values

from ratchet_core.api.graphql import problem
from ratchet_core.api.graphql.execution import execution_of
from ratchet_core.api.graphql.feed import Follower
from ratchet_core.api.graphql.measure import measure
from ratchet_core.api.graphql.node import resolve_field
from ratchet_core.api.graphql.problem import Refused, refused, tell, with_code
from ratchet_core.api.graphql.repeat import repeats
from ratchet_core.api.graphql.subscription import Source, Sources
from ratchet_core.config.graphql import GraphqlSettings
from ratchet_core.errors import InvalidRequest, RatchetError

#: Parsed and validated texts that are kept, and the longest text that is.
_KEPT_TEXTS: Final = 256
_LONGEST_KEPT: Final = 20_000
_MAX_ERRORS: Final = 20
#: Fields that a document may name again in the same place.
_MAX_REPEATS: Final = 50


#: Answers of a subscription; None where there is nothing to tell.
Results = Generator[dict[str, Any] | None, None, None]


@dataclass(frozen=True, slots=True)
class Request:
    """One operation as a client sends it."""

    query: str  #: text of the document
    variables: Mapping[str, Any]  #: JSON values by name
    operation_name: str | None  #: which operation of the document


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that may be executed."""

    document: DocumentNode
    definition: OperationDefinitionNode
    request: Request
    complexity: int  #: as measured

    @property
    def is_subscription(self) -> bool:
        """Whether it has many results."""
        return self.definition.operation is OperationType.SUBSCRIPTION

    @property
    def is_mutation(self) -> bool:
        """Whether it changes something."""
        return self.definition.operation is OperationType.MUTATION


@dataclass(frozen=True, slots=True)
class Known:
    """A document that was found valid."""

    document: DocumentNode
    #: complexity, within all limits, of operations that take no variables, by name
    complexity: dict[str | None, int] = field(default_factory=dict)


def read_request(value: Any) -> Request:
    """Read a request from a JSON value.

    Raises:
        InvalidRequest: it is no request of GraphQL.
    """
    if not isinstance(value, dict):
        raise InvalidRequest('A GraphQL request is a JSON object such as {"query": "{ … }"}')
    query, variables, name = (value.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str):
        raise InvalidRequest("A GraphQL request needs `query`, the text of the operation")
    if variables is not None and not isinstance(variables, dict):
        raise InvalidRequest("`variables` has to be a JSON object")
    if name is not None and not isinstance(name, str):
        raise InvalidRequest("`operationName` has to be text")
    return Request(query, variables or {}, name or None)


class Operations:
    """Prepares and executes operations of one schema, within limits."""

    def __init__(self, schema: GraphQLSchema, graphql: GraphqlSettings, sources: Sources) -> None:
        self._schema = schema
        self._execution = execution_of(schema)
        self._graphql = graphql
        self._sources = sources
        self._rules = [
            *specified_rules,
            *([] if graphql.introspection else [NoSchemaIntrospectionCustomRule]),
        ]
        self._valid: OrderedDict[str, Known] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, request: Request) -> Operation:
        """Parse, measure and validate an operation.

        Raises:
            Refused: with what is wrong with it.
        """
        known = self._known(request.query)
        document = known.document if known is not None else self._parse(request.query)
        definition = get_operation_ast(document, request.operation_name)
        if definition is None:
            raise refused(problem.UNKNOWN_OPERATION, _which(request.operation_name))
        name = None if definition.name is None else definition.name.value
        complexity = known.complexity.get(name) if known is not None else None
        if complexity is None:
            complexity = self._check_size(document, definition, request.variables)
        if known is None:
            self._check_repeats(document)
            self._validate(document)
            known = Known(document)
            self._keep(request.query, known)
        if not definition.variable_definitions:
            known.complexity[name] = complexity  # nothing else can change it
        return Operation(document, definition, request, complexity)

    def execute(self, operation: Operation, root: Any = None) -> dict[str, Any]:
        """Execute a query, a mutation, or a subscription's selection on one event.

        Args:
            operation: prepared.
            root: with a subscription, root field to event.
        """
        result = execute_sync(
            self._schema,
            operation.document,
            root,
            variable_values=dict(operation.request.variables),
            operation_name=operation.request.operation_name,
            field_resolver=resolve_field,
            execution_context_class=self._execution,
        )
        assert isinstance(result, ExecutionResult)  # noqa: S101 - no resolver is asynchronous
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer = {"errors": [tell(error) for error in result.errors], **answer}
        return answer

    def answer(self, operation: Operation) -> dict[str, Any]:
        """Execute what has one result; a subscription is told where to go."""
        if operation.is_subscription:
            message = (
                "Subscriptions have many results: use a WebSocket at this path, or "
                "'Accept: text/event-stream'"
            )
            return refusal_body(refused(problem.NEEDS_STREAM, message))
        return self.execute(operation)

    def subscribe(self, operation: Operation, follower: Follower) -> Results:
        """Start a subscription and return its results; closing the generator ends it.

        Args:
            operation: prepared.
            follower: another thread may stop it.

        Raises:
            Refused: it cannot be started; nothing of it is left.
        """
        built = ExecutionContext.build(
            self._schema,
            operation.document,
            raw_variable_values=dict(operation.request.variables),
            operation_name=operation.request.operation_name,
        )
        if not isinstance(built, ExecutionContext):
            raise Refused([with_code(error, problem.BAD_VARIABLES) for error in built])
        root = self._schema.subscription_type
        assert root is not None  # noqa: S101 - our schema has one
        fields = collect_fields(
            self._schema,
            built.fragments,
            built.variable_values,
            root,
            operation.definition.selection_set,
        )
        if not fields:
            raise refused(problem.VALIDATION_FAILED, "The subscription selects nothing")
        node = next(iter(fields.values()))[0]
        name = node.name.value
        try:
            given = get_argument_values(root.fields[name], node, built.variable_values)
            source = self._sources.open(name, given, follower)
        except GraphQLError as error:
            raise Refused([with_code(error, problem.BAD_VARIABLES)]) from error
        except RatchetError as error:
            raise Refused([GraphQLError("", [node], original_error=error)]) from error
        return self._results(operation, name, source)

    def _results(self, operation: Operation, name: str, source: Source) -> Results:
        try:
            for event in source:
                yield None if event is None else self.execute(operation, {name: event})
        finally:
            source.close()

    def _parse(self, text: str) -> DocumentNode:
        try:
            return parse(text, no_location=False, max_tokens=self._graphql.max_tokens)
        except GraphQLError as error:
            raise Refused([with_code(error, problem.PARSE_FAILED)]) from None
        except RecursionError:
            raise refused(problem.PARSE_FAILED, "The query is nested too deeply") from None

    def _check_size(
        self,
        document: DocumentNode,
        definition: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> int:
        graphql = self._graphql
        size = measure(self._schema, document, definition, variables)
        for code, noun, found, most, setting in (
            (problem.TOO_DEEP, "levels", size.depth, graphql.max_depth, "max_depth"),
            (problem.TOO_MANY_ALIASES, "aliases", size.aliases, graphql.max_aliases, "max_aliases"),
        ):
            if found > most:
                message = (
                    f"The operation has {found} {noun}; allowed are {most} (graphql.{setting})"
                )
                raise refused(code, message)
        self.check_complexity(size.complexity)
        return size.complexity

    @staticmethod
    def _check_repeats(document: DocumentNode) -> None:
        found = repeats(document)
        if found > _MAX_REPEATS:
            message = (
                f"The document names {found} fields again where they are named already; allowed "
                f"are {_MAX_REPEATS}"
            )
            raise refused(problem.TOO_COMPLEX, message)

    def check_complexity(self, complexity: int) -> None:
        """Refuse what asks for too much, alone or together with others.

        Raises:
            Refused: naming the limit.
        """
        most = self._graphql.max_complexity
        if complexity > most:
            raise refused(
                problem.TOO_COMPLEX,
                f"The request asks for up to {complexity} values; allowed are {most} "
                "(graphql.max_complexity): choose a smaller `limit` or fewer fields",
            )

    def _validate(self, document: DocumentNode) -> None:
        errors = validate(self._schema, document, self._rules, max_errors=_MAX_ERRORS)
        if errors:
            hints = self._graphql.introspection
            raise Refused(
                [with_code(error, problem.VALIDATION_FAILED, hints=hints) for error in errors]
            )

    def _known(self, text: str) -> Known | None:
        with self._lock:
            known = self._valid.get(text)
            if known is not None:
                self._valid.move_to_end(text)
            return known

    def _keep(self, text: str, known: Known) -> None:
        if len(text) > _LONGEST_KEPT:
            return
        with self._lock:
            self._valid[text] = known
            while len(self._valid) > _KEPT_TEXTS:
                self._valid.popitem(last=False)


def refusal_body(refusal: Refused) -> dict[str, Any]:
    """Return the answer to an operation that is not executed."""
    return {"errors": told(refusal)}


def told(refusal: Refused) -> Sequence[dict[str, Any]]:
    """Return why an operation is not executed, as entries of `errors`."""
    return [tell(error) for error in refusal.errors]


def _which(name: str | None) -> str:
    if name is None:
        return "The document holds no operation, or several: name one in `operationName`"
    return f"The document holds no operation '{name[:100]}'"
