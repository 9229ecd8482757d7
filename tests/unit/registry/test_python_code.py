"""Python modules beside definitions: found, imported once, isolated when broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.registry.python_code import PythonCode
from tests.unit.registry.conftest import Load

Write = Callable[[Mapping[str, str | bytes]], Path]

GREET = dedent(
    """\
    from ratchet_core.sdk import StepHandler, step_handler

    class Greet(StepHandler):
        name = "Greetings::Greet"
        def process(self, context):
            return "hello"

    class Nameless(StepHandler):
        def process(self, context):
            return "nameless"

    class Heir(Greet):
        pass

    @step_handler(name="wave")
    def wave(context):
        return "wave"

    @step_handler
    def bow(context):
        return "bow"

    class Duck:
        def process(self, context):
            return "quack"
    """
)


def loaded_code(code: PythonCode) -> PythonCode:
    code.load()
    return code


def test_declared_names_are_found_in_every_steps_module(
    write: Write, python_code: PythonCode
) -> None:
    write({"deep/down/greet_steps.py": GREET, "greetings.py": "raise RuntimeError"})

    python_code.load()

    assert python_code.problems == ()
    assert set(python_code.declared) == {"Greetings::Greet", "wave", "greet_steps.bow"}


def test_dotted_paths_and_declared_names_lead_to_the_same_class(
    write: Write, python_code: PythonCode
) -> None:
    write({"greet_steps.py": GREET})
    table = HandlerTable((), loaded_code(python_code))

    assert type(table.resolve("greet_steps.Greet")) is type(table.resolve("Greetings::Greet"))
    assert table.resolve("greet_steps.wave") is table.resolve("wave")


@pytest.mark.parametrize("name", ["Nameless", "Heir", "bow", "Duck"])
def test_anything_with_process_is_known_by_its_dotted_path(
    write: Write, python_code: PythonCode, name: str
) -> None:
    write({"greet_steps.py": GREET})
    table = HandlerTable((), loaded_code(python_code))

    handler = table.resolve(f"greet_steps.{name}")

    assert callable(handler.process)
    assert handler.check({}, {}) == ()
    assert table.resolve(f"greet_steps.{name}") is handler


def test_siblings_are_imported_by_their_plain_name_even_later(
    write: Write, python_code: PythonCode
) -> None:
    code = """\
    from ratchet_core.sdk import step_handler
    from sibling_of_late import NUMBER

    @step_handler(name="late")
    def late(context):
        from second_sibling import OTHER
        return NUMBER + OTHER
    """
    files = {
        "late_steps.py": dedent(code),
        "sibling_of_late.py": "NUMBER = 40\n",
        "other/second_sibling.py": "OTHER = 2\n",
    }
    write(files)
    table = HandlerTable((), loaded_code(python_code))

    handler = table.resolve("late")

    assert handler.process(None) == 42  # type: ignore[arg-type]


def test_packages_work_with_relative_imports(write: Write, python_code: PythonCode) -> None:
    code = """\
    from ratchet_core.sdk import StepHandler
    from . import money
    class Pay(StepHandler):
        name = "pay"
        rate = money.RATE
    """
    write(
        {
            "billing_pkg/__init__.py": "",
            "billing_pkg/money.py": "RATE = 7\n",
            "billing_pkg/pay_steps.py": dedent(code),
        }
    )

    table = HandlerTable((), loaded_code(python_code))

    assert python_code.problems == ()
    assert table.resolve("billing_pkg.pay_steps.Pay") is not None
    assert python_code.declared["pay"].target.rate == 7  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("x = 1\nraise RuntimeError('no licence')\n", 2, "RuntimeError: no licence"),
        ("def broken(:\n", 1, "SyntaxError"),
        ("\nimport no_such_module_at_all\n", 2, "No module named 'no_such_module_at_all'"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("x = '\0'\n", None, "null bytes"),
    ],
)
def test_a_module_that_cannot_be_imported_stops_no_other(
    write: Write, python_code: PythonCode, code: str, line: int | None, words: str
) -> None:
    write({"bad_steps.py": code, "greet_steps.py": GREET})

    python_code.load()

    (problem,) = python_code.problems
    assert problem.file.endswith("bad_steps.py")
    assert problem.line == line
    assert words in problem.reason
    assert "wave" in python_code.declared


def test_two_steps_modules_of_one_name_are_both_named(
    write: Write, python_code: PythonCode
) -> None:
    write({"a/same_steps.py": GREET, "b/same_steps.py": GREET})

    python_code.load()

    assert [Path(p.file).parent.name for p in python_code.problems] == ["a", "b"]
    for problem in python_code.problems:
        assert str(Path("a/same_steps.py")) in problem.reason
        assert str(Path("b/same_steps.py")) in problem.reason


def test_two_helpers_of_one_name_are_refused_only_when_one_is_imported(
    write: Write, python_code: PythonCode
) -> None:
    files = {"a/twice.py": "", "b/twice.py": "", "greet_steps.py": GREET}
    write(files)
    python_code.load()
    before = python_code.problems

    write({"c/use_steps.py": "import twice\n"})
    python_code.load()

    (problem,) = python_code.problems
    assert before == ()
    assert problem.file.endswith("use_steps.py")
    assert "'twice' is used by" in problem.reason


def test_a_file_cannot_take_the_place_of_an_installed_module(
    write: Write, python_code: PythonCode
) -> None:
    write(
        {"json.py": "raise RuntimeError('hijacked')\n", "use_steps.py": "import json\njson.dumps\n"}
    )

    python_code.load()

    assert python_code.problems == ()
    assert sys.modules["json"].__spec__ is not None


def test_a_name_that_two_modules_declare_belongs_to_the_first(
    write: Write, python_code: PythonCode
) -> None:
    write({"a_steps.py": GREET, "b_steps.py": GREET.replace('"wave"', '"wave2"')})

    python_code.load()

    (problem,) = python_code.problems
    assert problem.file.endswith("b_steps.py")
    assert "'Greetings::Greet' is declared in" in problem.reason
    assert "a_steps.py" in problem.reason


def test_loading_again_sees_changed_code(write: Write, python_code: PythonCode) -> None:
    write({"greet_steps.py": GREET, "words.py": "WORD = 1\n"})
    python_code.load()

    write({"greet_steps.py": GREET.replace('"wave"', '"salute"')})
    python_code.load()

    assert "salute" in python_code.declared
    assert "wave" not in python_code.declared


def test_two_directories_with_the_same_module_names_can_be_loaded_one_after_the_other(
    tmp_path: Path,
) -> None:
    codes = []
    for number in (1, 2):
        root = tmp_path / str(number)
        root.mkdir()
        (root / "answer_steps.py").write_text(
            "from ratchet_core.sdk import step_handler\nfrom answer_value import VALUE\n"
            "@step_handler(name='answer')\ndef answer(context):\n    return VALUE\n"
        )
        (root / "answer_value.py").write_text(f"VALUE = {number}\n")
        codes.append(loaded_code(PythonCode([root])))
    tables = [HandlerTable((), code) for code in codes]

    answers = [table.resolve("answer").process(None) for table in tables]  # type: ignore[arg-type]

    for code in codes:
        code.release()
    assert answers == [1, 2]
    assert "answer_value" not in sys.modules


def test_releasing_takes_the_modules_out(write: Write, python_code: PythonCode) -> None:
    write({"greet_steps.py": GREET})
    python_code.load()
    path_before = list(sys.path)

    python_code.release()

    assert "greet_steps" not in sys.modules
    assert sys.path == path_before
    with pytest.raises(DefinitionError):
        HandlerTable().resolve("greet_steps.Greet")


def test_a_yaml_file_alone_finds_the_modules_beside_it(write: Write) -> None:
    root = write({"flow.yaml": "", "greet_steps.py": GREET, "below/bad_steps.py": "1/0\n"})
    code = loaded_code(PythonCode([root / "flow.yaml", root / "absent.yaml"]))

    code.release()

    assert "wave" in code.declared
    assert code.problems == ()


def test_no_byte_code_is_written(write: Write, python_code: PythonCode, tmp_path: Path) -> None:
    write({"greet_steps.py": GREET})

    python_code.load()

    assert not list(tmp_path.rglob("*.pyc"))


def test_tests_of_steps_are_not_imported(write: Write, python_code: PythonCode) -> None:
    write({"test_greet_steps.py": "raise RuntimeError\n"})

    python_code.load()

    assert python_code.problems == ()


def test_problems_of_the_code_are_among_those_of_loading(load: Load) -> None:
    loaded = load({"bad_steps.py": "1/0\n", "good.js": "x"})

    assert [problem.line for problem in loaded.problems] == [1]
    assert [found.definition.name for found in loaded.definitions] == ["good"]
