"""The nested query of the bench with Ariadne, served by its own WSGI application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ariadne import ObjectType, QueryType, make_executable_schema
from ariadne.wsgi import GraphQL

TYPES = """
type Query { tasks(limit: Int = 50, offset: Int = 0): TaskPage! }
type TaskPage { items: [Task!]! total: Int! }
type Task {
  id: ID! name: String! description: String! version: String!
  executions(limit: Int = 50): ExecutionPage!
}
type ExecutionPage { items: [Execution!]! }
type Execution { id: ID! status: String! created_at: String! completed_at: String }
"""


def application(store: Any) -> Callable[..., Any]:
    """Return the application."""
    query, task = QueryType(), ObjectType("Task")

    @query.field("tasks")
    def tasks(_root: Any, _info: Any, limit: int, offset: int) -> dict[str, Any]:
        return {"items": store.tasks(limit, offset), "total": store.total()}

    @task.field("executions")
    def executions(row: dict[str, Any], _info: Any, limit: int) -> dict[str, Any]:
        return {"items": store.executions(row, limit)}

    served = GraphQL(make_executable_schema(TYPES, query, task))

    def at_graphql(environ: dict[str, Any], start_response: Any) -> Any:
        return served(environ, start_response)

    return at_graphql
