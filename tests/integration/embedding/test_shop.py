"""The example application of contrib/embedding: its server and its worker, on both databases."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from ratchet_core.worker.process import die_with
from tests.processes import environment, running
from tests.servers import free_port
from tests.waiting import wait_for

SHOP = Path(__file__).resolve().parents[3] / "contrib" / "embedding"


@pytest.fixture(params=["sqlite", "postgresql"])
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Give the environment of the shop and of its worker."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'shop.db'}"
    else:
        create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        url = create().replace("postgresql+psycopg://", "postgresql://")
    return environment(tmp_path, RATCHET_DATABASE_URL=url, RATCHET_PATH=str(SHOP))


@contextlib.contextmanager
def serving(variables: dict[str, str], folder: Path) -> Iterator[str]:
    """Serve the shop as its README says; give its address."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("gunicorn")), "--chdir", str(SHOP)]
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--threads", "4", "--bind", f"127.0.0.1:{port}", "shop:wsgi()"],
            env=variables,
            stdout=log,
            stderr=log,
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - no lock is taken
        )
    base = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"{base}/workflows/handlers", timeout=5).ok
        return False

    try:
        wait_for(ready, "the shop to serve", timeout_s=40)
        yield base
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def shop(variables: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Give the address of the shop, with a worker at work."""
    with (
        serving(variables, tmp_path) as base,
        running(["worker"], tmp_path / "worker", variables),
    ):
        yield base


def get(url: str) -> Any:
    return requests.get(url, timeout=10).json()


def test_a_commit_starts_the_run_and_a_rollback_leaves_nothing(shop: str) -> None:
    placed = requests.post(f"{shop}/orders", json={"item": "apple", "quantity": 3}, timeout=10)
    refused = requests.post(f"{shop}/orders", json={"item": "apple", "quantity": 101}, timeout=10)
    order = placed.json()

    assert (placed.status_code, refused.status_code) == (201, 409)
    shipped = wait_for(
        lambda: (
            found if (found := get(f"{shop}/orders/{order['id']}"))["status"] == "shipped" else None
        ),
        "the order to be shipped",
    )
    assert shipped["price_cents"] == 750
    assert get(f"{shop}/engine/v1/jobs")["total"] == 1
    job = wait_for(
        lambda: (
            found
            if (found := get(f"{shop}/engine/v1/jobs/{order['run_id']}"))["status"] == "completed"
            else None
        ),
        "the job to be completed",
    )
    assert job["result"] == {"order_id": order["id"], "price_cents": 750}


def test_both_dialects_are_below_the_prefixes_of_the_shop(shop: str) -> None:
    made = requests.post(
        f"{shop}/workflows/tasks",
        json={"name": "fulfil_order", "namespace": "shop", "context": {"order_id": 10_000}},
        timeout=10,
    )

    assert made.status_code == 201
    failed = wait_for(
        lambda: (
            found
            if (found := get(f"{shop}/workflows/tasks/{made.json()['id']}"))["status"] == "error"
            else None
        ),
        "the task to fail",
    )
    assert failed["full_name"] == "shop.fulfil_order@1.0.0"
    assert get(f"{shop}/workflows/handlers")["namespaces"][0]["name"] == "shop"
    assert "/workflows/tasks" in get(f"{shop}/workflows/api-docs.json")["paths"]
    assert requests.get(f"{shop}/tasker/handlers", timeout=10).status_code == 404
