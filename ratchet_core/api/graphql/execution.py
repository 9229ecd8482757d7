"""Execution of operations by graphql-core, with a short way to plain values.

Nine of ten fields of an answer are plain values of a node or a mapping. For those graphql-core
collects arguments that there are none of, and builds what no resolver reads; here the value is
taken and serialised. Whatever is not plain, or not valid, goes the way of graphql-core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from graphql import (
    ExecutionContext,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
)

from ratchet_core.api.graphql.node import Node, value_of

Serialize = Callable[[Any], Any]
_NOT_PLAIN: Final = (None, False)


def execution_of(schema: GraphQLSchema) -> type[ExecutionContext]:
    """Return what executes operations of a schema whose plain fields are those of nodes."""
    plain = dict(_plain_fields(schema))

    class Execution(ExecutionContext):
        def execute_field(
            self, parent_type: GraphQLObjectType, source: Any, field_nodes: Any, path: Any
        ) -> Any:
            name = field_nodes[0].name.value
            serialize, nullable = plain.get((parent_type.name, name), _NOT_PLAIN)
            if serialize is not None and isinstance(source, Node | dict):
                try:
                    value = value_of(source, name)
                    shown = None if value is None else serialize(value)
                except Exception:  # noqa: BLE001 - graphql-core meets it again, and tells of it
                    shown = Undefined
                if shown is not Undefined and (shown is not None or (nullable and value is None)):
                    return shown
            return super().execute_field(parent_type, source, field_nodes, path)

    return Execution


def _plain_fields(
    schema: GraphQLSchema,
) -> Iterator[tuple[tuple[str, str], tuple[Serialize, bool]]]:
    """Yield type and name of each field without a resolver and arguments that holds a scalar."""
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            nullable = not isinstance(field.type, GraphQLNonNull)
            of = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            if field.resolve is None and not field.args and isinstance(of, GraphQLScalarType):
                yield (kind.name, name), (of.serialize, nullable)
