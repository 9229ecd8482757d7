"""Run by `ratchet bench`: `python webhooks_httpx.py URL BODY THREADS COUNT GAP_S`.

Posts a body again and again in a bare loop: no signature, no second attempt, nothing stored. Each
thread keeps one connection of its own. With a gap, each post begins so long after the one before,
or at once where that took longer. Prints a JSON object of ids and when each post began, in seconds
since 1970.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx


def post(url: str, body: bytes, count: int, gap_s: float) -> dict[str, float]:
    """Post over one kept connection; any answer but 2xx ends the script."""
    began: dict[str, float] = {}
    due = time.monotonic()
    with httpx.Client(timeout=30) as client:
        for _ in range(count):
            if gap_s:
                due += gap_s
                time.sleep(max(0.0, due - time.monotonic()))
            name = uuid.uuid4().hex
            headers = {"Content-Type": "application/json", "webhook-id": name}
            began[name] = time.time()
            client.post(url, content=body, headers=headers).raise_for_status()
    return began


def main(url: str, path: str, threads: int, count: int, gap_s: float) -> None:
    """Share the posts among threads."""
    body = Path(path).read_bytes()
    shares = [count // threads + (number < count % threads) for number in range(threads)]
    began: dict[str, float] = {}
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(lambda share: post(url, body, share, gap_s), shares):
            began |= part
    print(json.dumps(began))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
