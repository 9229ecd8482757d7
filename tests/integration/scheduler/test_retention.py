"""Retention that nobody has configured: a scheduler alone deletes what is older than 30 days."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ratchet_core.domain.query import RunQuery, Window
from ratchet_core.domain.workflow import single_step
from ratchet_core.store.clock import to_us
from ratchet_core.store.database import Database
from ratchet_core.store.upgrade import upgrade
from tests.contract.engine_house import House
from tests.processes import RATCHET, environment
from tests.waiting import wait_for


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ratchet.db'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return create()


def ended(house: House, days: int) -> str:
    """Make a run that has ended so many days ago."""
    run_id = house.submit("report").id
    house.drain().work_off()
    at_us = to_us(house.reads.schedules.now() - timedelta(days=days))
    with house.database.write() as tx:
        tx.execute(
            text("UPDATE runs SET created_at = :at, completed_at = :at WHERE id = :id"),
            {"at": at_us, "id": run_id},
        )
    return run_id


def test_without_any_setting_runs_are_kept_for_30_days_and_no_longer(
    tmp_path: Path, url: str
) -> None:
    house = House(Database(url))
    upgrade(house.database)
    house.define(single_step("report", "test"))
    old, kept = ended(house, 31), ended(house, 29)
    waiting = house.submit("report").id
    with house.database.write() as tx:
        tx.execute(text("UPDATE runs SET created_at = 1 WHERE id = :id"), {"id": waiting})

    def there() -> set[str]:
        page = house.reads.runs(RunQuery(), Window(limit=10))
        return {run.id for run in page.items}

    env = environment(tmp_path, RATCHET_DATABASE_URL=url)
    process = subprocess.Popen([RATCHET, "scheduler"], env=env, cwd=tmp_path)
    try:
        wait_for(lambda: old not in there(), "the old run to be deleted", timeout_s=40)
    finally:
        process.terminate()
        process.wait(20)

    assert there() == {kept, waiting}
    house.database.dispose()
