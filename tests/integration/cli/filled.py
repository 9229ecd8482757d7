"""A database with finished runs of one script, made in this process: that takes no commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from ratchet_core.config import Settings
from ratchet_core.config.definitions import RegistrySettings
from ratchet_core.config.execution import WorkerSettings
from ratchet_core.config.server import DatabaseSettings
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.runtime import Ratchet
from ratchet_core.worker.run import run_inline


def fill(folder: Path, name: str, script: str, inputs: Sequence[Any]) -> Path:
    """Run a script once for each input; return the path of the database."""
    task = folder / "tasks" / name
    task.mkdir(parents=True)
    (task / "main.js").write_text(script, encoding="utf-8")
    metadata = {"name": name, "version": "1.0.0", "label": name, "description": ""}
    (task / "metadata.json").write_bytes(orjson.dumps(metadata))
    path = folder / "kept.db"
    settings = Settings(
        data_dir=folder / "data",
        database=DatabaseSettings(url=f"sqlite:///{path}"),
        registry=RegistrySettings(paths=(task.parent,)),
        worker=WorkerSettings(recycle_after_steps=1),  # which must not end a run half-way here
    )
    runtime = Ratchet(settings)
    try:
        runtime.prepare_database()
        runtime.sync_definitions(on_change="replace")
        for given in inputs:
            request = SubmitRequest(namespace="default", name=name, input=given)
            run_inline(runtime, runtime.engine.submit(request).run.id)
    finally:
        runtime.close()
    return path
