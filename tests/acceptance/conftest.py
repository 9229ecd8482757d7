"""One real stack for all acceptance tests of a test process, and a caller that checks answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.contract import Contract
from tests.acceptance.locked import LOCKED, Locked, token
from tests.acceptance.programs import npm_install
from tests.processes import ratchet_up
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = Path(__file__).with_name("definitions")

#: What a job can end as.
ENDS = {"completed", "failed", "cancelled"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here, and keep them on one process so that they share the stack."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)
            item.add_marker(pytest.mark.xdist_group("acceptance"))


class Api:
    """Calls a running Ratchet; every answer is checked against its OpenAPI document."""

    def __init__(self, base: str, contract: Contract) -> None:
        self.base = base
        self.contract = contract
        self.session = requests.Session()

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Return the answer, once it is checked."""
        answer = self.session.request(method, self.base + path, timeout=30, **options)
        self.contract.check(answer)
        return answer

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET `path`."""
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """POST to `path`."""
        return self.call("POST", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        """DELETE `path`."""
        return self.call("DELETE", path, **options)

    def execute(self, task: str, value: Any = None, **headers: str) -> dict[str, Any]:
        """Execute a task and return its new job."""
        body = {"input": {} if value is None else value}
        answer = self.post(f"/api/v1/tasks/{task}/execute", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()["job"]
        return job

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as it stands."""
        answer = self.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, job_id: str) -> dict[str, Any]:
        """Return a job once it has come to its end."""
        return self.when(job_id, *ENDS)

    def when(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Return a job once its status is one of `statuses`."""

        def look() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in statuses else None

        return wait_for(look, f"job {job_id} to be {' or '.join(statuses)}")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of one running `ratchet up` with the examples and our definitions."""
    path = f"{ROOT / 'contrib' / 'examples'}:{DEFINITIONS}"
    folder = tmp_path_factory.mktemp("stack")
    variables = {
        "RATCHET_PATH": path,
        "RATCHET_WORKER_COUNT": "4",
        "RATCHET_EGRESS_ALLOW": "127.0.0.1",  # scripts of tests fetch servers of tests
    }
    with ratchet_up(folder, **variables) as started:
        yield started.base


@pytest.fixture(scope="session")
def contract(stack: str) -> Contract:
    """Give the checker of answers."""
    return Contract(requests.get(f"{stack}/openapi.json", timeout=10).json())


@pytest.fixture
def api(stack: str, contract: Contract) -> Iterator[Api]:
    """Give a caller of the stack."""
    made = Api(stack, contract)
    yield made
    made.session.close()


@pytest.fixture(scope="session")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with axios and the TypeScript compiler."""
    folder = tmp_path_factory.mktemp("node")
    npm_install(folder, "axios@1", "typescript@5")
    return folder


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """Give the path of a file that gated steps wait for; it is made at the end, to free them."""
    path = tmp_path / f"gate-{uuid.uuid4().hex}"
    yield path
    path.touch()


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """Give one running `ratchet up` that asks who calls."""
    folder = tmp_path_factory.mktemp("locked")
    variables = {**LOCKED, "RATCHET_PATH": str(DEFINITIONS)}
    with ratchet_up(folder, **variables) as started:
        yield Locked(started, folder, variables)


@pytest.fixture(scope="session")
def admin() -> str:
    """Give a token that may do everything."""
    return token("admin", roles=["admin"])
