"""A whole Ratchet in the hands of a test: nothing runs but what the test asks for.

The database is a real SQLite file that goes by the clock of the test. No Redis, no other process:
steps, deliveries, schedules and webhooks are done on the thread of the test, by the parts that do
them in production.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.engine.attempt_log import captured_logging
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import ConfigurationError
from ratchet_core.runtime import Ratchet
from ratchet_core.sdk import Principal, WebhookRequest
from ratchet_core.store import claims
from ratchet_core.testing.clock import Clock
from ratchet_core.testing.feed import run_source
from ratchet_core.testing.run import SubmittedRun
from ratchet_core.testing.values import request_view
from ratchet_core.worker.deliverer import Deliverer
from ratchet_core.worker.host import Host, make_drain
from ratchet_core.worker.mark import Mark
from ratchet_core.worker.run import deliverer_of

#: More rounds than any test needs: beyond them something comes again for ever.
_MOST_ROUNDS: Final = 1000


class Harness:
    """What the fixture `ratchet` gives, and `make_ratchet` makes.

    Args:
        runtime: over a database that goes by the clock.
        clock: of the test.
    """

    def __init__(self, runtime: Ratchet, clock: Clock) -> None:
        self.runtime = runtime  #: every part, for what this class does not offer
        self.clock = clock  #: the time that the database goes by
        self._deliverer: Deliverer | None = None

    # ── runs ────────────────────────────────────────────────────────────────────────────────────

    def submit(self, workflow: str, run_input: Any = None, /, **options: Any) -> SubmittedRun:
        """Store a run; nothing of it happens before `drain`.

        Args:
            workflow: `name`, `namespace.name`, either with `@version`.
            run_input: JSON value; an empty object by default.
            options: other fields of the request, such as `priority`, `delay_s`,
                `idempotency_key`, `output_destinations`.

        Raises:
            RatchetError: as at the API: no such workflow, an input against its schema, …
        """
        named = parse_name(workflow)
        request = SubmitRequest(
            namespace=named.namespace,
            name=named.name,
            version=named.version,
            input={} if run_input is None else run_input,
            **options,
        )
        return SubmittedRun(self.runtime, self.runtime.engine.submit(request).run.id)

    def run(self, workflow: str, run_input: Any = None, /, **options: Any) -> SubmittedRun:
        """Submit a run and drain; see both."""
        submitted = self.submit(workflow, run_input, **options)
        self.drain()
        return submitted

    def drain(self) -> int:
        """Do everything that is due now, on this thread, until nothing is.

        Schedules fire, deadlines pass, steps run, outputs are delivered. A step that waits for its
        back-off is not due before the clock has moved. Nothing ends a step that overruns its time
        limit: in production the worker's parent kills it.

        Returns:
            How many steps have run and deliveries were tried.

        Raises:
            AssertionError: there is no end to it.
        """
        done = 0
        for _ in range(_MOST_ROUNDS):
            fired = self.runtime.engine.fire_due().runs
            expired = self.runtime.engine.expire()
            made = self._run_steps() + self._deliver()
            done += made
            if not (fired or expired or made):
                return done
        message = f"something was still due after {_MOST_ROUNDS} rounds"
        raise AssertionError(message)

    def _run_steps(self) -> int:
        runtime = self.runtime
        runtime.engine.has_ready(runtime.settings.worker.queues)  # wakes those that are due
        with runtime.database.read() as tx:
            queues = tuple(sorted(item.queue for item in claims.backlog(tx)))
        if not queues:
            return 0
        host = Host(worker="test", queues=queues, burst=True, is_replaced=False)
        drain = make_drain(runtime, host, Mark())
        with captured_logging():
            drain.run()
        return drain.steps

    def _deliver(self) -> int:
        if self._deliverer is None:
            self._deliverer = deliverer_of(self.runtime, lambda: False)
        return self._deliverer.work_off()

    def runs(self) -> tuple[SubmittedRun, ...]:
        """Return every stored run, oldest first, up to 1,000."""
        page = self.runtime.reads.runs(RunQuery(), Window(limit=1000, order="asc"))
        return tuple(SubmittedRun(self.runtime, run.id) for run in page.items)

    # ── doors ───────────────────────────────────────────────────────────────────────────────────

    def authenticate(
        self, headers: Mapping[str, str], *, method: str = "GET", path: str = "/"
    ) -> Principal | None:
        """Ask the configured authenticators who sent a request.

        Args:
            headers: of any spelling.
            method: upper case.
            path: without the query.

        Returns:
            The caller; None while authentication is off.

        Raises:
            AuthenticationFailed: nobody knows the caller; at the API a 401.
        """
        view = request_view(headers, method=method, path=path)
        return self.runtime.access.authenticate(view)

    def receive_webhook(
        self, source: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST"
    ) -> SubmittedRun:
        """Have a configured webhook source take a request, as `/webhooks/{source}` does.

        Args:
            source: its name in `input.sources`.
            body: as it was sent.
            headers: of any spelling.
            method: upper case.

        Raises:
            AuthenticationFailed: it is not verified; at the API a 401.
            TypeError: it makes no run: a handshake, which the API answers.
            RatchetError: its run cannot be stored.
        """
        request = WebhookRequest(
            method=method,
            path=f"/webhooks/{source}",
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            received_at=self.clock.now.timestamp(),
        )
        answer = self.runtime.webhooks.receive(self.runtime.webhooks.find(source), request)
        if isinstance(answer, Mapping):
            raise TypeError(f"the message makes no run, it is answered with {dict(answer)!r}")
        return SubmittedRun(self.runtime, answer.run_id)

    def ingest(self, source: str, count: int = 1, *, timeout_s: float = 20.0) -> list[SubmittedRun]:
        """Run a configured source that fetches until it has fed so many messages, then end it.

        It runs on a thread of its own; to give it the results of runs (`ack: result`), use
        `ingest` on one thread and `drain` on another.

        Args:
            source: its name in `input.sources`.
            count: messages, doubles and rejected ones counted.
            timeout_s: how long that may take by the machine's clock.

        Returns:
            The runs of the messages, in their order; of a double the run that it made first.

        Raises:
            AssertionError: not so many came in time, or it did not end within 5 s.
        """
        fed = run_source(self.runtime, self._source(source), count, timeout_s)
        return [SubmittedRun(self.runtime, accepted.run_id) for accepted in fed]

    def _source(self, name: str) -> InputSourceSettings:
        for source in self.runtime.inputs.fetching:
            if source.name == name:
                return source
        known = ", ".join(one.name for one in self.runtime.inputs.fetching) or "none"
        raise ConfigurationError(
            f"input.sources: no source '{name}' that fetches; there are {known}"
        )

    def close(self) -> None:
        """Give everything back; `make_ratchet` does it when the test ends."""
        if self._deliverer is not None:
            self._deliverer.close()
        self.runtime.close()
