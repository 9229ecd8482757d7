"""The chaos test runs on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ratchet.db'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return create()
