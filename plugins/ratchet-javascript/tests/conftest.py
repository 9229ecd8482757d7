"""A warm step handler for the tests of this plugin, and the way to their module of attempts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratchet_javascript import JavaScriptHandler

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def handler() -> Iterator[JavaScriptHandler]:
    handler = JavaScriptHandler()
    handler.warm()
    yield handler
    handler.close()
