"""The examples that we ship are definitions without a problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.registry.loader import load_definitions
from ratchet_core.registry.python_code import PythonCode
from tests.unit.registry.conftest import JavaScriptStandIn

EXAMPLES = Path(__file__).parents[3] / "contrib" / "examples"


@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_every_example_loads(environment: str) -> None:
    code = PythonCode([EXAMPLES])
    code.load()

    loaded = load_definitions(
        [EXAMPLES], environment, {}, HandlerTable([JavaScriptStandIn()], code)
    )

    code.release()
    assert [problem.message for problem in (*loaded.problems, *loaded.notes)] == []
    namespaces = [found.definition.namespace for found in loaded.definitions]
    latest = {found.definition.name for found in loaded.definitions}
    assert {"payments", "inventory", "notifications", "default"} <= set(namespaces)
    assert {"process_payment", "weather-api", "webhook-processor", "hello"} <= latest


def test_every_script_of_the_examples_has_test_cases_that_check_something() -> None:
    code = PythonCode([EXAMPLES])
    code.load()
    loaded = load_definitions([EXAMPLES], "test", {}, HandlerTable([JavaScriptStandIn()], code))
    code.release()

    cases = [case for found in loaded.definitions for case in found.test_cases]

    assert cases
    assert [case.file for case in cases if case.skip_reason] == []
