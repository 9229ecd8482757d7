"""The same workers over PostgreSQL: claims of several drains, and recovery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition
from tests.integration.worker.conftest import STEPS, Place, attempts_of, chain, one_step


@pytest.fixture
def stored(tmp_path: Path, new_postgres_database: Callable[[], str]) -> Iterator[Place]:
    """Give a PostgreSQL database without Redis."""
    url = new_postgres_database().replace("postgresql+psycopg://", "postgresql://")
    made = Place(tmp_path, {"RATCHET_DATABASE_URL": url})
    yield made
    made.end()


def fan_out(width: int) -> WorkflowDefinition:
    quick = f"{STEPS}.quick"
    middle = [
        StepDefinition(name=f"m{number}", handler=quick, depends_on=("first",))
        for number in range(width)
    ]
    names = tuple(step.name for step in middle)
    return WorkflowDefinition(
        name="fan",
        steps=(
            StepDefinition(name="first", handler=quick),
            *middle,
            StepDefinition(name="last", handler=quick, depends_on=names),
        ),
    )


def test_several_drains_share_the_work_and_run_each_step_once(stored: Place) -> None:
    stored.define(chain(5), one_step("quick"), fan_out(100))
    run_ids = [*stored.submit("chain5", 20), *stored.submit("quick", 200), *stored.submit("fan")]
    stored.start(slots=3)

    assert stored.await_ends(run_ids) == {"completed": 221}
    ran = [tuple(line[1:3]) for line in stored.ledger("ran")]
    assert len(ran) == len(set(ran)) == 20 * 5 + 200 + 102


def test_a_poison_step_fails_no_innocent(stored: Place) -> None:
    stored.define(one_step("quick"), one_step("poison"))
    innocents = stored.submit("quick", 25)
    poison = stored.submit("poison")
    innocents += stored.submit("quick", 24)
    stored.start(slots=2)

    assert stored.await_ends([*innocents, *poison]) == {"completed": 49, "failed": 1}
    assert [attempts_of(stored, run_id) for run_id in innocents] == [1] * 49


def test_a_step_that_holds_the_interpreter_is_killed_at_its_deadline(stored: Place) -> None:
    stored.define(
        one_step("holds_the_interpreter", timeout_s=0.5, retryable=False), one_step("quick")
    )
    stored.start(slots=2, environ={"RATCHET_EXECUTION_TIMEOUT_GRACE_PERIOD_S": "0.5"})
    held = stored.submit("holds_the_interpreter")
    stored.await_ledger("holding")

    assert stored.await_ends(stored.submit("quick", 50), timeout_s=10.0) == {"completed": 50}
    assert stored.await_ends(held, timeout_s=10.0) == {"failed": 1}
