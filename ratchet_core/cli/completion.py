"""What `ratchet validate --fix` adds to the directory of a script: metadata and open schemas."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from ratchet_core.registry.ratchet_directory import FIRST_VERSION, MAIN_SCRIPT
from ratchet_core.registry.walk import walk

#: A schema that refuses nothing yet.
_OPEN_SCHEMA: Final = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def complete_task_folders(root: Path) -> Iterator[Path]:
    """Write what is missing beside each `main.js` below `root`; yield the files written.

    Files that exist are left as they are, however broken.
    """
    if not root.is_dir():
        return
    for folder, files in walk(root):
        if any(file.name == MAIN_SCRIPT for file in files):
            yield from _complete(folder)


def _complete(folder: Path) -> Iterator[Path]:
    name = folder.resolve().name
    metadata = {
        "uuid": str(uuid.uuid4()),
        "name": name,
        "version": FIRST_VERSION,
        "label": name.replace("-", " ").replace("_", " ").capitalize(),
        "description": "",
    }
    documents: dict[str, dict[str, Any]] = {
        "metadata.json": metadata,
        "input.schema.json": dict(_OPEN_SCHEMA),
        "output.schema.json": dict(_OPEN_SCHEMA),
    }
    for file_name, document in documents.items():
        path = folder / file_name
        if not path.exists():
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
            yield path
