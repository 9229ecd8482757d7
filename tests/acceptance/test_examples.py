"""Every example workflow and script runs over HTTP with the input that its page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api

PAGE = Path(__file__).resolve().parents[2] / "contrib" / "examples" / "README.md"
_ROW = re.compile(r"^\| `([a-z_.-]+)`[^|]*\|[^|]*\| (.*?) \|", re.MULTILINE)
_INPUT = re.compile(r"`(\{.*?\})`(?= or |$| \|)")
#: They fetch the server at port 8080, or a host of the internet; their own tests mock it.
ELSEWHERE = {"server-summary", "metrics-exporter", "database-sync", "datadog-metrics"}


def shown() -> list[tuple[str, Any]]:
    """Return every name and input that the page's tables show."""
    return [
        (name, json.loads(text))
        for name, cell in _ROW.findall(PAGE.read_text(encoding="utf-8"))
        for text in _INPUT.findall(cell)
        if name not in ELSEWHERE
    ]


@pytest.mark.parametrize(("name", "value"), shown())
def test_an_example_completes_with_the_input_that_its_page_shows(
    api: Api, name: str, value: Any
) -> None:
    job = api.finished(api.execute(name, value)["id"])

    assert job["status"] == "completed", job["error"]
    assert job["result"] is not None


def test_the_page_shows_an_input_for_each_workflow() -> None:
    assert len({name for name, _ in shown()}) >= 20
