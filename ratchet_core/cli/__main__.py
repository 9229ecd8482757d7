"""`python -m ratchet_core.cli`: the same as `ratchet`; the children of `ratchet up` start so."""

from __future__ import annotations

import sys

from ratchet_core.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
