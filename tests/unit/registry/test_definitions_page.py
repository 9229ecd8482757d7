"""The files shown in docs/reference/definitions.md load as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratchet_core.registry.option import RESERVED_EVENTS
from ratchet_core.registry.tasker_step import STEP_KEYS
from ratchet_core.registry.tasker_yaml import KEYS
from tests.unit.registry.conftest import Load

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "definitions.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))
REFUSED = re.findall(
    r"<!-- refused: (\S+) -->\n```\w+\n(.*?)```\n```text\n(.*?)\n```", PAGE, re.DOTALL
)

pytestmark = pytest.mark.docs


def test_the_files_of_the_page_load_together(load: Load) -> None:
    loaded = load(FILES)

    assert [problem.message for problem in (*loaded.problems, *loaded.notes)] == []
    assert {found.definition.full_name for found in loaded.definitions} == {
        "default.greet@1.2.0",
        "default.hello@1.0.0",
        "orders.process_order@1.0.0",
        "reports.daily_report@1.0.0",
    }
    assert loaded.namespaces == {"orders": "Order processing"}


def test_the_environment_of_the_page_has_its_effect(load: Load) -> None:
    def currency(environment: str, **environ: str) -> object:
        found = load(FILES, environment, **environ).definitions
        flow = next(f.definition for f in found if f.definition.name == "process_order")
        return flow.step("price").config["currency"]

    assert currency("production") == "EUR"
    assert currency("production", ORDER_CURRENCY="USD") == "USD"
    assert currency("test") == "XTS"


@pytest.mark.parametrize(("name", "text", "message"), REFUSED)
def test_what_the_page_says_is_refused_is_refused_in_these_words(
    load: Load, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (problem,) = load({name: text}).problems

    assert problem.message.removeprefix(f"{tmp_path}/") == message


def test_every_key_is_on_the_page() -> None:
    shown = set(re.findall(r"`([a-z_]+)`", PAGE))

    assert {*KEYS, *STEP_KEYS} <= shown
    assert {"task", "step", "workflow", "run", "test"} <= RESERVED_EVENTS & shown
