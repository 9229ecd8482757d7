"""What every test of the core and of the plugins stands on; the fixtures live in tests.servers."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Final

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers", "tests.rabbitmq", "ratchet_core.testing"]

#: Fixtures that find or start a server; whatever stands on one of them needs it, too.
SERVERS: Final = frozenset(
    {
        "postgres_server_url",
        "private_postgres_server",
        "_session_redis_url",
        "redis_server",
        "rabbit_url",
        "rabbit_server",
        "kafka",
    }
)


def pytest_configure() -> None:
    """Make tests independent of the caller's shell and of how busy the machine is."""
    for name in list(os.environ):
        if name.startswith("RATCHET_") and not name.startswith("RATCHET_TEST_"):
            del os.environ[name]
    parent = settings.get_profile("ci" if os.environ.get("CI") else "default")
    settings.register_profile("ratchet", parent, deadline=None)
    settings.load_profile("ratchet")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server: they run on one Python only (.ci/run)."""
    for item in items:
        if not SERVERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what cannot be encoded: a logged lone surrogate would end the xdist worker."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode("utf-8"))
        for title, text in report.sections
    ]
    return report
