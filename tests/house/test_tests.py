"""Rules for the tests themselves."""

from __future__ import annotations

import ast
import re

from tests.house.tree import ROOT, is_test, nodes_of, place, python_files

#: The highest number of each acceptance list; tests are named test_<list>_<number>_<sentence>.
ACCEPTANCE_ITEMS = {"ratchet": 113, "tasker": 69}
NUMBERED = re.compile(r"test_(ratchet|tasker)_(\d+)(_|$)")
#: A name may carry several numbers of one list: test_ratchet_022_023_<sentence>.
NUMBERS = re.compile(r"test_(ratchet|tasker)((?:_\d{3})+)(?:_|$)")
#: Items that promise nothing that a test could prove, and why.
NOT_PROVABLE = {
    ("ratchet", 85): "says what is not promised: consumers of real queues",
}

#: The one module that pauses, between two looks at the thing that a test waits for.
WAITING = ROOT / "tests" / "waiting.py"


def _test_functions() -> list[tuple[str, str]]:
    return [
        (place(path, node.lineno), node.name)
        for path in python_files()
        if is_test(path)
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]


def _sleeps(node: ast.AST) -> bool:
    """Tell whether `node` lets time pass; sleep(0) only lets others run."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    yields = [ast.dump(argument) for argument in node.args] == [ast.dump(ast.Constant(0))]
    return name == "sleep" and not yields


def test_no_test_sleeps() -> None:
    # Step code that tests run (`…_steps.py`) may take its time: that is its work.
    sleeping = [
        place(path, getattr(node, "lineno", 1))
        for path in python_files()
        if is_test(path) and path != WAITING and not path.stem.endswith("_steps")
        for node in nodes_of(path)
        if _sleeps(node)
    ]

    assert sleeping == []


def test_every_numbered_test_names_an_existing_acceptance_item() -> None:
    unknown = [
        f"{where} {name}"
        for where, name in _test_functions()
        if (match := NUMBERED.match(name)) and not 1 <= int(match[2]) <= ACCEPTANCE_ITEMS[match[1]]
    ]

    assert unknown == []


def test_acceptance_numbers_have_three_digits() -> None:
    crooked = [
        f"{where} {name}"
        for where, name in _test_functions()
        if (match := NUMBERED.match(name)) and len(match[2]) != len("001")
    ]

    assert crooked == []


def test_every_acceptance_item_has_a_test_that_carries_its_number() -> None:
    proven = {
        (match[1], int(number))
        for _, name in _test_functions()
        if (match := NUMBERS.match(name))
        for number in match[2].split("_")[1:]
    }
    asked = {(kind, n) for kind, last in ACCEPTANCE_ITEMS.items() for n in range(1, last + 1)}

    assert sorted(asked - proven - NOT_PROVABLE.keys()) == []


def test_unit_tests_mirror_the_rooms() -> None:
    rooms = {path.stem for path in (ROOT / "ratchet_core").iterdir()} | {"contrib"}
    folders = {path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir()}

    assert folders - rooms - {"__pycache__"} == set()
