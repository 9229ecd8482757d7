"""The promises of every output destination, kept by both of this plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from ratchet_core.sdk import OutputDestination
from ratchet_core.testing import OutputDestinationContract
from ratchet_filesystem import FilesystemDestination, StdioDestination


class TestFilesystem(OutputDestinationContract):
    drops_doubles = True

    @pytest.fixture
    def destination(self) -> OutputDestination:
        return FilesystemDestination()

    @pytest.fixture
    def good_options(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"path": str(tmp_path / "out" / "{{job_id}}.json")}

    @pytest.fixture
    def received(self, tmp_path: Path) -> Any:
        return lambda: [orjson.loads(file.read_bytes()) for file in (tmp_path / "out").iterdir()]

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"path": "/x", "pth": 1}, {"path": "/x", "format": "xml"}]

    @pytest.fixture
    def refusing_options(self, tmp_path: Path) -> Mapping[str, Any]:
        path = tmp_path / "taken.json"
        path.write_text("1", encoding="utf-8")
        return {"path": str(path), "overwrite": False}


class TestStdio(OutputDestinationContract):
    @pytest.fixture
    def destination(self) -> OutputDestination:
        return StdioDestination()

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        return {"stream": "stdout"}

    @pytest.fixture
    def received(self, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
        return lambda: [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{"stream": "stdin"}, {"strem": "stdout"}, {"format": "xml"}]
