"""JSON values on the command line: a text, a file (`@FILE`) or standard input (`-`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson


def read_json(_context: click.Context, _parameter: click.Parameter, given: str) -> Any:
    """Return the JSON value that an option says; the callback of such options.

    Raises:
        BadParameter: it is no JSON, or the file cannot be read.
    """
    text: str | bytes = given
    try:
        if given == "-":
            text = sys.stdin.buffer.read()
        elif given.startswith("@"):
            text = Path(given[1:]).read_bytes()
        return orjson.loads(text)
    except OSError as error:
        raise click.BadParameter(f"{given[1:]} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise click.BadParameter(f"it is no JSON: {error.msg} ({place})") from None
