"""A Ratchet whose ingesters a test starts, kills and looks at; its database is a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ratchet_core.config import load_settings
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.runtime import Ratchet
from tests.kafka_broker import KafkaBroker
from tests.processes import environment, running

ECHO = "(function(input) { return { ack: input.kafka_event.headers.good !== 'no' }; })"
CONFIGURATION = """\
input:
  max_waiting_steps: {most}
  sources:
    - name: orders
      type: kafka
      workflow: order
      {extra}
      options:
        bootstrap_servers: "{servers}"
        topics: [orders]
        batch: {batch}
        session_timeout_seconds: 3
        max_poll_interval_seconds: 5
        {options}
"""


class Site:
    """A Ratchet that reads the topic `orders`.

    Args:
        folder: for everything.
        kafka: the cluster.
        extra: a line of the source.
        options: a line of its options.
        batch: most messages at once.
        most: `input.max_waiting_steps`.
    """

    def __init__(
        self,
        folder: Path,
        kafka: KafkaBroker,
        *,
        extra: str = "",
        options: str = "",
        batch: int = 50,
        most: int = 10_000,
    ) -> None:
        self.folder = folder
        definitions = folder / "definitions"
        definitions.mkdir()
        (definitions / "order.js").write_text(ECHO, encoding="utf-8")
        config = folder / "ratchet.yaml"
        text = CONFIGURATION.format(
            servers=kafka.servers, extra=extra, options=options, batch=batch, most=most
        )
        config.write_text(text, encoding="utf-8")
        self.env = environment(
            folder,
            RATCHET_CONFIG=str(config),
            RATCHET_PATH=str(definitions),
            RATCHET_WORKER_COUNT="1",
        )
        self.runtime = Ratchet(load_settings(config, self.env).settings, self.env)
        self.runtime.prepare_database()
        self.runtime.sync_definitions(on_change="replace")

    def inputs(self) -> list[dict[str, Any]]:
        """Return the events of all runs, the newest first."""
        found: list[dict[str, Any]] = []
        while True:
            window = Window(limit=1000, offset=len(found))
            page = self.runtime.reads.runs(RunQuery(), window)
            found += [run.input["kafka_event"] for run in page.items]
            if len(page.items) < 1000:
                return found

    def numbers(self) -> list[int]:
        """Return the numbers of the messages that became runs, in order."""
        return sorted(event["value"]["n"] for event in self.inputs())

    def state(self) -> str:
        """Return how the source does."""
        [view] = self.runtime.inputs.views()
        return view.state

    def message(self) -> str:
        """Return what the source says of itself."""
        [view] = self.runtime.inputs.views()
        return view.message

    def ingester(self, name: str = "ingest.log") -> Any:
        """Start an ingester, as a context."""
        return running(["ingest"], self.folder, self.env, log=name)

    def worker(self) -> Any:
        """Start a worker, as a context."""
        return running(["worker"], self.folder, self.env, log="worker.log")
