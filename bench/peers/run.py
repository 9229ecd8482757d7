"""Run by `ratchet bench` in the peers' environment: `python run.py NAME` measures peer_NAME.

Each configuration of the peer adds one line of JSON to the file that the order names.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from measure import ORDER, measure


def main() -> None:
    """Measure every configuration of the peer that is named."""
    module = importlib.import_module(f"peer_{sys.argv[1]}")
    for peer in module.peers():
        document = measure(peer)
        with Path(ORDER["results"]).open("a", encoding="utf-8") as results:
            results.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
