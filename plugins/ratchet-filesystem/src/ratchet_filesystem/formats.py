"""Turning an output into the text of a file. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import yaml

from ratchet_core.sdk import DeliveryView, PermanentError

#: What `format` may be.
FORMATS: Final = ("json", "json_compact", "yaml", "csv", "raw", "template")
#: A cell that begins so would be taken for a formula by a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def formatted(delivery: DeliveryView, options: Mapping[str, Any], default: str = "json") -> bytes:
    """Return an output as the bytes of a file.

    Args:
        delivery: has the output.
        options: checked; `format`, and `template` for that format.
        default: the format where none is named.

    Raises:
        PermanentError: the output has no such form.
        TemplateFailed: the template has no value.
    """
    kind = options.get("format") or default
    if kind == "template":
        rendered = delivery.render(options["template"])
        return rendered.encode() if isinstance(rendered, str) else orjson.dumps(rendered)
    if kind == "json_compact":
        return delivery.body
    output = delivery.output
    if kind == "json":
        return orjson.dumps(output, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if kind == "yaml":
        text: str = yaml.safe_dump(output, allow_unicode=True, sort_keys=False)
        return text.encode()
    if kind == "csv":
        return _csv(output)
    return output.encode() if isinstance(output, str) else delivery.body


def problems(options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `format` and `template`."""
    kind = options.get("format", "json")
    if kind not in FORMATS:
        return [f"format: must be one of {', '.join(FORMATS)}"]
    if kind == "template" and not isinstance(options.get("template"), str):
        return ["template: is missing, and `format: template` needs it"]
    return []


def _csv(output: Any) -> bytes:
    rows = output if isinstance(output, list) else [output]
    file = io.StringIO(newline="")
    if rows and all(isinstance(row, Mapping) for row in rows):
        columns = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.writer(file)
        writer.writerow([_cell(column) for column in columns])
        writer.writerows([[_cell(row.get(column)) for column in columns] for row in rows])
    elif all(isinstance(row, Sequence) and not isinstance(row, str) for row in rows):
        csv.writer(file).writerows([[_cell(item) for item in row] for row in rows])
    else:
        message = "the output is no table: csv needs a list of objects or of lists"
        raise PermanentError(message, code="NOT_A_TABLE")
    return file.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return "" if value is None else value
    if not isinstance(value, str):
        return orjson.dumps(value).decode()
    return f"'{value}" if value.startswith(_FORMULA) else value
