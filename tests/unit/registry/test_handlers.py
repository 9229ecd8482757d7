"""Which code performs a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.handlers import HandlerTable, name_of
from ratchet_core.registry.python_code import PythonCode
from ratchet_core.sdk import StepContext, StepHandler, step_handler


class Echo(StepHandler):
    """Registered by a plugin."""

    name = "echo"

    def process(self, context: StepContext) -> Any:
        return context.input


class NeedsArguments(StepHandler):
    """Cannot be made without arguments."""

    def __init__(self, size: int) -> None:
        self.size = size


class WithoutProcess:
    """Is no step handler."""


@step_handler(name="ping")
def ping(context: StepContext) -> str:
    return "pong"


HERE = "tests.unit.registry.test_handlers"


def test_a_registered_handler_is_found_by_its_name() -> None:
    echo = Echo()

    table = HandlerTable([echo, ping])

    assert table.resolve("echo") is echo
    assert table.resolve("ping") is ping
    assert table.names() == ["echo", "ping"]


def test_a_dotted_path_into_an_installed_package_makes_one_instance() -> None:
    table = HandlerTable()

    first = table.resolve(f"{HERE}.Echo")

    assert type(first).__name__ == "Echo"
    assert table.resolve(f"{HERE}.Echo") is first
    assert table.made() == [first]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ecko", "there is no step handler 'ecko'; did you mean 'echo'?"),
        ("Ekko::Handler", "there is no step handler 'Ekko::Handler'"),
        ("", "there is no step handler ''"),
        ("no.such.module.Class", "there is no step handler 'no.such.module.Class'"),
        (f"{HERE}.Missing", "there is no step handler"),
        (f"{HERE}.NeedsArguments", "cannot be made without arguments"),
        (f"{HERE}.WithoutProcess", "no method process"),
        ("os.path", "no method process"),
        ("..", "there is no step handler"),
        ("os..path", "there is no step handler"),
        ("a\0.b", "there is no step handler"),
        ("x" * 5000, "there is no step handler"),
    ],
)
def test_what_cannot_be_found_or_made_says_why(name: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words.split("'", maxsplit=1)[0]) as caught:
        HandlerTable([Echo()]).resolve(name)

    assert words in caught.value.reason
    assert len(caught.value.reason) < 1000


def test_a_module_that_fails_on_import_is_named(
    write: Callable[[Mapping[str, str | bytes]], Path], python_code: PythonCode
) -> None:
    write({"lazy_trouble.py": "import absent_dependency\n", "lazy_zero.py": "1 / 0\n"})
    python_code.load()
    table = HandlerTable((), python_code)

    with pytest.raises(DefinitionError, match="No module named 'absent_dependency'"):
        table.resolve("lazy_trouble.Step")
    with pytest.raises(DefinitionError, match="'lazy_zero' cannot be imported: ZeroDivisionError"):
        table.resolve("lazy_zero.Step")


def test_a_plugins_name_wins_over_a_declared_one_and_that_is_reported(
    write: Callable[[Mapping[str, str | bytes]], Path], python_code: PythonCode
) -> None:
    code = "from ratchet_core.sdk import StepHandler\nclass E(StepHandler):\n    name = 'echo'\n"
    write({"echo_steps.py": code})
    python_code.load()
    echo = Echo()

    table = HandlerTable([echo], python_code)

    assert table.resolve("echo") is echo
    assert [problem.reason for problem in table.problems] == [
        "the step handler 'echo' is registered by a plugin"
    ]


def test_a_handler_without_a_name_cannot_be_registered() -> None:
    with pytest.raises(DefinitionError, match="has no name"):
        name_of(StepHandler())
