"""The `ratchet` command: options in, verbs of the rooms below, tables or JSON out. No rules.

Each command is a file in `command`; it is imported when it is used, so that `ratchet --help` is
quick. `hosting` starts and watches processes, `testing` runs the test cases of scripts, `template`
holds what `ratchet new` writes.
"""

from __future__ import annotations

from ratchet_core.cli.entry import main

__all__ = ["main"]
