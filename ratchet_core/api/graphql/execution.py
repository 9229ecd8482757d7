"""Execution of operations by graphql-core, with short ways to plain values and lists of objects.

Nine of ten fields of an answer are plain values of a node or a mapping. For those graphql-core
collects arguments that there are none of, and builds what no resolver reads; here the value is
taken and serialised. The items of a list of objects are executed one after another without asking
of each what kind of thing it is. Whatever is not plain, or not valid, goes the way of graphql-core.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from graphql import (
    ExecutionContext,
    GraphQLID,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    located_error,
)
from graphql.pyutils import Path

from ratchet_core.api.graphql.node import Node, value_of

Serialize = Callable[[Any], Any]
#: How a plain field is serialised, whether it may be null, and whether text stays as it is.
Plain = tuple[Serialize, bool, bool]

#: What objects of the graph are made of.
_OBJECTS: Final = (Node, dict)
#: Scalars whose text is shown as it is.
_TEXTS: Final = frozenset({GraphQLString.name, GraphQLID.name, "DateTime"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a selection for all the nodes that it is executed on."""

    fields: Mapping[str, Any]  #: response key to nodes, as graphql-core collects them
    plain: Sequence[tuple[str, str, Serialize, bool, bool]]  #: key, name, and the rest of `Plain`


class Execution(ExecutionContext):
    """Executes one operation."""

    #: by type and name of the field
    plain_fields: ClassVar[Mapping[str, Mapping[str, Plain]]] = {}

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._plans: dict[int, Plan] = {}

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Any, fields: Any
    ) -> Any:
        """Execute the fields of one object: plain ones here, the others by graphql-core."""
        if not isinstance(source_value, _OBJECTS):
            return super().execute_fields(parent_type, source_value, path, fields)
        plan = self._plans.get(id(fields))
        if plan is None or plan.fields is not fields:
            plan = _plan(self.plain_fields.get(parent_type.name, {}), fields)
            self._plans[id(fields)] = plan
        shown = _shown_fields(source_value, plan.plain)
        if len(shown) == len(fields):
            return shown
        for key in fields:
            if key not in shown:
                here = Path(path, key, parent_type.name)
                value = self.execute_field(parent_type, source_value, fields[key], here)
                if value is not Undefined:
                    shown[key] = value
        return {key: shown[key] for key in fields if key in shown}  # in the order asked for

    def complete_list_value(
        self, return_type: GraphQLList[Any], field_nodes: Any, info: Any, path: Any, result: Any
    ) -> Any:
        """Complete a list: objects here, anything else by graphql-core."""
        item_type = return_type.of_type
        kind = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
        if not isinstance(result, list) or not isinstance(kind, GraphQLObjectType):
            return super().complete_list_value(return_type, field_nodes, info, path, result)
        fields = self.collect_subfields(kind, field_nodes)
        completed: list[Any] = []
        for index, item in enumerate(result):
            here = Path(path, index, None)
            try:
                completed.append(
                    self.execute_fields(kind, item, here, fields)
                    if isinstance(item, _OBJECTS)
                    else self.complete_value(item_type, field_nodes, info, here, item)
                )
            except Exception as error:  # noqa: BLE001 - as graphql-core does
                located = located_error(error, field_nodes, here.as_list())
                self.handle_field_error(located, item_type, here)
                completed.append(None)
        return completed


def execution_of(schema: GraphQLSchema) -> type[ExecutionContext]:
    """Return what executes operations of a schema whose plain fields are those of nodes."""
    plain = {
        kind.name: dict(_plain_fields(kind))
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
    }
    return type("Execution", (Execution,), {"plain_fields": plain})


def _plan(kinds: Mapping[str, Plain], fields: Mapping[str, Any]) -> Plan:
    named = ((key, nodes[0].name.value) for key, nodes in fields.items())
    return Plan(fields, [(key, name, *kinds[name]) for key, name in named if name in kinds])


def _shown_fields(
    source: Any, plain: Sequence[tuple[str, str, Serialize, bool, bool]]
) -> dict[str, Any]:
    """Return the plain fields that can be shown at once; the others are graphql-core's."""
    shown: dict[str, Any] = {}
    get = source.field if isinstance(source, Node) else functools.partial(value_of, source)
    for key, name, serialize, nullable, is_text in plain:
        try:
            value = get(name)
            if value is None:
                if nullable:
                    shown[key] = None
                continue
            if not is_text or value.__class__ is not str:
                value = serialize(value)
        except Exception:  # noqa: BLE001, S112 - graphql-core meets it again, and tells of it
            continue
        if value is not None and value is not Undefined:
            shown[key] = value
    return shown


def _plain_fields(kind: GraphQLObjectType) -> Iterator[tuple[str, Plain]]:
    """Yield each field of a type without a resolver and arguments that holds a scalar."""
    for name, field in kind.fields.items():
        nullable = not isinstance(field.type, GraphQLNonNull)
        of = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if field.resolve is None and not field.args and isinstance(of, GraphQLScalarType):
            yield name, (of.serialize, nullable, of.name in _TEXTS)
