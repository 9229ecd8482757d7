"""Ratchet's task formats: a directory or zip folder with `metadata.json`, or one `.js` file.

A task is one script; it becomes a workflow of one step of kind `javascript`, named like the task.
This is the one module that knows the format's keys. Test cases are in `case`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import Document, parse_json
from ratchet_core.registry.fields import Fields, nearest
from ratchet_core.registry.folder import Folder, read_text
from ratchet_core.registry.found import DefinitionProblem
from ratchet_core.registry.option import (
    read_backoff,
    read_commit,
    read_custom_events,
    read_destinations,
)
from ratchet_core.registry.schema import check_schema
from ratchet_core.registry.variables import Variables
from ratchet_core.registry.yaml_document import locate_json

#: Kind of the step that performs a script.
SCRIPT_HANDLER: Final = "javascript"
#: The script of a task directory.
MAIN_SCRIPT: Final = "main.js"
#: Version of a task whose metadata names none.
FIRST_VERSION: Final = "1.0.0"

_META: Final = "metadata.json"
_KNOWN: Final = frozenset(
    {
        "uuid",
        "name",
        "namespace",
        "version",
        "label",
        "description",
        "tags",
        "category",
        "author",
        "authors",
        "license",
        "ratchet_version",
        "complexity",
        "timeout",
        "memory_limit",
        "created_at",
        "updated_at",
        "retryable",
        "retry_limit",
        "backoff",
        "commit",
        "custom_events",
        "queue",
        "priority",
        "output_destinations",
        "schedules",
    }
)
#: Keys that turn into fields of the definition; the others are kept as attributes.
_FIELDS: Final = frozenset(
    _KNOWN
    - {
        "label",
        "tags",
        "category",
        "author",
        "authors",
        "license",
        "ratchet_version",
        "complexity",
        "created_at",
        "updated_at",
    }
)
_MEMORY: Final = re.compile(r"(\d+)\s*(MiB|MB|M|GiB|GB|G)", re.ASCII | re.IGNORECASE)
_MAX_MEMORY_MB: Final = 65_536
_COMMENT: Final = re.compile(
    r"\s*(?:/\*+(?P<block>.*?)\*/|(?P<lines>(?://[^\n]*\n?[ \t]*)+))", re.DOTALL
)


def read_folder(
    folder: Folder, environ: Mapping[str, str]
) -> tuple[WorkflowDefinition, Document, list[DefinitionProblem]]:
    """Read a task directory.

    Args:
        folder: with `main.js`; `metadata.json`, schemas and `lib/*.js` where there are any.
        environ: for `${VAR}` in `output_destinations`, which are checked and left as written.

    Returns:
        The definition, not yet checked as a whole; its metadata; notes on keys that look misspelt.

    Raises:
        DefinitionError: naming file, line and place.
    """
    if not folder.has(MAIN_SCRIPT):
        raise DefinitionError(f"{MAIN_SCRIPT} is missing", file=f"{folder.label}/{MAIN_SCRIPT}")
    document = _metadata(folder)
    fields = Fields(document, document.value)
    Variables(document, environ).check(
        fields.value.get("output_destinations"), ("output_destinations",)
    )
    definition = _definition(fields, folder)
    notes = [
        _note(document, key) for key in fields.value if key not in _KNOWN and nearest(key, _KNOWN)
    ]
    return definition, document, notes


def read_script(path: Path) -> tuple[WorkflowDefinition, Document]:
    """Read a single `.js` file: named by its stem, described by its first comment.

    Raises:
        DefinitionError: the file cannot be read.
    """
    text = read_text(path)
    name = path.name.removesuffix(".js")
    step = StepDefinition(
        name=name, handler=SCRIPT_HANDLER, description=name, config={"script": path.name}
    )
    definition = WorkflowDefinition(
        name=name,
        version=FIRST_VERSION,
        description=leading_comment(text, path.name),
        steps=(step,),
        files={path.name: text},
    )
    return definition, Document(str(path), {})


def leading_comment(text: str, file_name: str) -> str:
    """Return the text of a script's first comment, without a line that repeats the file's name."""
    match = _COMMENT.match(text)
    if match is None:
        return ""
    lines = (match["block"] or match["lines"] or "").splitlines()
    kept = [line.strip().lstrip("/*").strip() for line in lines]
    return " ".join(line for line in kept if line and line != file_name)[:1_000]


def read_library(folder: Folder, below: str) -> dict[str, str]:
    """Return the scripts of a folder's `lib`, which run before the main script.

    Args:
        folder: of the definition.
        below: relative path of the directory that has the `lib`; empty for the folder itself.

    Raises:
        DefinitionError: a file cannot be read.
    """
    directory = f"{below}/lib" if below else "lib"
    return {name: folder.read(name) for name in folder.names(directory, ".js")}


def _metadata(folder: Folder) -> Document:
    label = f"{folder.label}/{_META}"
    if not folder.has(_META):
        return Document(label, {})
    return parse_json(folder.read(_META), label, locate_json)


def _definition(fields: Fields, folder: Folder) -> WorkflowDefinition:
    name = fields.text("name") or folder.name
    return WorkflowDefinition(
        name=name,
        namespace=fields.text("namespace", "default"),
        version=fields.version(FIRST_VERSION),
        description=fields.text("description"),
        steps=(_step(fields, name),),
        input_schema=_schema(folder, "input.schema.json"),
        output_schema=_schema(folder, "output.schema.json"),
        queue=fields.text("queue", "default"),
        priority=fields.integer("priority", 0, -1_000, 1_000),
        uuid=read_uuid(fields),
        files={MAIN_SCRIPT: folder.read(MAIN_SCRIPT), **read_library(folder, "")},
        output_destinations=read_destinations(fields),
        attributes={
            "label": fields.text("label") or name,
            "tags": list(fields.texts("tags")),
            **{
                key: value
                for key, value in fields.value.items()
                if key not in _FIELDS | {"label", "tags"}
            },
        },
    )


def _step(fields: Fields, name: str) -> StepDefinition:
    config: dict[str, Any] = {"script": MAIN_SCRIPT}
    memory_limit_mb = _memory_limit_mb(fields)
    if memory_limit_mb is not None:
        config["memory_limit_mb"] = memory_limit_mb
    return StepDefinition(
        name=name,
        handler=SCRIPT_HANDLER,
        description=fields.text("label") or name,
        config=config,
        retryable=fields.flag("retryable", default=True),
        retry_limit=fields.integer("retry_limit", 3, 0, 1_000),
        backoff=read_backoff(fields),
        timeout_s=fields.duration_s("timeout"),
        custom_events=read_custom_events(fields),
        commit=read_commit(fields),
    )


def _memory_limit_mb(fields: Fields) -> int | None:
    """Read `memory_limit`: a number of megabytes, or a text such as `128MB` or `1GB`."""
    value = fields.value.get("memory_limit")
    if isinstance(value, str):
        match = _MEMORY.fullmatch(value.strip())
        if match is None:
            reason = f"{value[:60]!r} is no amount of memory; write such as '128MB' or '1GB'"
            raise fields.error(reason, "memory_limit")
        value = int(match[1][:9]) * (1024 if match[2][0] in "Gg" else 1)
    elif value is not None:
        value = fields.integer("memory_limit", 0, 0, 2**63)
    if value is not None and not 1 <= value <= _MAX_MEMORY_MB:
        reason = f"{value} megabytes is not between 1 and {_MAX_MEMORY_MB}; write such as '128MB'"
        raise fields.error(reason, "memory_limit")
    return value


def read_uuid(fields: Fields) -> str | None:
    """Read `uuid` as lower-case text.

    Raises:
        DefinitionError: it is no UUID.
    """
    text = fields.text("uuid")
    if not text:
        return None
    try:
        return str(UUID(text))
    except ValueError:
        raise fields.error(f"{text[:60]!r} is no UUID", "uuid") from None


def _schema(folder: Folder, name: str) -> dict[str, Any] | None:
    if not folder.has(name):
        return None
    document = parse_json(folder.read(name), f"{folder.label}/{name}", locate_json)
    check_schema(document, document.value, ())
    schema: dict[str, Any] = document.value
    return schema


def _note(document: Document, key: str) -> DefinitionProblem:
    reason = f"unknown key '{key}', kept as an attribute{nearest(key, _KNOWN)}"
    return DefinitionProblem.of(document.error(reason, (key,)), document.file)
