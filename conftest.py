"""What every test of the core and of the plugins stands on; the fixtures live in tests.servers."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers", "tests.rabbitmq", "ratchet_core.testing"]


def pytest_configure() -> None:
    """Make tests independent of the caller's shell and of how busy the machine is."""
    for name in list(os.environ):
        if name.startswith("RATCHET_") and not name.startswith("RATCHET_TEST_"):
            del os.environ[name]
    parent = settings.get_profile("ci" if os.environ.get("CI") else "default")
    settings.register_profile("ratchet", parent, deadline=None)
    settings.load_profile("ratchet")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what cannot be encoded: a logged lone surrogate would end the xdist worker."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode("utf-8"))
        for title, text in report.sections
    ]
    return report
