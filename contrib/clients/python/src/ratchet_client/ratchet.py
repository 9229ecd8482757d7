"""The `/api/v1` dialect: tasks, jobs, executions, schedules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, cast
from urllib.parse import quote

from ratchet_client.door import Door, new_key
from ratchet_client.errors import JobNotFinished
from ratchet_client.page import PAGE, by_cursor, by_offset
from ratchet_client.shapes import BatchItem, Event, Execution, Job, JobStep, Schedule, Task

PREFIX: Final = "/api/v1"
#: What a job can end as.
ENDS: Final = frozenset({"completed", "failed", "cancelled"})
#: Longest that one call waits at the server.
_LONGEST_WAIT_S: Final = 60.0
_FIRST_LOOK_S: Final = 0.05
_SLOWEST_LOOK_S: Final = 2.0

Paging = Literal["cursor", "offset"]


class RatchetClient(Door):
    """Calls the `/api/v1` dialect of a server.

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

    # ── tasks ───────────────────────────────────────────────────────────────────────────────────

    def tasks(
        self, *, paging: Paging = "cursor", size: int = PAGE, **filters: Any
    ) -> Iterator[Task]:
        """Walk the tasks; `filters` as the reference lists them (`namespace`, `name_like`, …)."""
        return self._walk("tasks", paging, size, filters)

    def task(self, task_id: str) -> Task:
        """Return one task by name, `namespace.name`, either with `@version`, or UUID."""
        return cast("Task", self.call("GET", f"tasks/{quote(task_id, safe='@')}"))

    def delete_task(self, task_id: str) -> None:
        """Delete all versions of a task, or the one named with `@`; its jobs stay."""
        self.call("DELETE", f"tasks/{quote(task_id, safe='@')}")

    def execute(
        self,
        task_id: str,
        input: Any = None,  # noqa: A002 - the server's name
        *,
        wait_s: float = 0,
        key: str | None = None,
        **options: Any,
    ) -> Job:
        """Make a job and return it. Safe to repeat: it is sent with an idempotency key.

        Args:
            task_id: which task.
            input: JSON value; None means `{}`.
            wait_s: seconds, up to 60, that the server waits for the job to finish.
            key: idempotency key; None makes one, so that repeated calls make one job. Give
                one of your own to make one job across processes and restarts.
            options: `priority`, `metadata`, `output_destinations`.

        Raises:
            NotFound: no such task.
            InvalidCall: the input does not fit the task's schema.
            Conflict: the task is disabled, or the key was used for another request.
        """
        body = {"input": {} if input is None else input, **options}
        answer = self.call(
            "POST",
            f"tasks/{quote(task_id, safe='@')}/execute",
            params={"wait": wait_s or None},
            body=body,
            key=key or new_key(),
            timeout_s=self._patient(wait_s),
        )
        return cast("Job", answer["job"])

    def execute_many(
        self, jobs: Sequence[Mapping[str, Any]], *, atomic: bool = False
    ) -> list[BatchItem]:
        """Make up to 1,000 jobs in one call; return what became of each.

        Args:
            jobs: each with `task_id`, and what `execute` takes; those without an
                `idempotency_key` get one, so that a repeated call makes no second job.
            atomic: all or none.
        """
        keyed = [{"idempotency_key": new_key(), **job} for job in jobs]
        body = {"jobs": keyed, "atomic": atomic}
        answer = self.call("POST", "jobs/batch", body=body, repeatable=True)
        return cast("list[BatchItem]", answer["items"])

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    def jobs(self, *, paging: Paging = "cursor", size: int = PAGE, **filters: Any) -> Iterator[Job]:
        """Walk the jobs, newest first; `filters` such as `status`, `task_id`, `created_at_gte`."""
        return self._walk("jobs", paging, size, filters)

    def count_jobs(self, **filters: Any) -> int:
        """Return how many jobs match."""
        return int(self.call("GET", "jobs", params={**filters, "limit": 1})["total"])

    def job(self, job_id: str) -> Job:
        """Return a job as it stands."""
        return cast("Job", self.call("GET", f"jobs/{quote(job_id, safe='')}"))

    def wait(
        self,
        job_id: str,
        *,
        timeout_s: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> Job:
        """Return a job once it has come to its end, whichever that is.

        Raises:
            JobNotFinished: it has not within `timeout_s` seconds.
        """
        deadline = clock() + timeout_s
        look_s = _FIRST_LOOK_S
        while True:
            job = self.job(job_id)
            if job["status"] in ENDS:
                return job
            left_s = deadline - clock()
            if left_s <= 0:
                raise JobNotFinished(job_id, timeout_s)
            self._pause(min(look_s, left_s))
            look_s = min(look_s * 1.5, _SLOWEST_LOOK_S)

    def cancel(self, job_id: str) -> Job:
        """Stop a job; repeating it is harmless."""
        path = f"jobs/{quote(job_id, safe='')}/cancel"
        return cast("Job", self.call("POST", path, repeatable=True)["job"])

    def retry(self, job_id: str, *, from_step: str | None = None) -> Job:
        """Run a failed or cancelled job again; what completed is kept, up to `from_step`."""
        body = {} if from_step is None else {"from_step": from_step}
        path = f"jobs/{quote(job_id, safe='')}/retry"
        return cast("Job", self.call("POST", path, body=body)["job"])

    def steps(self, job_id: str) -> list[JobStep]:
        """Return the steps of a job in definition order."""
        answer = self.call("GET", f"jobs/{quote(job_id, safe='')}/steps")
        return cast("list[JobStep]", answer["items"])

    def events(self, job_id: str, *, after: int = 0, size: int = PAGE) -> Iterator[Event]:
        """Walk what has happened to a job so far, oldest first."""
        path = f"jobs/{quote(job_id, safe='')}/events"
        while True:
            page = self.call("GET", path, params={"after": after, "limit": size})
            yield from page["items"]
            if len(page["items"]) < size:
                return
            after = page["next_after"]

    # ── executions and schedules ────────────────────────────────────────────────────────────────

    def executions(
        self, *, paging: Paging = "cursor", size: int = PAGE, **filters: Any
    ) -> Iterator[Execution]:
        """Walk the executions, newest first; `filters` such as `job_id`, `status`."""
        return self._walk("executions", paging, size, filters)

    def schedules(
        self, *, paging: Paging = "cursor", size: int = PAGE, **filters: Any
    ) -> Iterator[Schedule]:
        """Walk the schedules."""
        return self._walk("schedules", paging, size, filters)

    def create_schedule(self, task_id: str, cron_expression: str, **fields: Any) -> Schedule:
        """Make a schedule; `fields` such as `input`, `timezone`, `name`, `enabled`."""
        body = {"task_id": task_id, "cron_expression": cron_expression, **fields}
        return cast("Schedule", self.call("POST", "schedules", body=body))

    def change_schedule(self, schedule_id: str, **fields: Any) -> Schedule:
        """Change what is named of a schedule, keep the rest."""
        path = f"schedules/{quote(schedule_id, safe='')}"
        return cast("Schedule", self.call("PATCH", path, body=fields, repeatable=True))

    def delete_schedule(self, schedule_id: str) -> None:
        """Delete a schedule; its jobs stay."""
        self.call("DELETE", f"schedules/{quote(schedule_id, safe='')}")

    def _walk(
        self, path: str, paging: Paging, size: int, filters: Mapping[str, Any]
    ) -> Iterator[Any]:
        walk = by_cursor if paging == "cursor" else by_offset
        return walk(self, path, filters, size)

    def _patient(self, wait_s: float) -> float | None:
        """Return a time-out that is longer than the server waits."""
        answers_in_s = self.client.timeout.read
        if not wait_s or answers_in_s is None:
            return None
        return min(wait_s, _LONGEST_WAIT_S) + answers_in_s
