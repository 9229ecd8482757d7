"""Ready-made values: what Ratchet would hand to a plugin, without a Ratchet around it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from ratchet_core.domain.log import LogLimits
from ratchet_core.domain.workflow import single_step
from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.engine.execute import Executed, Executor, LiveAttempt
from ratchet_core.engine.work import Assignment
from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.sdk import (
    AuthenticatorSettings,
    DeliveryView,
    HttpClient,
    HttpRequest,
    HttpResponse,
    NetworkFailure,
    PluginServices,
    Principal,
    RequestView,
    RunInfo,
    SourceSettings,
    StepContext,
    StepHandler,
    StepInfo,
)

#: Time limit of an attempt or a delivery whose test names none, in seconds.
TIMEOUT_S: Final = 20.0
#: Key of the signature of deliveries.
SIGNING_SECRET: Final = b"signing-secret-of-the-test"
_LOG_LIMITS: Final = LogLimits(line_bytes=8192, lines=1000, total_bytes=1_048_576, lines_per_s=1000)
_HANDLER: Final = "handler"


class NoNetwork:
    """An HTTP client of a machine without a network."""

    def request(self, request: HttpRequest) -> HttpResponse:
        """Fail as a machine without a network does.

        Raises:
            NetworkFailure: always.
        """
        raise NetworkFailure(f"{request.url}: this test has no network")


@contextlib.contextmanager
def local_client(*allowed: str) -> Iterator[HttpClient]:
    """Give the real client, which may reach this machine and nothing else.

    Args:
        allowed: addresses and networks that it may reach besides.
    """
    policy = EgressPolicy(("127.0.0.0/8", "::1/128", "localhost", *allowed), ())
    with contextlib.closing(PinnedClient(policy, timeout_s=TIMEOUT_S)) as client:
        yield client


class NoKeys:
    """A store of API keys that holds none."""

    def is_key(self, text: str) -> bool:
        """Take nothing for a key."""
        return False

    def find(self, text: str) -> Principal | None:
        """Find nobody."""
        return None


@dataclass
class Recorder:
    """A reporter that keeps what a step tells."""

    updates: list[tuple[float, str | None, Any]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def progress(self, fraction: float, message: str | None, data: Any) -> None:
        """Keep how far the step is."""
        self.updates.append((fraction, message, data))

    def log(self, level: str, message: str) -> None:
        """Keep a line of the log."""
        self.lines.append((level, message))

    def publish(self, name: str, payload: Mapping[str, Any]) -> None:
        """Keep an event."""
        self.published.append((name, payload))


@dataclass(frozen=True, kw_only=True)
class StepExample:
    """A step that a test runs: what its handler is given."""

    input: Any = field(default_factory=dict)  #: JSON value, of the run
    config: Mapping[str, Any] = field(default_factory=dict)  #: `handler_config`
    files: Mapping[str, str] = field(default_factory=dict)  #: scripts beside the definition
    results: Mapping[str, Any] = field(default_factory=dict)  #: of parents, by name
    secrets: Mapping[str, Any] = field(default_factory=dict)  #: given at start, never stored
    timeout_s: float = TIMEOUT_S  #: time limit of the attempt


def step_context(example: StepExample | None = None, **changes: Any) -> StepContext:
    """Return what a step handler is given for one attempt.

    Args:
        example: of the step; an empty one by default.
        changes: other fields of `StepContext`, such as `attempt`, `http`, `reporter`, `input`.
    """
    step = example or StepExample()
    given: dict[str, Any] = {
        "run": RunInfo(id=new_id(), namespace="default", workflow="example", version="1.0.0"),
        "step": StepInfo(id=new_id(), name="example", attempt_id=new_id()),
        "attempt": 1,
        "input": step.input,
        "results": step.results,
        "config": step.config,
        "files": step.files,
        "secrets": step.secrets,
        "idempotency_key": new_id(),
        "timeout_s": step.timeout_s,
        "http": NoNetwork(),
        "log": logging.getLogger("ratchet.example"),
        "reporter": Recorder(),
        "stop": threading.Event(),
        **changes,
    }
    given.setdefault("deadline", time.monotonic() + given["timeout_s"])
    return StepContext(**given)


def execute(
    handler: StepHandler,
    example: StepExample,
    *,
    http: HttpClient | None = None,
    attempt: int = 1,
    step_id: str | None = None,
    live: LiveAttempt | None = None,
) -> Executed:
    """Run one attempt as a worker does, and return what came of it; never raises.

    Args:
        handler: runs it.
        example: of the step.
        http: its client; none by default.
        attempt: number of the attempt.
        step_id: the same for every attempt at a step; becomes the idempotency key.
        live: of the attempt, to cancel it from another thread.
    """
    workflow = single_step(
        "example",
        _HANDLER,
        files=dict(example.files),
        step={
            "config": example.config,
            "timeout_s": example.timeout_s,
        },
    )
    text = orjson.dumps(example.input).decode()
    assignment = Assignment(
        step_id=step_id or new_id(),
        run_id=new_id(),
        token=1,
        position=0,
        workflow=workflow,
        attempt=attempt,
        failures=attempt - 1,
        losses=0,
        priority=0,
        alone=False,
        input=text,
        run_input=text,
        results={name: orjson.dumps(value).decode() for name, value in example.results.items()},
    )
    executor = Executor(
        HandlerTable({_HANDLER: handler}),
        lambda _namespace: http or NoNetwork(),
        example.timeout_s,
        log_limits=_LOG_LIMITS,
        secrets_for=lambda _run_id, _input: example.secrets,
    )
    deadline = time.monotonic() + example.timeout_s
    return executor.execute(assignment, live or LiveAttempt(attempt_id=new_id(), deadline=deadline))


def delivery_view(options: Mapping[str, Any], output: Any = None, **changes: Any) -> DeliveryView:
    """Return what an output destination is given for one attempt.

    Args:
        options: the keys below `destination`, but `type`.
        output: of the run; `{"total": 42}` by default.
        changes: other fields of `DeliveryView`, such as `id`, `attempt`, `state`, `timeout_s`.
    """
    run = RunInfo(id=new_id(), namespace="default", workflow="example", version="1.0.0")
    body = orjson.dumps({"total": 42} if output is None else output)
    given: dict[str, Any] = {
        "id": new_id(),
        "attempt": 1,
        "destination": "example",
        "options": options,
        "run": changes.get("run", run),
        "state": "completed",
        "body": body,
        "secret": SIGNING_SECRET,
        "created_at": datetime.now(UTC),
        "timeout_s": TIMEOUT_S,
        **changes,
    }
    given.setdefault("variables", _variables(given["run"], given["state"], given["body"]))
    given.setdefault("deadline", time.monotonic() + given["timeout_s"])
    return DeliveryView(**given)


def _variables(run: RunInfo, state: str, body: bytes) -> dict[str, Any]:
    """Return what templates may read, as on the second of January 2042."""
    return {
        "job_id": run.id,
        "job_uuid": run.id,
        "task_id": run.task_id,
        "task_name": run.workflow,
        "task_version": run.version,
        "execution_id": new_id(),
        "priority": 0,
        "schedule_id": "",
        "environment": "test",
        "env": "test",
        "hostname": "host",
        "status": state,
        "duration_ms": 1500,
        "duration_secs": 1.5,
        "output_data": orjson.loads(body),
        "output_size": len(body),
        "timestamp": "20420102_030405",
        "iso_timestamp": "2042-01-02T03:04:05Z",
        "unix_timestamp": 2_272_071_845,
        "date": "2042-01-02",
        "time": "03-04-05",
        "year": "2042",
        "month": "01",
        "day": "02",
        "hour": "03",
        "minute": "04",
        "second": "05",
    }


def request_view(headers: Mapping[str, str] | None = None, **changes: Any) -> RequestView:
    """Return a request as authenticators see it.

    Args:
        headers: of any spelling.
        changes: other fields of `RequestView`.
    """
    named = {name.lower(): value for name, value in (headers or {}).items()}
    given: dict[str, Any] = {"method": "GET", "path": "/api/v1/jobs", "address": "127.0.0.1"}
    return RequestView(headers=named, **{**given, **changes})


def authenticator_settings(data_dir: Path, **changes: Any) -> AuthenticatorSettings:
    """Return what an authenticator is made with.

    Args:
        data_dir: directory for its files.
        changes: other fields of `AuthenticatorSettings`, such as `own`, `keys`, `http`.
    """
    given: dict[str, Any] = {"http": NoNetwork(), "keys": NoKeys(), "data_dir": data_dir}
    return AuthenticatorSettings(**{**given, **changes})


def source_settings(options: Mapping[str, Any], data_dir: Path, **changes: Any) -> SourceSettings:
    """Return what an input source is made with.

    Args:
        options: its own keys, as configured.
        data_dir: directory for its files.
        changes: other fields of `SourceSettings`, such as `ack`, `requeue`, `http`.
    """
    given: dict[str, Any] = {"name": "example", "http": NoNetwork(), "data_dir": data_dir}
    return SourceSettings(options=options, **{**given, **changes})


def plugin_services(data_dir: Path, **changes: Any) -> PluginServices:
    """Return what a plugin is given when it registers something.

    Args:
        data_dir: directory for its files.
        changes: other fields of `PluginServices`, such as `settings`, `http`.
    """
    given: dict[str, Any] = {"http": NoNetwork(), "data_dir": data_dir}
    return PluginServices(**{**given, **changes})


def odd_values(options: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what people may write by mistake: each key with values of other kinds, and others."""
    wrong: tuple[Any, ...] = (None, "", "{{", 7, -1.5, True, [], [None], {}, {"no": {"such": 1}})
    replaced = [{**options, key: value} for key in options for value in wrong]
    left_out = [{k: v for k, v in options.items() if k != key} for key in options]
    return [{}, {**options, "no_such_key": 1}, *replaced, *left_out]
