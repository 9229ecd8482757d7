"""What the tests of a plugin stand on: fixtures, ready-made values, and a contract per kind.

    pytest_plugins = ["ratchet_core.testing"]

in the topmost `conftest.py`, or `-p ratchet_core.testing` on the command line, gives the fixtures
`ratchet`, `make_ratchet` and `clock`. It needs `pip install ratchet-core[testing]`; nothing else
of Ratchet imports this package.
"""

from __future__ import annotations

from ratchet_core.testing.clock import Clock
from ratchet_core.testing.fixtures import (
    MakeRatchet,
    clock,
    empty_database,
    make_ratchet,
    ratchet,
    ratchet_options,
)
from ratchet_core.testing.harness import Harness
from ratchet_core.testing.run import SubmittedRun

__all__ = [
    "Clock",
    "Harness",
    "MakeRatchet",
    "SubmittedRun",
    "clock",
    "empty_database",
    "make_ratchet",
    "ratchet",
    "ratchet_options",
]
