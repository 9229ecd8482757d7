"""The `/tasker` dialect: handler discovery and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import quote

from ratchet_client.door import Door, new_key
from ratchet_client.page import PAGE, by_page
from ratchet_client.shapes import Handler, HandlerRow, Namespace, TaskerTask

PREFIX: Final = "/tasker"


class TaskerClient(Door):
    """Calls the `/tasker` dialect of a server.

    Args:
        base_url: of the server, without the prefix.
        token: a JWT or an API key, where authentication is on.
        prefix: where the dialect is mounted.
        options: as of `Door`.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8080",
        token: str | None = None,
        *,
        prefix: str = PREFIX,
        **options: Any,
    ) -> None:
        super().__init__(base_url.rstrip("/") + prefix, token, **options)

    def namespaces(self) -> list[Namespace]:
        """Return all namespaces with the names of their handlers."""
        return cast("list[Namespace]", self.call("GET", "handlers")["namespaces"])

    def handlers(self, namespace: str) -> list[HandlerRow]:
        """Return the handlers of a namespace."""
        answer = self.call("GET", f"handlers/{quote(namespace, safe='')}")
        return cast("list[HandlerRow]", answer["handlers"])

    def handler(self, namespace: str, name: str, version: str | None = None) -> Handler:
        """Return a handler with its steps and dependency graph; without a version the latest."""
        path = f"handlers/{quote(namespace, safe='')}/{quote(name, safe='')}"
        return cast("Handler", self.call("GET", path, params={"version": version}))

    def create_task(
        self,
        name: str,
        namespace: str,
        version: str | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        **fields: Any,
    ) -> TaskerTask:
        """Create a task and return it. Safe to repeat: it is sent with an idempotency key.

        Args:
            name: of the handler.
            namespace: of the handler.
            version: of the handler; None means the latest.
            context: input of the task.
            key: idempotency key; None makes one, so that repeated calls make one task.
            fields: `initiator`, `source_system`, `reason`, `tags`, `bypass_steps`, `requested_at`.
        """
        body: dict[str, Any] = {"name": name, "namespace": namespace, **fields}
        if version is not None:
            body["version"] = version
        if context is not None:
            body["context"] = dict(context)
        return cast("TaskerTask", self.call("POST", "tasks", body=body, key=key or new_key()))

    def task(self, task_id: str, *, include_dependencies: bool = False) -> TaskerTask:
        """Return a task with its steps."""
        params = {"include_dependencies": "true"} if include_dependencies else {}
        answer = self.call("GET", f"tasks/{quote(task_id, safe='')}", params=params)
        return cast("TaskerTask", answer)

    def tasks(self, *, size: int = PAGE, **filters: Any) -> Iterator[TaskerTask]:
        """Walk the tasks; `filters`: `namespace`, `name`, `version`, `status`."""
        return by_page(self, "tasks", "tasks", filters, size)

    def count_tasks(self, **filters: Any) -> int:
        """Return how many tasks match."""
        answer = self.call("GET", "tasks", params={**filters, "per_page": 1})
        return int(answer["pagination"]["total_count"])
