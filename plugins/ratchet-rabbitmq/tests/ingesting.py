"""A Ratchet whose ingesters a test starts and kills, fed by a queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ratchet_core.config import load_settings
from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.runtime import Ratchet
from tests.processes import environment, running

#: Completes with what its message asks for.
SCRIPT = """\
(function(input) {
    return { ack: input.headers['x-good'] !== 'no' };
})
"""
SCHEMA = """\
{"type": "object", "properties": {"headers": {"type": "object",
 "properties": {"x-shape": {"const": "right"}}}}}
"""


class Site:
    """A Ratchet in a folder.

    Args:
        folder: where everything is.
        options: of the source.
        keys: of the source besides its options, such as `ack`.
    """

    def __init__(self, folder: Path, options: dict[str, Any], **keys: Any) -> None:
        self.folder = folder
        order = folder / "definitions" / "order"
        order.mkdir(parents=True)
        (order / "main.js").write_text(SCRIPT, encoding="utf-8")
        (order / "input.schema.json").write_text(SCHEMA, encoding="utf-8")
        (order / "metadata.json").write_text(
            '{"name": "order", "version": "1.0.0"}', encoding="utf-8"
        )
        source = {"name": "orders", "type": "rabbitmq", "workflow": "order", **keys}
        source["options"] = {**options, "url": "${ORDERS_RABBITMQ_URL}"}
        config = folder / "ratchet.yaml"
        config.write_text(yaml.safe_dump({"input": {"sources": [source]}}), encoding="utf-8")
        self.env = environment(
            folder,
            RATCHET_CONFIG=str(config),
            RATCHET_PATH=str(folder / "definitions"),
            RATCHET_WORKER_COUNT="1",
            ORDERS_RABBITMQ_URL=options["url"],
        )
        self.runtime = Ratchet(load_settings(config, self.env).settings, self.env)
        self.runtime.prepare_database()
        self.runtime.sync_definitions(on_change="replace")

    def ingester(self, log: str = "ingest.log") -> Any:
        """Start `ratchet ingest`."""
        return running(["ingest"], self.folder, self.env, log=log)

    def worker(self) -> Any:
        """Start `ratchet worker`."""
        return running(["worker"], self.folder, self.env, log="worker.log")

    def inputs(self) -> list[Any]:
        """Return the inputs of all runs."""
        found: list[Any] = []
        while True:
            page = self.runtime.reads.runs(RunQuery(), Window(limit=1000, offset=len(found)))
            found += [run.input for run in page.items]
            if len(page.items) < 1000:
                return found

    def count(self) -> int:
        """Count the runs."""
        return self.runtime.reads.runs(RunQuery(), Window(limit=1)).total

    def state(self) -> str:
        """Return how the source does."""
        [view] = self.runtime.inputs.views()
        return view.state

    def reason(self) -> str:
        """Return why it does so."""
        [view] = self.runtime.inputs.views()
        return view.message

    def told(self) -> dict[str, int]:
        """Return the counts of the source over all processes."""
        [view] = self.runtime.inputs.views()
        names = ("messages", "doubles", "rejected", "errors")
        return {name: sum(getattr(place, name) for place in view.places) for name in names}
