"""The nested query of the bench with Strawberry, mounted in Flask by its own view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry
from flask import Flask
from strawberry.flask.views import GraphQLView
from strawberry.schema.config import StrawberryConfig


@strawberry.type
class Execution:
    """One execution."""

    id: strawberry.ID
    status: str
    created_at: str
    completed_at: str | None


@strawberry.type
class ExecutionPage:
    """A part of the executions of a task."""

    items: list[Execution]


@strawberry.type
class Task:
    """One task."""

    id: strawberry.ID
    name: str
    description: str
    version: str
    row: strawberry.Private[dict[str, Any]]

    @strawberry.field
    def executions(self, info: strawberry.Info, limit: int = 50) -> ExecutionPage:
        """Return the newest executions."""
        rows = info.context["store"].executions(self.row, limit)
        keys = ("id", "status", "created_at", "completed_at")
        return ExecutionPage(items=[Execution(**{key: row[key] for key in keys}) for row in rows])


@strawberry.type
class TaskPage:
    """A part of the tasks."""

    items: list[Task]
    total: int


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def tasks(self, info: strawberry.Info, limit: int = 50, offset: int = 0) -> TaskPage:
        """Return the newest tasks."""
        store = info.context["store"]
        rows = store.tasks(limit, offset)
        keys = ("id", "name", "description", "version")
        items = [Task(row=row, **{key: row[key] for key in keys}) for row in rows]
        return TaskPage(items=items, total=store.total())


def application(store: Any) -> Callable[..., Any]:
    """Return the application."""

    class View(GraphQLView):
        def get_context(self, request: Any, response: Any) -> Any:
            return {"store": store}

    schema = strawberry.Schema(query=Query, config=StrawberryConfig(auto_camel_case=False))
    app = Flask(__name__)
    app.add_url_rule("/graphql", view_func=View.as_view("graphql", schema=schema))
    return app
